//! The old forms: one pickle of a mapping with the keys `index` and `pos`.
//!
//! **Source:** index-format.md, section 5, and files written with ZODB 3.8.6 and 3.9.7.

use super::bucket::{Bucket, Entry, Prefix, PrefixOrder};
use super::tree::{TreeWalk, bucket_pairs};
use super::{Error, MIN_POS, POSITION_LIMIT, shape};
use crate::{Handle, Pickle, Value};

/// The end position and all buckets; those together take at most `max_len` bytes.
pub(super) fn read(pickle: &Pickle, max_len: u64) -> Result<(u64, Vec<Bucket>), Error> {
    let root = pickle.root();
    let pairs = mapping_pairs(pickle, root)?;
    let end_pos = shape::end_pos(pickle, required(pickle, root, &pairs, "pos")?)?;
    let index = required(pickle, root, &pairs, "index")?;
    let mut buckets = Buckets {
        pickle,
        end_pos,
        order: PrefixOrder::default(),
        list: Vec::new(),
        room_len: max_len,
        max_len,
    };
    match pickle.value(index) {
        Value::Dict(pairs) => buckets.add_plain(index, pairs)?,
        _ => buckets.add_fs_index(index)?,
    }
    Ok((end_pos, buckets.list))
}

/// Keys and values of the outermost mapping: a dict, or the OOBucket that ZODB 3.9 used for one.
fn mapping_pairs(pickle: &Pickle, root: Handle) -> Result<Vec<[Handle; 2]>, Error> {
    const EXPECTED: &str = "an end position or an old index";
    match (pickle.value(root), pickle.class_name(root)) {
        (Value::Dict(pairs), _) => Ok(pairs.to_vec()),
        (Value::Object { state: Some(state), .. }, Some((_, "OOBucket"))) => bucket_pairs(pickle, state),
        _ => Err(shape::wrong(pickle, root, EXPECTED)),
    }
}

/// The value of a key; of the last one if the key repeats, as in a dict.
fn lookup(pickle: &Pickle, pairs: &[[Handle; 2]], wanted: &str) -> Option<Handle> {
    let is_wanted = |key| match pickle.value(key) {
        Value::Text(text) => text == wanted,
        Value::Bytes(bytes) => bytes == wanted.as_bytes(),
        _ => false,
    };
    pairs.iter().rev().find(|[key, _]| is_wanted(*key)).map(|[_, value]| *value)
}

fn required(
    pickle: &Pickle,
    mapping: Handle,
    pairs: &[[Handle; 2]],
    key: &'static str,
) -> Result<Handle, Error> {
    lookup(pickle, pairs, key).ok_or(Error::MissingKey { pos: pickle.pos(mapping), key })
}

/// The bucket of a prefix and a packed byte string, both from the pickle.
pub(super) fn packed_bucket(
    pickle: &Pickle,
    [prefix, data]: [Handle; 2],
    end_pos: u64,
    order: &mut PrefixOrder,
) -> Result<Bucket, Error> {
    let prefix_pos = pickle.pos(prefix);
    let prefix = shape::array(pickle, prefix, "a prefix")?;
    order.advance(prefix, prefix_pos)?;
    let packed = shape::bytes(pickle, data, "a bucket")?;
    Bucket::decode(prefix, packed.to_vec(), end_pos, pickle.pos(data))
}

/// The buckets found so far.
struct Buckets<'p> {
    pickle: &'p Pickle,
    end_pos: u64,
    order: PrefixOrder,
    list: Vec<Bucket>,
    room_len: u64,
    max_len: u64,
}

