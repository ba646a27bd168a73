//! BTrees as they are pickled, taken apart without recursion.
//!
//! **Source:** `__getstate__` of BTrees 6.5 and the files written with ZODB 3.8.6 and 3.9.7:
//!
//! | object | state |
//! | --- | --- |
//! | bucket | `((key, value, key, value, ...),)` or `((key, value, ...), next bucket)` |
//! | tree without entries | None, or no state at all |
//! | tree of one bucket | `((state of the bucket,),)` |
//! | other tree | `((child, key, child, key, ..., child), first bucket)` |

use std::collections::HashSet;

use super::{Error, shape};
use crate::{Handle, Pickle, Value};

/// Keys and values in the state of a bucket.
pub(super) fn bucket_pairs(pickle: &Pickle, state: Handle) -> Result<Vec<[Handle; 2]>, Error> {
    const EXPECTED: &str = "the state of a BTree bucket";
    let Value::Tuple([items, ..]) = pickle.value(state) else {
        return Err(shape::wrong(pickle, state, EXPECTED));
    };
    let Value::Tuple(items) = pickle.value(*items) else {
        return Err(shape::wrong(pickle, *items, EXPECTED));
    };
    match items.as_chunks() {
        (pairs, []) => Ok(pairs.to_vec()),
        _ => Err(shape::wrong(pickle, state, EXPECTED)),
    }
}

/// Reads trees of one pickle, no node of them twice.
///
/// A genuine tree never shares a node; a forged one could use that to unfold without end.
pub(super) struct TreeWalk<'p> {
    pickle: &'p Pickle,
    seen: HashSet<Handle>,
}

impl<'p> TreeWalk<'p> {
    pub(super) fn new(pickle: &'p Pickle) -> Self {
        Self { pickle, seen: HashSet::new() }
    }

    /// Keys and values of a BTree or bucket, in the order of its leaves.
    pub(super) fn pairs(&mut self, tree: Handle) -> Result<Vec<[Handle; 2]>, Error> {
        let mut pairs = Vec::new();
        let mut waiting = vec![tree];
        while let Some(node) = waiting.pop() {
            if !self.seen.insert(node) {
                return Err(Error::SharedNode { pos: self.pickle.pos(node) });
            }
            match self.contents(node)? {
                Contents::Nothing => {}
                Contents::Leaf(state) => pairs.append(&mut bucket_pairs(self.pickle, state)?),
                // The last one in is the first one out.
                Contents::Branch(children) => waiting.extend(children.iter().step_by(2).rev()),
            }
        }
        Ok(pairs)
    }

    fn contents(&self, node: Handle) -> Result<Contents<'p>, Error> {
        let pickle = self.pickle;
        let (Value::Object { state, .. }, Some((_, class))) = (pickle.value(node), pickle.class_name(node))
        else {
            return Err(shape::wrong(pickle, node, "a BTree"));
        };
        let Some(state) = state.filter(|&state| pickle.value(state) != Value::None) else {
            return Ok(Contents::Nothing);
        };
        if class.ends_with("Bucket") {
            return Ok(Contents::Leaf(state));
        }
        if !class.ends_with("BTree") {
            return Err(shape::wrong(pickle, node, "a BTree"));
        }
        match pickle.value(state) {
            Value::Tuple(&[only]) => {
                let [leaf] = shape::tuple(pickle, only, "the only bucket of a BTree")?;
                Ok(Contents::Leaf(leaf))
            }
            Value::Tuple(&[children, _first]) => match pickle.value(children) {
                Value::Tuple(children) if children.len() % 2 == 1 => Ok(Contents::Branch(children)),
                _ => Err(shape::wrong(pickle, children, "the children of a BTree")),
            },
            _ => Err(shape::wrong(pickle, state, "the state of a BTree")),
        }
    }
}

/// What a node of a BTree has in it.
enum Contents<'p> {
    Nothing,
    /// The state of a bucket.
    Leaf(Handle),
    /// Children, with a key between each two.
    Branch(&'p [Handle]),
}
