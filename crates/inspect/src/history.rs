//! What became of one object, and who referred to it.

use crate::data::DataReader;
use crate::dump::{DumpedState, back_tid, state};
use crate::graph::{object, strong};
use crate::objects::{Beside, Objects};
use crate::sweep::LostSpan;
use crate::{Error, Object};
use filestorage::{Oid, RecordHeader, Tid};
use pickle::record::RecordScanner;
use vfs::ReadAt;

/// Something that a transaction did to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryEntry {
    /// A data record of it.
    Record {
        /// Its header.
        header: RecordHeader,
        /// What it makes of the object.
        state: DumpedState<'static>,
        /// The transaction of the record that its back pointer leads to, if it has one.
        back_tid: Option<Tid>,
    },
    /// A record of another object, or of the object itself, that refers to it.
    Referrer(Object),
    /// Bytes in which there may be more of it.
    Lost(LostSpan),
}

/// Hands what is lost to `each`; then each record of the object and each one that refers to it, of all revisions, in the
/// order of the file. Whether there is a record of it.
///
/// Memory: the index, about 7 bytes an object; besides the largest record.
///
/// # Errors
/// Where nothing looks like a database, where it cannot be read, and those of `each`.
pub fn history(
    source: &dyn ReadAt,
    oid: Oid,
    each: &mut dyn FnMut(HistoryEntry) -> Result<(), Error>,
) -> Result<bool, Error> {
    let objects = Objects::of(source, &mut |beside| match beside {
        Beside::Lost(lost) => each(HistoryEntry::Lost(lost)),
        Beside::Transaction(_) => Ok(()),
    })?;
    let mut is_known = false;
    objects.look_at_records(
        source,
        |found: &mut Found, met| {
            let header = met.header;
            let Found { reader, scanner, entries } = found;
            if header.oid == oid {
                let state = state(reader.read_stored(met)?).into_owned();
                let back_tid = back_tid(source, met.data)?;
                entries.push(HistoryEntry::Record { header, state, back_tid });
            }
            let Ok(Some(bytes)) = reader.read(met)? else { return Ok(()) };
            let mut refers = false;
            // What cannot be read is told by `check --deep`.
            let _ = scanner.scan(bytes, &mut |reference| refers |= strong(&reference) == Some(oid));
            if refers {
                entries.push(HistoryEntry::Referrer(object(&header, bytes)));
            }
            Ok(())
        },
        |found| {
            is_known |= found.entries.iter().any(|entry| matches!(entry, HistoryEntry::Record { .. }));
            found.entries.into_iter().try_for_each(&mut *each)
        },
    )?;
    Ok(is_known)
}

/// Those in one span.
#[derive(Default)]
struct Found {
    reader: DataReader,
    scanner: RecordScanner,
    entries: Vec<HistoryEntry>,
}
