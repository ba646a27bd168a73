//! Is what objects refer to there?

use crate::Error;
use crate::data::DataReader;
use crate::objects::{Beside, Objects, Presence};
use crate::sweep::{LostSpan, Sweep};
use filestorage::{Oid, RecordData, RecordHeader, Tid};
use pickle::record::{ClassName, RecordScanner, Reference};
use vfs::ReadAt;

/// What is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefsFinding {
    /// An object refers to others that are not there.
    Dangling(Dangling),
    /// What an object refers to is not known, or not all of it.
    Unreadable {
        /// The object.
        oid: Oid,
        /// Its last transaction.
        tid: Tid,
        /// Its current record.
        pos: u64,
        /// Its class, as far as it is known.
        class: String,
        /// Why.
        reason: String,
    },
    /// Objects in here are not known, so some that are told missing may be there.
    Lost(LostSpan),
}

/// An object with references that lead nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// The object that refers.
    pub oid: Oid,
    /// Its last transaction.
    pub tid: Tid,
    /// Its current record.
    pub pos: u64,
    /// Its class.
    pub class: String,
    /// What it refers to in vain, in the order of its references.
    pub references: Vec<BadReference>,
}

/// A reference that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadReference {
    /// The object that is not there.
    pub oid: Oid,
    /// Its class, as the reference has it.
    pub class: Option<String>,
    /// Why it is not there.
    pub reason: Reason,
}

/// Why an object is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no record of it.
    Missing,
    /// It was there, and the transaction that made it was undone, or it was deleted.
    Gone,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RefsSummary {
    /// Objects that exist.
    pub objects_count: u64,
    /// References of theirs to objects of the same database.
    pub references_count: u64,
    /// Those that lead nowhere.
    pub dangling_count: u64,
    /// Objects whose references are not all known.
    pub unreadable_count: u64,
}

/// Looks at every reference of every current record, in the order of the file, and hands what is wrong to `each`.
///
/// Memory: the index, about 7 bytes an object; besides the largest record.
///
/// # Errors
/// Where nothing looks like a database, where it cannot be read, and those of `each`.
pub fn refs(
    source: &dyn ReadAt,
    each: &mut dyn FnMut(RefsFinding) -> Result<(), Error>,
) -> Result<RefsSummary, Error> {
    let objects = Objects::of(source, &mut |beside| match beside {
        Beside::Lost(lost) => each(RefsFinding::Lost(lost)),
        Beside::Transaction(_) => Ok(()),
    })?;
    let mut summary = RefsSummary::default();
    objects.look_at_current(
        source,
        |looked: &mut Looked, sweep, header, data| looked.look(source, &objects, sweep, header, data),
        |looked| {
            summary.add(&looked.summary);
            looked.findings.into_iter().try_for_each(&mut *each)
        },
    )?;
    Ok(summary)
}

impl RefsSummary {
    fn add(&mut self, other: &RefsSummary) {
        self.objects_count += other.objects_count;
        self.references_count += other.references_count;
        self.dangling_count += other.dangling_count;
        self.unreadable_count += other.unreadable_count;
    }
}

/// What was found in one span.
#[derive(Default)]
struct Looked {
    reader: DataReader,
    scanner: RecordScanner,
    summary: RefsSummary,
    findings: Vec<RefsFinding>,
}

impl Looked {
    fn look(
        &mut self,
        source: &dyn ReadAt,
        objects: &Objects,
        sweep: &mut Sweep<'_>,
        header: &RecordHeader,
        data: RecordData,
    ) -> Result<(), Error> {
        let RecordHeader { oid, tid, pos, .. } = *header;
        let Looked { reader, scanner, summary, findings } = self;
        let bytes = match reader.read(source, sweep, header, data)? {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(()),
            Err(reason) => {
                summary.objects_count += 1;
                summary.unreadable_count += 1;
                let (class, reason) = (String::new(), reason.to_string());
                findings.push(RefsFinding::Unreadable { oid, tid, pos, class, reason });
                return Ok(());
            }
        };
        summary.objects_count += 1;
        let mut references = Vec::new();
        let scanned = scanner.scan(bytes, &mut |reference| {
            let Reference::Strong { oid, class } = reference else { return };
            summary.references_count += 1;
            let oid = Oid::from_be_bytes(oid);
            if let Some(reason) = reason(objects, oid) {
                let class = class.map(|class| class.to_string());
                references.push(BadReference { oid, class, reason });
            }
        });
        let class = || ClassName::of_record(bytes).to_string();
        if let Err(error) = scanned {
            summary.unreadable_count += 1;
            let reason = format!("its pickles cannot be read: {error}");
            findings.push(RefsFinding::Unreadable { oid, tid, pos, class: class(), reason });
        }
        if !references.is_empty() {
            summary.dangling_count += references.len() as u64;
            findings.push(RefsFinding::Dangling(Dangling { oid, tid, pos, class: class(), references }));
        }
        Ok(())
    }
}

/// Why an object is not there, if it is not.
fn reason(objects: &Objects, oid: Oid) -> Option<Reason> {
    match objects.presence(oid) {
        Presence::Here => None,
        Presence::Gone => Some(Reason::Gone),
        Presence::Unknown => Some(Reason::Missing),
    }
}
