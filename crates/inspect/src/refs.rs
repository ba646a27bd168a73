//! Is what objects refer to there?

mod finding;
mod garbage;

pub use finding::{BadReference, BlobRevision, Dangling, Reason, RefsFinding};

use crate::classes::Classes;
use crate::data::{DataReader, MetRecord};
use crate::links::LinksPart;
use crate::objects::{Beside, Objects, Presence};
use crate::{Amount, Error};
use filestorage::{Oid, RecordHeader, Tid};
use garbage::Garbage;
use pickle::record::{ClassName, RecordScanner, Reference};
use vfs::ReadAt;

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
    /// Records of blobs, of all revisions, if they were looked at.
    pub blobs_count: u64,
    /// Those without their file.
    pub missing_blobs_count: u64,
    /// Files without a record.
    pub unnamed_blobs_count: u64,
    /// Objects that the root does not lead to, if they were looked for.
    pub unreachable: Option<Amount>,
}

/// What is looked for besides references that lead nowhere.
#[derive(Default)]
pub struct RefsRequest<'a> {
    /// Objects that the root does not lead to.
    pub garbage: bool,
    /// Blobs without their files and the other way round. It lists the revisions of which there are files, in order, and
    /// is asked when the last transaction is known: a file is there before its record.
    pub blobs: Option<&'a mut ListBlobs<'a>>,
}

/// Lists the revisions of blobs of which there are files.
pub type ListBlobs<'a> = dyn FnMut() -> Result<Vec<(Oid, Tid)>, Error> + 'a;

/// Looks at every reference of every current record, in the order of the file, and hands what is wrong to `each`.
///
/// Memory: the index, about 7 bytes an object; 16 for each file of a blob; for what the root does not lead to, 12 an object
/// and 2 or 3 a reference; besides the largest record.
///
/// # Errors
/// Where nothing looks like a database, where it cannot be read, and those of `each` and of the list.
pub fn refs(
    source: &dyn ReadAt,
    request: RefsRequest<'_>,
    each: &mut dyn FnMut(RefsFinding) -> Result<(), Error>,
) -> Result<RefsSummary, Error> {
    let (mut last_tid, mut is_lost) = (Tid::default(), false);
    let objects = Objects::of(source, &mut |beside| match beside {
        Beside::Lost(lost) => {
            is_lost = true;
            each(RefsFinding::Lost(lost))
        }
        Beside::Transaction(header) => {
            last_tid = last_tid.max(header.tid);
            Ok(())
        }
    })?;
    let files = request.blobs.map(|list| list()).transpose()?;
    let mut is_named = vec![false; files.as_ref().map_or(0, Vec::len)];
    let search = Search { objects: &objects, garbage: request.garbage, files: files.as_deref() };
    let (mut summary, mut garbage) = (RefsSummary::default(), Garbage::default());
    objects.look_at_records(
        source,
        |looked: &mut Looked, met| {
            looked.blob(&search, met)?;
            if objects.is_current(&met.header) { looked.references(&search, met) } else { Ok(()) }
        },
        |looked| {
            summary.add(&looked.summary);
            looked.named.into_iter().for_each(|at| is_named[at] = true);
            looked.findings.into_iter().try_for_each(&mut *each)?;
            garbage.add(looked.classes, looked.links)
        },
    )?;
    drop(objects);
    for (oid, tid) in unnamed(files.as_deref().unwrap_or_default(), &is_named, last_tid) {
        summary.unnamed_blobs_count += 1;
        each(RefsFinding::UnnamedBlob { oid, tid, is_lost })?;
    }
    if request.garbage {
        summary.unreachable = Some(garbage.tell(each)?);
    }
    Ok(summary)
}

impl RefsSummary {
    fn add(&mut self, other: &RefsSummary) {
        self.objects_count += other.objects_count;
        self.references_count += other.references_count;
        self.dangling_count += other.dangling_count;
        self.unreadable_count += other.unreadable_count;
        self.blobs_count += other.blobs_count;
        self.missing_blobs_count += other.missing_blobs_count;
    }
}

