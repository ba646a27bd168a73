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

    /// The number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Oid {
    /// `0x` and 16 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:016x}", self.0)
    }
}
