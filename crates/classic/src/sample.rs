//! Which places of a chain a quick comparison looks at. Pure: lengths and a seed.

/// No place is longer, so this much is enough for a buffer.
pub(crate) const BLOCK_LEN: usize = 1 << 16;
/// A chain no longer than this is looked at whole.
const WHOLE_LEN: u64 = 5 << 20;
/// So much before the end, where the newest transactions stand.
const END_LEN: u64 = 1 << 20;
/// So many places in between, one in each of as many equal stretches.
const RANDOM_COUNT: u64 = 64;

/// Some bytes of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) pos: u64,
    /// 1 to [`BLOCK_LEN`].
    pub(crate) len: u64,
}

impl Place {
    /// What of it lies from `start_pos` to `end_pos`, if anything does.
    pub(crate) fn within(self, start_pos: u64, end_pos: u64) -> Option<Place> {
        let pos = self.pos.max(start_pos);
        let len = (self.pos + self.len).min(end_pos).checked_sub(pos)?;
        (len > 0).then_some(Place { pos, len })
    }

    /// The length of a buffer for it.
    pub(crate) fn buf_len(self) -> usize {
        usize::try_from(self.len).unwrap_or(BLOCK_LEN).min(BLOCK_LEN)
    }
}

/// Places of the first `end_pos` bytes, in order: the head, the last MiB, the beginning of the last transaction at
/// `last_pos`, and some that the seed chooses in each stretch. No more than 5.2 MiB in all.
pub(crate) fn places(end_pos: u64, last_pos: u64, seed: u64) -> Vec<Place> {
    if end_pos <= WHOLE_LEN {
        return blocks(0, end_pos).collect();
    }
    let block_len = BLOCK_LEN as u64;
    let mut random = fastrand::Rng::with_seed(seed);
    let last_start_pos = end_pos - block_len;
    let mut starts: Vec<u64> = vec![0, last_pos.min(last_start_pos)];
    let stretch_len = last_start_pos / RANDOM_COUNT;
    starts.extend((0..RANDOM_COUNT).map(|number| number * stretch_len + random.u64(0..=stretch_len)));
    let mut places: Vec<Place> = starts.into_iter().map(|pos| Place { pos, len: block_len }).collect();
    places.extend(blocks(end_pos - END_LEN, end_pos));
    places.sort();
    places
}

/// The stretch from `start_pos` to `end_pos` in blocks.
fn blocks(start_pos: u64, end_pos: u64) -> impl Iterator<Item = Place> {
    let starts = (start_pos..end_pos).step_by(BLOCK_LEN);
    starts.map(move |pos| Place { pos, len: (end_pos - pos).min(BLOCK_LEN as u64) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_chain_is_looked_at_whole() {
        for end_pos in [4, 27, 65_535, 65_536, 65_537, WHOLE_LEN] {
            let mut pos = 0;
            for place in places(end_pos, 4, 1) {
                assert_eq!(place.pos, pos, "of {end_pos}");
                assert!((1..=BLOCK_LEN as u64).contains(&place.len));
                pos += place.len;
            }
            assert_eq!(pos, end_pos);
        }
    }

    #[test]
    fn of_a_long_chain_the_head_the_end_and_the_last_transaction_are_always_among_the_places() {
        for (end_pos, last_pos) in [(WHOLE_LEN + 1, 4), (1 << 30, (1 << 30) - 27), (1 << 40, 1 << 39)] {
            for seed in 0..50 {
                let places = places(end_pos, last_pos, seed);
                let looked_at =
                    |pos: u64| places.iter().any(|place| place.pos <= pos && pos < place.pos + place.len);
                assert!(looked_at(0) && looked_at(65_535));
                assert!(
                    (end_pos - (1 << 20)..end_pos).step_by(4096).all(looked_at) && looked_at(end_pos - 1)
                );
                // Its header, with texts of any length, as far as it reaches.
                assert!((last_pos..(last_pos + 65_536).min(end_pos)).step_by(512).all(looked_at), "{seed}");
                assert!(places.iter().all(|place| place.pos + place.len <= end_pos));
                assert!(places.iter().map(|place| place.len).sum::<u64>() < 6 << 20);
            }
        }
    }

    /// Wherever 2 % of a database were changed in one piece, some place lies in it, whatever the seed.
    #[test]
    fn no_stretch_is_left_out() {
        let end_pos: u64 = 10 << 30;
        for seed in 0..50 {
            let places = places(end_pos, end_pos - 100, seed);
            for window in places.windows(2) {
                assert!(window[1].pos.saturating_sub(window[0].pos) <= end_pos / 32, "{seed}");
            }
        }
    }

    #[test]
    fn other_seeds_give_other_places() {
        assert_ne!(places(1 << 30, 4, 1), places(1 << 30, 4, 2));
        assert_eq!(places(1 << 30, 4, 1), places(1 << 30, 4, 1));
    }

    #[test]
    fn a_place_is_cut_at_the_ends_of_a_file() {
        let place = Place { pos: 10, len: 20 };
        for (start_pos, end_pos, inside) in [
            (0, 10, None),
            (0, 11, Some((10, 1))),
            (12, 15, Some((12, 3))),
            (29, 99, Some((29, 1))),
            (30, 99, None),
            (0, 99, Some((10, 20))),
        ] {
            let found = place.within(start_pos, end_pos);
            assert_eq!(found, inside.map(|(pos, len)| Place { pos, len }), "{start_pos}..{end_pos}");
        }
    }
}
