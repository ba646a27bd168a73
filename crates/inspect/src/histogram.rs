use crate::Amount;

/// How many there are of which length, in powers of two.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    /// The one at N is of what is longer than 2^(N-1) and not longer than 2^N.
    bins: Vec<Amount>,
}

impl Histogram {
    /// Counts one more.
    pub(crate) fn add(&mut self, len: u64) {
        let at = usize::try_from(u64::BITS - len.saturating_sub(1).leading_zeros()).unwrap_or_default();
        self.bins.resize(self.bins.len().max(at + 1), Amount::default());
        self.bins[at] += Amount::one(len);
    }

    /// Counts all of another one.
    pub(crate) fn add_all(&mut self, other: &Histogram) {
        self.bins.resize(self.bins.len().max(other.bins.len()), Amount::default());
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            *bin += *more;
        }
    }

    /// The longest length that each bin counts, and how many it has; from the first that has any to the last.
    pub fn bins(&self) -> impl Iterator<Item = (u64, Amount)> + '_ {
        let longest =
            |at: usize| u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or(u64::MAX);
        let bins = self.bins.iter().enumerate().map(move |(at, amount)| (longest(at), *amount));
        bins.skip_while(|(_, amount)| amount.count == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_is_counted_in_the_first_bin_that_has_room_for_it() {
        let mut lengths = Histogram::default();
        assert_eq!(lengths.bins().count(), 0);
        for len in [3, 4, 5, 8, 9, 1 << 40, (1 << 40) + 1] {
            lengths.add(len);
        }
        let bins: Vec<(u64, u64, u64)> =
            lengths.bins().map(|(longest, amount)| (longest, amount.count, amount.len)).collect();
        assert_eq!(bins[..3], [(4, 2, 7), (8, 2, 13), (16, 1, 9)]);
        assert_eq!(bins[3..bins.len() - 2].iter().map(|bin| bin.1).sum::<u64>(), 0);
        assert_eq!(bins[bins.len() - 2..], [(1 << 40, 1, 1 << 40), (1 << 41, 1, (1 << 40) + 1)]);
        let mut short = Histogram::default();
        for len in [0, 1, u64::MAX] {
            short.add(len);
        }
        short.add_all(&Histogram::default());
        lengths.add_all(&short);
        assert_eq!(lengths.bins().next(), Some((1, Amount { count: 2, len: 1 })));
        assert_eq!(lengths.bins().last(), Some((u64::MAX, Amount { count: 1, len: u64::MAX })));
    }
}
