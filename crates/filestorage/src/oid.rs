use std::fmt;

/// An object id: eight opaque bytes, ordered as a big-endian number. The root object is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Oid(u64);

impl Oid {
    /// The root object.
    pub const ROOT: Oid = Oid(0);

    /// The oid with this number.
    pub const fn new(number: u64) -> Oid {
        Oid(number)
    }

    /// The oid in these bytes of a file.
    pub const fn from_be_bytes(bytes: [u8; 8]) -> Oid {
        Oid(u64::from_be_bytes(bytes))
    }

    /// As ZODB shows it: `0x` and hex digits, without the bytes at its beginning that are zero.
    pub fn short(self) -> String {
        short_hex(self.0)
    }

    /// The number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// `0x` and the bytes of a number in hex without those before it that are zero, at least one: ZODB's `oid_repr`.
pub(crate) fn short_hex(number: u64) -> String {
    let digits = format!("{number:x}");
    if digits.len() % 2 == 0 { format!("0x{digits}") } else { format!("0x0{digits}") }
}

impl fmt::Display for Oid {
    /// `0x` and 16 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oid_is_shown_in_hex_as_it_stands_in_the_file() {
        let oid = Oid::from_be_bytes([0, 0, 0, 0, 0, 1, 0x86, 0xa0]);
        assert_eq!((oid.number(), oid.to_string().as_str()), (100_000, "0x00000000000186a0"));
        assert_eq!([oid, Oid::ROOT, Oid::new(0xab)].map(Oid::short), ["0x0186a0", "0x00", "0xab"]);
    }
}
