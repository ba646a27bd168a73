use fastrand::Rng;

/// Changes bytes as a fuzzer does, from a seed: for runs without one, which must be the same each time.
pub struct Mutator {
    rng: Rng,
    max_len: usize,
}

/// Numbers at which arithmetic goes wrong.
const EDGES: [u64; 12] =
    [0, 1, 7, 8, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, (1 << 48) - 1, i64::MAX as u64, u64::MAX];

impl Mutator {
    /// One that makes nothing longer than `max_len`, except by what was longer before.
    pub fn new(seed: u64, max_len: usize) -> Mutator {
        Mutator { rng: Rng::with_seed(seed), max_len }
    }

    /// A mutation of one of `inputs`, which has pieces of the others.
    pub fn next(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.rng.choice(inputs).cloned().unwrap_or_default();
        for _ in 0..self.rng.usize(1..=4) {
            self.change(&mut bytes, inputs);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let at = self.rng.usize(..=bytes.len());
        let len = self.rng.usize(..=(bytes.len() - at).min(64));
        match self.rng.u8(..8) {
            0 => self.flip(bytes),
            1 => drop(bytes.drain(at..at + len)),
            2 => bytes.truncate(at),
            3 if bytes.len() < self.max_len => {
                let copy = bytes[at..at + len].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            4 => {
                let other = self.rng.choice(inputs).cloned().unwrap_or_default();
                let from = self.rng.usize(..=other.len());
                let to = self.rng.usize(from..=other.len()).min(from + 64);
                drop(bytes.splice(at..at + len, other[from..to].iter().copied()));
            }
            5 => {
                let byte = self.rng.u8(..);
                bytes[at..at + len].fill(byte);
            }
            _ => self.put_number(&mut bytes[at..]),
        }
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        if !bytes.is_empty() {
            let at = self.rng.usize(..bytes.len());
            bytes[at] ^= 1 << self.rng.u8(..8);
        }
    }

    /// A number at an edge, or one that was there and is one more or less, in 1, 2, 4 or 8 bytes of either order.
    fn put_number(&mut self, bytes: &mut [u8]) {
        let width = 1_usize << self.rng.u8(..4);
        let Some(place) = bytes.get_mut(..width) else { return };
        let big = self.rng.bool();
        let mut old = [0; 8];
        old[8 - width..].copy_from_slice(place);
        if !big {
            old[8 - width..].reverse();
        }
        let number = match self.rng.u8(..3) {
            0 => EDGES[self.rng.usize(..EDGES.len())],
            1 => u64::from_be_bytes(old).wrapping_add(self.rng.u64(1..20)),
            _ => u64::from_be_bytes(old).wrapping_sub(self.rng.u64(1..20)),
        };
        let new = number.to_be_bytes();
        place.copy_from_slice(&new[8 - width..]);
        if !big {
            place.reverse();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_mutations_each_time_and_another_seed_others() {
        let inputs = [b"one input".to_vec(), vec![7; 100]];
        let some = |seed| {
            let mut mutator = Mutator::new(seed, 200);
            (0..100).map(|_| mutator.next(&inputs)).collect::<Vec<_>>()
        };
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
        assert!(some(1).iter().any(|bytes| bytes.len() > 100));
    }
}
