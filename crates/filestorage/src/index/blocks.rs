use crate::{Error, Oid, RecordData, RecordHeader, Visitor};
use std::collections::BTreeMap;

/// Positions are kept and stored in six bytes.
const POSITION_LIMIT: u64 = 1 << 48;
const BLOCK_OIDS: usize = 256;
/// So many blocks may be empty in any case; each takes 56 bytes.
const NEAR_COUNT: usize = 16;

/// Which record is the current one of each object: oid to position.
///
/// Oids are handed out in sequence, so they are kept in blocks of 256: a bitmap of those present and their
/// positions, six bytes each, in order. That takes about 7 bytes an object where all are in use, and stays
/// below 16 down to one object in twenty. A block is found by its number, and by a search where many before it are empty.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// The first ones, one behind the other.
    near: Vec<Block>,
    /// Those behind them.
    far: BTreeMap<u64, Block>,
    /// Blocks of both with an object in them.
    used_count: usize,
    count: u64,
    too_large: Option<u64>,
}

#[derive(Debug, Clone, Default)]
struct Block {
    present: [u64; BLOCK_OIDS / 64],
    positions: Vec<[u8; 6]>,
}

impl Block {
    fn rank(&self, slot: usize) -> (bool, usize) {
        let (word, bit) = (slot / 64, 1_u64 << (slot % 64));
        let before: u32 = self.present[..word].iter().map(|bits| bits.count_ones()).sum();
        let within = (self.present[word] & (bit - 1)).count_ones();
        (self.present[word] & bit != 0, (before + within) as usize)
    }

    /// What the slot had before.
    fn set(&mut self, slot: usize, position: [u8; 6]) -> Option<[u8; 6]> {
        let (present, rank) = self.rank(slot);
        if present {
            return Some(std::mem::replace(&mut self.positions[rank], position));
        }
        if self.positions.len() == self.positions.capacity() {
            // A quarter more instead of twice as much: the limit is on bytes an object.
            self.positions.reserve_exact(self.positions.len() / 4 + 8);
        }
        self.positions.insert(rank, position);
        self.present[slot / 64] |= 1 << (slot % 64);
        None
    }

    fn iter(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let slots = (0..BLOCK_OIDS).filter(|slot| self.present[slot / 64] >> (slot % 64) & 1 == 1);
        slots.zip(self.positions.iter().map(|position| unpack(*position)))
    }
}

fn pack(pos: u64) -> [u8; 6] {
    let [_, _, bytes @ ..] = pos.to_be_bytes();
    bytes
}

