use crate::oid::short_hex;
use crate::{Oid, Tid};

/// How the files of blobs are named below a blob directory.
///
/// **Source:** `ZODB.blob` of ZODB 6.4: the layouts `bushy` and `lawn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobLayout {
    /// A directory for each byte of the oid, in eight levels.
    Bushy,
    /// A directory for each oid.
    Lawn,
}

impl BlobLayout {
    /// The file in a blob directory that says which layout it has.
    pub const MARKER: &str = ".layout";
    const SUFFIX: &str = ".blob";

    /// What the marker says; `None` of a layout that holds no blobs of its own, as that of a client's cache.
    pub fn of_marker(marker: &str) -> Option<BlobLayout> {
        match marker.trim() {
            "bushy" => Some(BlobLayout::Bushy),
            "lawn" => Some(BlobLayout::Lawn),
            _ => None,
        }
    }

    /// What the marker of a directory of this layout says.
    pub fn marker(self) -> &'static str {
        match self {
            BlobLayout::Bushy => "bushy",
            BlobLayout::Lawn => "lawn",
        }
    }

    /// The layout of a directory without a marker that has these names in it.
    pub fn without_marker<'n>(names: impl IntoIterator<Item = &'n [u8]>) -> BlobLayout {
        let is_empty = names.into_iter().all(|name| name.starts_with(b"."));
        if is_empty { BlobLayout::Bushy } else { BlobLayout::Lawn }
    }

    /// How many directories lead to a file.
    pub fn depth(self) -> usize {
        match self {
            BlobLayout::Bushy => 8,
            BlobLayout::Lawn => 1,
        }
    }

    /// The directory of an object's blobs, below the blob directory.
    pub fn dir_of(self, oid: Oid) -> String {
        match self {
            BlobLayout::Bushy => oid.number().to_be_bytes().map(|byte| format!("0x{byte:02x}")).join("/"),
            BlobLayout::Lawn => oid.short(),
        }
    }

    /// The object whose blobs are in this directory below the blob directory.
    pub fn oid_of(self, dir: &str) -> Option<Oid> {
        let digits: String = match self {
            BlobLayout::Bushy => {
                dir.split('/').map(|level| level.strip_prefix("0x")).collect::<Option<_>>()?
            }
            BlobLayout::Lawn => dir.strip_prefix("0x")?.to_owned(),
        };
        let oid = u64::from_str_radix(&digits, 16).ok().map(Oid::new)?;
        // Whatever is written otherwise is no name of ZODB's.
        (self.dir_of(oid) == dir).then_some(oid)
    }

    /// The name of the file of one revision.
    pub fn file_of(tid: Tid) -> String {
        short_hex(tid.number()) + Self::SUFFIX
    }

    /// The revision whose file has this name; `None` of what is no blob.
    pub fn tid_of(name: &str) -> Option<Tid> {
        let digits = name.strip_suffix(Self::SUFFIX)?.strip_prefix("0x")?;
        let tid = u64::from_str_radix(digits, 16).ok().map(Tid::new)?;
        (Self::file_of(tid) == name).then_some(tid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As ZODB names them.
    #[test]
    fn each_revision_has_its_place_in_both_layouts() {
        let (bushy, lawn) = (BlobLayout::Bushy, BlobLayout::Lawn);
        for (number, in_bushy, in_lawn) in [
            (0, "0x00/0x00/0x00/0x00/0x00/0x00/0x00/0x00", "0x00"),
            (1, "0x00/0x00/0x00/0x00/0x00/0x00/0x00/0x01", "0x01"),
            (0x0102, "0x00/0x00/0x00/0x00/0x00/0x00/0x01/0x02", "0x0102"),
            (u64::MAX, "0xff/0xff/0xff/0xff/0xff/0xff/0xff/0xff", "0xffffffffffffffff"),
        ] {
            let oid = Oid::new(number);
            assert_eq!((bushy.dir_of(oid).as_str(), lawn.dir_of(oid).as_str()), (in_bushy, in_lawn));
            assert_eq!((bushy.oid_of(in_bushy), lawn.oid_of(in_lawn)), (Some(oid), Some(oid)));
        }
        let tid = Tid::new(0x03f4_7fbf_5666_6666);
        assert_eq!(BlobLayout::file_of(tid), "0x03f47fbf56666666.blob");
        assert_eq!(BlobLayout::tid_of("0x03f47fbf56666666.blob"), Some(tid));
    }

    #[test]
    fn other_names_are_no_blobs() {
        for dir in [
            "0x0/0x00/0x00/0x00/0x00/0x00/0x00/0x01",
            "0x00",
            "tmp",
            "",
            "0x00/0x00/0x00/0x00/0x00/0x00/0x00/0xAB",
        ] {
            assert_eq!(BlobLayout::Bushy.oid_of(dir), None, "{dir}");
        }
        for dir in ["0x1", "0x0001", "0xAB", "tmp", "1", "0x", "0x+1"] {
            assert_eq!(BlobLayout::Lawn.oid_of(dir), None, "{dir}");
        }
        for name in [
            "0x03f47fbf56666666",
            "0x03f47fbf56666666.tmp",
            "03f47fbf56666666.blob",
            ".blob",
            "0x3f47fbf56666666.blob",
        ] {
            assert_eq!(BlobLayout::tid_of(name), None, "{name}");
        }
    }

    #[test]
    fn the_marker_says_the_layout_and_without_it_what_is_there() {
        assert_eq!(BlobLayout::of_marker("bushy\n"), Some(BlobLayout::Bushy));
        assert_eq!(BlobLayout::of_marker("lawn"), Some(BlobLayout::Lawn));
        assert_eq!(BlobLayout::of_marker("zeocache"), None);
        assert_eq!(BlobLayout::without_marker([]), BlobLayout::Bushy);
        assert_eq!(BlobLayout::without_marker([&b".removed"[..]]), BlobLayout::Bushy);
        assert_eq!(BlobLayout::without_marker([&b".removed"[..], b"tmp"]), BlobLayout::Lawn);
    }
}
