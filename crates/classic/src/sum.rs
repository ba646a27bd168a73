use md5::{Digest, Md5};
use std::fmt;

/// An MD5 of uncompressed bytes: what a `.dat` line promises.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sum([u8; 16]);

impl Sum {
    /// The sum in 32 hex digits of either case.
    pub fn parse(text: &[u8]) -> Option<Sum> {
        let digits: [u8; 32] = text.try_into().ok()?;
        let mut sum = [0; 16];
        for (byte, pair) in sum.iter_mut().zip(digits.chunks_exact(2)) {
            let digit =
                |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            *byte = digit(0)? << 4 | digit(1)?;
        }
        Some(Sum(sum))
    }

    /// The sum of `bytes`.
    pub fn of(bytes: &[u8]) -> Sum {
        let mut summing = Summing::default();
        summing.add(bytes);
        summing.finish()
    }
}

impl fmt::Display for Sum {
    /// 32 lower-case hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A sum that is being made.
#[derive(Clone, Default)]
pub(crate) struct Summing(Md5);

impl Summing {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Sum {
        Sum(self.0.finalize().into())
    }
}
