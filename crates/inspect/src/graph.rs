//! Who refers to an object, and how one comes to it from the root.

use crate::Error;
use crate::data::{DataReader, MetRecord};
use crate::objects::{Objects, Presence};
use filestorage::{Index, Oid, RecordHeader, Tid, record_at};
use pickle::record::{ClassName, RecordScanner, Reference};
use std::collections::VecDeque;
use vfs::ReadAt;

/// An object as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The object.
    pub oid: Oid,
    /// Its last transaction.
    pub tid: Tid,
    /// Its current record.
    pub pos: u64,
    /// Its class, as far as it is known.
    pub class: String,
}

/// How one comes to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// From the root to the object, each referring to the next.
    From(Vec<Object>),
    /// It is there, and the root does not lead to it: a pack would remove it.
    Unreachable,
    /// It is not there any more.
    Gone,
    /// There never was such an object.
    Unknown,
}

/// Hands every object that refers to `oid` to `each`, in the order of the file.
///
/// # Errors
/// Where nothing looks like a database, where it cannot be read, and those of `each`.
pub fn referrers(
    source: &dyn ReadAt,
    oid: Oid,
    each: &mut dyn FnMut(Object) -> Result<(), Error>,
) -> Result<(), Error> {
    let objects = Objects::of(source, &mut |_| Ok(()))?;
    objects.look_at_current(
        source,
        |found: &mut Referrers, met| {
            let header = met.header;
            let Ok(Some(bytes)) = found.reader.read(met)? else { return Ok(()) };
            let mut refers = false;
            // What cannot be read is told by `refs`.
            let _ = found.scanner.scan(bytes, &mut |reference| refers |= strong(&reference) == Some(oid));
            if refers {
                found.objects.push(object(&header, bytes));
            }
            Ok(())
        },
        |found| found.objects.into_iter().try_for_each(&mut *each),
    )
}

/// Those in one span.
#[derive(Default)]
struct Referrers {
    reader: DataReader,
    scanner: RecordScanner,
    objects: Vec<Object>,
}

/// The shortest way from the root to an object.
///
/// Memory: about 8 bytes an object, and up to 24 for each that is nearer to the root.
///
/// # Errors
/// Where nothing looks like a database, and where it cannot be read.
pub fn path(source: &dyn ReadAt, oid: Oid) -> Result<Path, Error> {
    let objects = Objects::of(source, &mut |_| Ok(()))?;
    match objects.presence(oid) {
        Presence::Here => {}
        Presence::Gone => return Ok(Path::Gone),
        Presence::Unknown => return Ok(Path::Unknown),
    }
    let mut walk =
        Walk { source, objects: &objects, reader: DataReader::default(), scanner: RecordScanner::default() };
    let Some(from) = walk.predecessors(oid)? else { return Ok(Path::Unreachable) };
    let mut way = vec![oid];
    let mut last = oid;
    while last != Oid::ROOT
        && let Some(before) = from.get(last)
    {
        let Some(record) = record_at(source, before)? else { break };
        last = record.oid;
        way.push(last);
    }
    way.reverse();
    let found: Result<Vec<Option<Object>>, Error> = way.into_iter().map(|oid| walk.object(oid)).collect();
    Ok(Path::From(found?.into_iter().flatten().collect()))
}

struct Walk<'a> {
    source: &'a dyn ReadAt,
    objects: &'a Objects,
    reader: DataReader,
    scanner: RecordScanner,
}

impl Walk<'_> {
    /// The record that leads to each object, as far as it is nearer to the root than `oid`; `None` if none leads there.
    fn predecessors(&mut self, oid: Oid) -> Result<Option<Index>, Error> {
        let mut from = Index::new();
        from.insert(Oid::ROOT, 0)?;
        let mut waiting = VecDeque::from([Oid::ROOT]);
        while let Some(next) = waiting.pop_front() {
            if next == oid {
                return Ok(Some(from));
            }
            let Some((header, data)) = self.objects.record(self.source, next)? else { continue };
            let mut met = MetRecord { source: self.source, near: None, header, data };
            let Ok(Some(bytes)) = self.reader.read(&mut met)? else { continue };
            let _ = self.scanner.scan(bytes, &mut |reference| {
                // The position is one out of an index, so it fits.
                if let Some(to) = strong(&reference).filter(|to| from.get(*to).is_none())
                    && from.insert(to, header.pos).is_ok()
                {
                    waiting.push_back(to);
                }
            });
        }
        Ok(None)
    }

    fn object(&mut self, oid: Oid) -> Result<Option<Object>, Error> {
        let Some((header, data)) = self.objects.record(self.source, oid)? else { return Ok(None) };
        let mut met = MetRecord { source: self.source, near: None, header, data };
        let bytes = self.reader.read(&mut met)?;
        Ok(Some(object(&header, bytes.ok().flatten().unwrap_or_default())))
    }
}

/// The object that a record with this data makes.
pub(crate) fn object(header: &RecordHeader, bytes: &[u8]) -> Object {
    let class = ClassName::of_record(bytes).to_string();
    Object { oid: header.oid, tid: header.tid, pos: header.pos, class }
}

/// The object of this database that has to exist.
pub(crate) fn strong(reference: &Reference<'_>) -> Option<Oid> {
    match reference {
        Reference::Strong { oid, .. } => Some(Oid::from_be_bytes(*oid)),
        Reference::Other => None,
    }
}
