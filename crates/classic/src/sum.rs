use fast_md5::Md5;
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
pub(crate) struct Summing(Md5);

impl Default for Summing {
    fn default() -> Summing {
        Summing(Md5::new())
    }
}

impl Summing {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Sum {
        Sum(self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test suite of RFC 1321.
    #[test]
    fn sums_are_md5() {
        for (text, sum) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            assert_eq!(Sum::of(text.as_bytes()).to_string(), sum, "{text}");
            assert_eq!(Sum::parse(sum.to_uppercase().as_bytes()), Some(Sum::of(text.as_bytes())));
        }
    }

    #[test]
    fn a_sum_is_the_same_in_pieces_of_any_size() {
        let bytes: Vec<u8> = (0..1000_u32).flat_map(u32::to_be_bytes).collect();
        for piece_len in [1, 3, 55, 56, 63, 64, 65, 127, 128, 129, 1000] {
            let mut summing = Summing::default();
            bytes.chunks(piece_len).for_each(|piece| summing.add(piece));
            assert_eq!(summing.finish(), Sum::of(&bytes), "{piece_len}");
        }
    }

    #[test]
    fn what_is_no_sum_is_refused() {
        for bad in ["", "d41d8cd98f00b204e9800998ecf8427", "d41d8cd98f00b204e9800998ecf8427g"] {
            assert_eq!(Sum::parse(bad.as_bytes()), None);
        }
    }
}