fn unpack([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

fn split(oid: Oid) -> (u64, usize) {
    let number = oid.number();
    (number >> 8, usize::from(number.to_be_bytes()[7]))
}

impl Index {
    /// An index of no object.
    pub fn new() -> Index {
        Index::default()
    }

    /// The number of objects.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The position of an object's current record.
    pub fn get(&self, oid: Oid) -> Option<u64> {
        let (number, slot) = split(oid);
        let near = usize::try_from(number).ok().and_then(|at| self.near.get(at));
        let block = near.or_else(|| self.far.get(&number))?;
        let (present, rank) = block.rank(slot);
        present.then(|| unpack(block.positions[rank]))
    }

    /// Makes `pos` the position of the object's current record; the one that was it before.
    ///
    /// # Errors
    /// [`Error::PositionTooLarge`] from 2^48 on.
    pub fn insert(&mut self, oid: Oid, pos: u64) -> Result<Option<u64>, Error> {
        if pos >= POSITION_LIMIT {
            return Err(Error::PositionTooLarge { pos });
        }
        let (number, slot) = split(oid);
        let block = self.block(number);
        let is_first = block.positions.is_empty();
        let before = block.set(slot, pack(pos));
        self.used_count += usize::from(is_first);
        self.count += u64::from(before.is_none());
        Ok(before.map(unpack))
    }

    /// The block of this number, made if it is not there.
    fn block(&mut self, number: u64) -> &mut Block {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        if at >= self.near.len() {
            // So there are at most two that are empty for each that is not.
            if at / 2 > self.used_count + NEAR_COUNT {
                return self.far.entry(number).or_default();
            }
            self.near.resize_with(at + 1, Block::default);
            while let Some(first) = self.far.first_entry().filter(|first| *first.key() <= number) {
                let at = usize::try_from(*first.key()).unwrap_or(at);
                self.near[at] = first.remove();
            }
        }
        &mut self.near[at]
    }

    /// All objects with their positions, in ascending order of oid.
    pub fn iter(&self) -> impl Iterator<Item = (Oid, u64)> + '_ {
        let near = (0..).zip(&self.near);
        near.chain(self.far.iter().map(|(number, block)| (*number, block))).flat_map(|(number, block)| {
            let first = number << 8;
            block.iter().map(move |(slot, pos)| (Oid::new(first | slot as u64), pos))
        })
    }

    /// Whether a scan met a record that no index can point at.
    ///
    /// # Errors
    /// [`Error::PositionTooLarge`] with the first such position.
    pub fn check(&self) -> Result<(), Error> {
        self.too_large.map_or(Ok(()), |pos| Err(Error::PositionTooLarge { pos }))
    }
}

/// A scan with an index as its visitor fills it; [`Index::check`] tells afterwards whether all fitted.
impl Visitor for Index {
    fn record(&mut self, header: &RecordHeader, _data: RecordData) {
        if self.insert(header.oid, header.pos).is_err() {
            self.too_large.get_or_insert(header.pos);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn behaves_like_a_sorted_map(
            entries in proptest::collection::vec((0_u64..2000, 4_u64..POSITION_LIMIT), 0..600),
            between in proptest::collection::vec((0_u64..100_000, 4_u64..1000), 0..50),
            far in proptest::collection::vec((any::<u64>(), 4_u64..1000), 0..20),
        ) {
            let mut index = Index::new();
            let mut map = BTreeMap::new();
            for (oid, pos) in far.into_iter().chain(between).chain(entries) {
                prop_assert_eq!(index.insert(Oid::new(oid), pos).unwrap(), map.insert(oid, pos));
            }
            prop_assert_eq!((index.len(), index.is_empty()), (map.len() as u64, map.is_empty()));
            let all: Vec<_> = index.iter().map(|(oid, pos)| (oid.number(), pos)).collect();
            prop_assert_eq!(all, map.clone().into_iter().collect::<Vec<_>>());
            prop_assert!(index.near.len() <= 2 * (index.used_count + NEAR_COUNT + 1));
            let used = index.near.iter().chain(index.far.values()).filter(|block| !block.positions.is_empty());
            prop_assert_eq!(used.count(), index.used_count);
            for oid in 0..2000 {
                prop_assert_eq!(index.get(Oid::new(oid)), map.get(&oid).copied());
            }
        }
    }

    /// One object in each thirtieth block: they are searched for, and cost no more than they have.
    #[test]
    fn sparse_oids_take_no_room_for_what_is_between() {
        let mut index = Index::new();
        for number in 0..1000_u64 {
            index.insert(Oid::new(number * 30 * 256), 4).unwrap();
        }
        assert!(index.near.len() < 2100, "{}", index.near.len());
        for number in 0..30 * 1000_u64 {
            index.insert(Oid::new(number * 256), 5).unwrap();
        }
        assert_eq!((index.far.len(), index.len()), (0, 30_000));
        assert!(index.iter().all(|(_, pos)| pos == 5) && index.iter().count() == 30_000);
    }

    #[test]
    fn a_position_of_2_to_the_48_is_refused_not_cut_short() {
        let mut index = Index::new();
        index.insert(Oid::ROOT, POSITION_LIMIT - 1).unwrap();
        assert_eq!(index.get(Oid::ROOT), Some(POSITION_LIMIT - 1));
        assert!(matches!(index.insert(Oid::ROOT, POSITION_LIMIT), Err(Error::PositionTooLarge { .. })));
    }

    #[test]
    fn a_scan_tells_the_first_record_that_no_index_can_point_at() {
        let mut header = RecordHeader::decode(0, &[0; RecordHeader::FIXED_LEN]);
        let mut index = Index::new();
        assert!(index.is_empty());
        index.record(&header, RecordData::Gone);
        assert!(index.check().is_ok());
        for pos in [POSITION_LIMIT + 7, POSITION_LIMIT] {
            header.pos = pos;
            index.record(&header, RecordData::Gone);
        }
        assert!(matches!(index.check(), Err(Error::PositionTooLarge { pos }) if pos == POSITION_LIMIT + 7));
        assert_eq!(index.get(Oid::ROOT), Some(0), "what it has is not changed");
    }

    /// The memory of a big database's index is what it holds, not what it could; and it is not moved for each object.
    #[test]
    fn a_block_keeps_room_for_a_quarter_more_than_it_holds_and_grows_seldom() {
        let mut index = Index::new();
        let mut capacities = std::collections::BTreeSet::new();
        for oid in 0..256 {
            index.insert(Oid::new(oid), oid + 4).unwrap();
            let positions = &index.near[0].positions;
            let spare_len = positions.capacity() - positions.len();
            assert!(spare_len <= positions.len() / 4 + 8, "{spare_len} behind {}", positions.len());
            capacities.insert(positions.capacity());
        }
        assert!(capacities.len() < 30, "{capacities:?}");
    }

    #[test]
    fn a_dense_index_takes_under_16_bytes_an_object() {
        let mut index = Index::new();
        for oid in 0..100_000 {
            index.insert(Oid::new(oid), oid + 4).unwrap();
        }
        let positions_len: usize = index.near.iter().map(|block| block.positions.capacity() * 6).sum();
        assert!(index.far.is_empty());
        let heap_len = index.near.capacity() * size_of::<Block>() + positions_len;
        assert!(heap_len < 100_000 * 16, "{heap_len}");
    }
}