impl Buckets<'_> {
    /// An `fsIndex` object: version 0 of its state has a BTree, version 1 a list.
    fn add_fs_index(&mut self, index: Handle) -> Result<(), Error> {
        let pickle = self.pickle;
        let (Value::Object { state: Some(state), .. }, Some((_, "fsIndex"))) =
            (pickle.value(index), pickle.class_name(index))
        else {
            return Err(shape::wrong(pickle, index, "a dict or an fsIndex"));
        };
        let Value::Dict(pairs) = pickle.value(state) else {
            return Err(shape::wrong(pickle, state, "the state of an fsIndex"));
        };
        let data = required(pickle, state, pairs, "_data")?;
        let Some(version) = lookup(pickle, pairs, "state_version") else {
            return self.add_tree(data);
        };
        match pickle.value(version) {
            Value::Int(0) => self.add_tree(data),
            Value::Int(1) => self.add_list(data),
            Value::Int(found) => Err(Error::StateVersion { pos: pickle.pos(version), found }),
            _ => Err(shape::wrong(pickle, version, "a state version")),
        }
    }

    /// A list of (prefix, packed bucket).
    fn add_list(&mut self, list: Handle) -> Result<(), Error> {
        let Value::List(items) = self.pickle.value(list) else {
            return Err(shape::wrong(self.pickle, list, "a list of buckets"));
        };
        for &item in items {
            let pair = shape::tuple(self.pickle, item, "a tuple of prefix and bucket")?;
            // Before it is copied: one byte string may be in the list many times.
            self.take_room(pair[1], shape::bytes(self.pickle, pair[1], "a bucket")?.len())?;
            let bucket = packed_bucket(self.pickle, pair, self.end_pos, &mut self.order)?;
            self.list.push(bucket);
        }
        Ok(())
    }

    /// A BTree from prefixes to BTrees from suffixes to positions, both as byte strings.
    fn add_tree(&mut self, tree: Handle) -> Result<(), Error> {
        let mut walk = TreeWalk::new(self.pickle);
        for [prefix, subtree] in walk.pairs(tree)? {
            let mut entries = Vec::new();
            for [suffix, position] in walk.pairs(subtree)? {
                entries.push(self.tree_entry(suffix, position)?);
            }
            let prefix = shape::array(self.pickle, prefix, "a prefix")?;
            self.add_entries(prefix, &entries, subtree)?;
        }
        Ok(())
    }

    fn tree_entry(&self, suffix: Handle, position: Handle) -> Result<Entry, Error> {
        let suffix = u16::from_be_bytes(shape::array(self.pickle, suffix, "a suffix")?);
        let [a, b, c, d, e, f] = shape::array(self.pickle, position, "a position")?;
        Ok((suffix, u64::from_be_bytes([0, 0, a, b, c, d, e, f])))
    }

    /// A dict from oids to integers, in no order.
    fn add_plain(&mut self, dict: Handle, pairs: &[[Handle; 2]]) -> Result<(), Error> {
        let limit = self.end_pos.min(POSITION_LIMIT);
        let mut places = Vec::with_capacity(pairs.len());
        for (entry_index, &[oid, place]) in pairs.iter().enumerate() {
            let oid = u64::from_be_bytes(shape::array(self.pickle, oid, "an oid")?);
            let Value::Int(number) = self.pickle.value(place) else {
                return Err(shape::wrong(self.pickle, place, "a position"));
            };
            let found = u64::try_from(number).unwrap_or(0);
            if !(MIN_POS..limit).contains(&found) {
                return Err(Error::PositionRange { pos: self.pickle.pos(dict), entry_index, found, limit });
            }
            places.push((oid, found));
        }
        places.sort_unstable();
        if let Some(twins) = places.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::DuplicateOid { pos: self.pickle.pos(dict), oid: twins[0].0 });
        }
        for group in places.chunk_by(|a, b| a.0 >> 16 == b.0 >> 16) {
            self.add_group(group, dict)?;
        }
        Ok(())
    }

    /// Oids and positions of one prefix.
    fn add_group(&mut self, group: &[(u64, u64)], dict: Handle) -> Result<(), Error> {
        let mut prefix = Prefix::default();
        let entries: Vec<Entry> = group
            .iter()
            .map(|(oid, position)| {
                let [a, b, c, d, e, f, suffix @ ..] = oid.to_be_bytes();
                prefix = [a, b, c, d, e, f];
                (u16::from_be_bytes(suffix), *position)
            })
            .collect();
        self.add_entries(prefix, &entries, dict)
    }

    fn add_entries(&mut self, prefix: Prefix, entries: &[Entry], source: Handle) -> Result<(), Error> {
        let pos = self.pickle.pos(source);
        self.order.advance(prefix, pos)?;
        let bucket = Bucket::encode(prefix, entries, self.end_pos, pos)?;
        self.take_room(source, bucket.data().len())?;
        self.list.push(bucket);
        Ok(())
    }

    fn take_room(&mut self, source: Handle, data_len: usize) -> Result<(), Error> {
        let room_len = self.room_len.checked_sub(data_len as u64);
        self.room_len =
            room_len.ok_or(Error::TooLarge { pos: self.pickle.pos(source), limit: self.max_len })?;
        Ok(())
    }
}
