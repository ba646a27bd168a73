use std::fmt;

/// The BLAKE3 hash of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobHash([u8; 32]);

impl BlobHash {
    pub(crate) fn of(hasher: &blake3::Hasher) -> BlobHash {
        BlobHash(*hasher.finalize().as_bytes())
    }

    /// The first 16 of its digits, as a number.
    pub(crate) fn short_number(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(bytes)
    }

    /// The first 16 of its digits.
    pub(crate) fn short(&self) -> String {
        format!("{:016x}", self.short_number())
    }

    pub(crate) fn parse(digits: &str) -> Option<BlobHash> {
        // Upper-case digits were not written here.
        let is_ours = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        blake3::Hash::from_hex(digits).ok().filter(|_| is_ours).map(|hash| BlobHash(*hash.as_bytes()))
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a blob holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Content {
    /// Its length in bytes.
    pub(crate) len: u64,
    pub(crate) hash: BlobHash,
}
