use std::ops::AddAssign;

/// How many of something there are, and how long they are together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// Bytes of all of them.
    pub len: u64,
}

impl Amount {
    /// One of this length.
    pub(crate) fn one(len: u64) -> Amount {
        Amount { count: 1, len }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Amount) {
        self.count += other.count;
        self.len += other.len;
    }
}
