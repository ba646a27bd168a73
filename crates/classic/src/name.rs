use crate::Stamp;
use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// What a data file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BackupKind {
    /// The database from its first byte to a committed end.
    Full,
    /// What it grew by since the backup before.
    Incremental,
}

/// The name of a data file: `STAMP.fs`, `.fsz`, `.deltafs` or `.deltafsz`.
///
/// Ordered by stamp, and within one second the full first: Python can give an incremental the stamp of the
/// full that it builds on, and then loses sight of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BackupName {
    /// When it was made.
    pub stamp: Stamp,
    /// Full or incremental.
    pub kind: BackupKind,
    /// Whether its content is compressed with gzip.
    pub gzip: bool,
}

/// Behind the name of what was set aside.
pub(crate) const UNLISTED: &str = ".unlisted";

impl BackupName {
    /// The data file that `name` is the name of, if it is one.
    pub fn parse(name: &OsStr) -> Option<BackupName> {
        let (stamp, rest) = name.as_bytes().split_at_checked(Stamp::LEN)?;
        let (kind, gzip) = match rest {
            b".fs" => (BackupKind::Full, false),
            b".fsz" => (BackupKind::Full, true),
            b".deltafs" => (BackupKind::Incremental, false),
            b".deltafsz" => (BackupKind::Incremental, true),
            _ => return None,
        };
        Some(BackupName { stamp: Stamp::parse(stamp)?, kind, gzip })
    }

    /// The data file that was set aside under `name`, if one was: `STAMP.fs.unlisted`, and where that was taken
    /// `STAMP.fs.HEX.unlisted`.
    pub(crate) fn parse_set_aside(name: &OsStr) -> Option<BackupName> {
        let name = name.to_str()?.strip_suffix(UNLISTED)?;
        let end = name.match_indices('.').nth(1).map_or(name.len(), |(at, _)| at);
        BackupName::parse(OsStr::new(&name[..end]))
    }

    /// Whether this is a full backup.
    pub fn is_full(&self) -> bool {
        self.kind == BackupKind::Full
    }
}

impl Ord for BackupName {
    fn cmp(&self, other: &BackupName) -> Ordering {
        (self.stamp, self.kind, self.gzip).cmp(&(other.stamp, other.kind, other.gzip))
    }
}

impl PartialOrd for BackupName {
    fn partial_cmp(&self, other: &BackupName) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extension = match (self.kind, self.gzip) {
            (BackupKind::Full, false) => "fs",
            (BackupKind::Full, true) => "fsz",
            (BackupKind::Incremental, false) => "deltafs",
            (BackupKind::Incremental, true) => "deltafsz",
        };
        write!(f, "{}.{extension}", self.stamp)
    }
}

/// A file of a repository that is no data file but stands beside one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Companion {
    /// `STAMP.dat`: the list of a chain.
    Dat(Stamp),
    /// `STAMP.index`: the index of the database as of that backup.
    Index(Stamp),
    /// `STAMP.dat.removed`: the list of a chain whose removal has begun.
    Removed(Stamp),
    /// `STAMP.tags`: the tags of that backup.
    Tags(Stamp),
    /// `STAMP.blobs`: the blobs of that backup.
    Blobs(Stamp),
}

impl Companion {
    pub(crate) fn parse(name: &OsStr) -> Option<Companion> {
        let (stamp, rest) = name.as_bytes().split_at_checked(Stamp::LEN)?;
        let stamp = Stamp::parse(stamp)?;
        match rest {
            b".dat" => Some(Companion::Dat(stamp)),
            b".index" => Some(Companion::Index(stamp)),
            b".dat.removed" => Some(Companion::Removed(stamp)),
            b".tags" => Some(Companion::Tags(stamp)),
            b".blobs" => Some(Companion::Blobs(stamp)),
            _ => None,
        }
    }
}

impl fmt::Display for Companion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Companion::Dat(stamp) => write!(f, "{stamp}.dat"),
            Companion::Index(stamp) => write!(f, "{stamp}.index"),
            Companion::Removed(stamp) => write!(f, "{stamp}.dat.removed"),
            Companion::Tags(stamp) => write!(f, "{stamp}.tags"),
            Companion::Blobs(stamp) => write!(f, "{stamp}.blobs"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_four_extensions_make_a_data_file() {
        for (text, full, gzip) in [
            ("2010-05-14-12-52-31.fs", true, false),
            ("2010-05-14-12-52-31.fsz", true, true),
            ("2010-05-14-12-52-31.deltafs", false, false),
            ("2010-05-14-12-52-31.deltafsz", false, true),
        ] {
            let name = BackupName::parse(text.as_ref()).unwrap();
            assert_eq!((name.is_full(), name.gzip), (full, gzip));
            assert_eq!(name.to_string(), text);
        }
        for other in [
            "2010-05-14-12-52-31.dat",
            "2010-05-14-12-52-31.fs.part",
            "2010-05-14-12-52.fs",
            "tmp.tmp",
            "2010-05-14-12-52-31.fs\n",
            "2010-05-14-12-52-31.FS",
            "2010-05-14-12-52-31",
            "",
            "é",
            "2010-05-14-12-52-31.fs.0123456789abcdef.part",
            "2010-05-14-12-52-31.deltafs.unlisted",
        ] {
            assert_eq!(BackupName::parse(other.as_ref()), None, "{other}");
        }
    }

    #[test]
    fn within_a_second_the_full_comes_first() {
        let full = BackupName::parse("2010-05-14-12-52-31.fs".as_ref()).unwrap();
        let incremental = BackupName::parse("2010-05-14-12-52-31.deltafs".as_ref()).unwrap();
        let earlier = BackupName::parse("2010-05-14-12-52-30.deltafs".as_ref()).unwrap();
        assert!(earlier < full && full < incremental);
    }
}