/// What is looked at, and for what.
struct Search<'a> {
    objects: &'a Objects,
    garbage: bool,
    /// The revisions of blobs of which there are files, in order.
    files: Option<&'a [(Oid, Tid)]>,
}

/// What was found in one span.
#[derive(Default)]
struct Looked {
    reader: DataReader,
    scanner: RecordScanner,
    summary: RefsSummary,
    findings: Vec<RefsFinding>,
    /// Files of blobs that records name, by their place in the list.
    named: Vec<usize>,
    classes: Classes,
    links: LinksPart,
}

impl Looked {
    /// Looks at what a current record refers to.
    fn references(&mut self, search: &Search<'_>, met: &mut MetRecord<'_, '_>) -> Result<(), Error> {
        let whole_len = if search.garbage { met.whole_len()? } else { None };
        let RecordHeader { oid, tid, pos, .. } = met.header;
        let Looked { reader, scanner, summary, findings, classes, links, .. } = self;
        let (bytes, unreadable) = match reader.read(met)? {
            Ok(Some(bytes)) => (bytes, None),
            Ok(None) => return Ok(()),
            Err(reason) => (&[][..], Some(reason.to_string())),
        };
        summary.objects_count += 1;
        let mut references = Vec::new();
        let scanned = scanner.scan(bytes, &mut |reference| {
            let Reference::Strong { oid, class } = reference else { return };
            summary.references_count += 1;
            let oid = Oid::from_be_bytes(oid);
            if let Some(reason) = reason(search.objects, oid) {
                let class = class.map(|class| class.to_string());
                references.push(BadReference { oid, class, reason });
            }
            if search.garbage {
                links.refer(oid);
            }
        });
        let class = ClassName::of_record(bytes);
        let unreadable =
            unreadable.or_else(|| scanned.err().map(|error| format!("its pickles cannot be read: {error}")));
        if let Some(reason) = unreadable {
            summary.unreadable_count += 1;
            findings.push(RefsFinding::Unreadable { oid, tid, pos, class: class.to_string(), reason });
        }
        if !references.is_empty() {
            summary.dangling_count += references.len() as u64;
            let class = class.to_string();
            findings.push(RefsFinding::Dangling(Dangling { oid, tid, pos, class, references }));
        }
        if let Some(whole_len) = whole_len {
            links.note(oid, classes.number(class), whole_len);
        }
        Ok(())
    }

    /// Looks for the file of a record, if it is one of a blob.
    fn blob(&mut self, search: &Search<'_>, met: &mut MetRecord<'_, '_>) -> Result<(), Error> {
        let Some(files) = search.files else { return Ok(()) };
        let RecordHeader { oid, tid, pos, .. } = met.header;
        // The file is that of the record, also where the data is that of another one, or cannot be read.
        let file = files.binary_search(&(oid, tid));
        self.named.extend(file);
        let Ok(Some(bytes)) = self.reader.read(met)? else { return Ok(()) };
        if !ClassName::of_record(bytes).is_blob() {
            return Ok(());
        }
        self.summary.blobs_count += 1;
        if file.is_err() {
            let is_current = search.objects.is_current(&met.header);
            self.summary.missing_blobs_count += 1;
            self.findings.push(RefsFinding::MissingBlob(BlobRevision { oid, tid, pos, is_current }));
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

/// The files that no record names. What is younger than the last transaction may be about to get its record.
fn unnamed<'f>(
    files: &'f [(Oid, Tid)],
    is_named: &'f [bool],
    last_tid: Tid,
) -> impl Iterator<Item = (Oid, Tid)> + 'f {
    let all = files.iter().zip(is_named);
    all.filter(move |((_, tid), is_named)| !**is_named && *tid <= last_tid).map(|(file, _)| *file)
}
