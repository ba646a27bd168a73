use super::Revision;
use crate::{Context, Error};
use filestorage::{Boundary, RecordData, RecordHeader, Resolved, Scan, Step, TransactionHeader, resolve};
use pickle::record::ClassName;
use std::path::Path;
use vfs::{Head, Op, ReadAt};

/// How an encrypted record begins.
const SEALED: &[u8] = b".e";
/// The record of a blob is a few names; a longer one is none.
const RECORD_LEN_LIMIT: u64 = 128;

/// What the record of an object says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordKind {
    /// It is one of a blob.
    Blob,
    /// It is encrypted (`cipher.encryptingstorage`): it may be one.
    Sealed,
}

/// Hands on the blobs that the transactions from `start` up to `end_pos` name, in the order of their records; one may come
/// twice. Behind damage it goes on with the next sound transaction; how many bytes were passed over.
///
/// # Errors
/// An interruption, the system's; damaged transactions are passed over.
pub(super) fn gather(
    ctx: &Context<'_>,
    path: &Path,
    source: &dyn ReadAt,
    start: Boundary,
    end_pos: u64,
    mut each: impl FnMut(Revision, RecordKind),
) -> Result<u64, Error> {
    let head = Head::new(source, end_pos);
    let read_error = |error| Error::from(vfs::Error::new(Op::Read, path, error));
    let (mut next, mut unread_len) = (Some(start), 0);
    while let Some(boundary) = next.take() {
        match walk(ctx, &head, boundary, &mut each) {
            Ok(()) => {}
            Err(filestorage::Error::Damage(damage)) => {
                let last: Option<TransactionHeader> = None;
                next = Boundary::behind(&head, damage.transaction_pos + 1, last).map_err(read_error)?;
                let next_pos = next.as_ref().map_or(end_pos, Boundary::pos);
                unread_len += next_pos.min(end_pos).saturating_sub(damage.transaction_pos);
            }
            Err(error) => return Err(Error::of_source(error, path)),
        }
        ctx.interrupt.check()?;
    }
    Ok(unread_len)
}

/// Hands the blobs that the transactions of a database up to `end_pos` name to `each`, in the order of their records; those of
/// damaged transactions are passed over.
///
/// # Errors
/// Where nothing looks like a database, an interruption, the system's.
pub fn named_blobs(
    ctx: &Context<'_>,
    source: &dyn ReadAt,
    end_pos: u64,
    mut each: impl FnMut(Revision),
) -> Result<(), Error> {
    let path = Path::new("");
    let start = Boundary::start(source).map_err(|error| Error::of_source(error, path))?;
    let sure = |revision, kind| {
        if kind == RecordKind::Blob {
            each(revision)
        }
    };
    gather(ctx, path, source, start, end_pos, sure).map(|_| ())
}

fn walk(
    ctx: &Context<'_>,
    source: &dyn ReadAt,
    start: Boundary,
    each: &mut impl FnMut(Revision, RecordKind),
) -> Result<(), filestorage::Error> {
    let mut scan = Scan::new(source, start)?.careful();
    loop {
        match scan.step()? {
            Step::Record(header, data) => {
                if let Some(kind) = kind_of(source, &mut scan, &header, data)? {
                    each(Revision { oid: header.oid, tid: header.tid }, kind);
                }
            }
            Step::Finished(_) if ctx.interrupt.check().is_err() => return Ok(()),
            Step::End(_) => return Ok(()),
            _ => {}
        }
    }
}

/// What a record says, if it is one of a blob, or may be; its data may be that of an earlier one, and its file is its own all
/// the same.
fn kind_of(
    source: &dyn ReadAt,
    scan: &mut Scan<'_>,
    header: &RecordHeader,
    data: RecordData,
) -> Result<Option<RecordKind>, filestorage::Error> {
    match data {
        RecordData::Gone => Ok(None),
        RecordData::Here { len, .. } if len > RECORD_LEN_LIMIT => Ok(None),
        RecordData::Here { pos, len } => Ok(kind_by(scan.bytes(pos, usize::try_from(len).unwrap_or(0))?)),
        RecordData::Back(_) => match resolve(source, header, data)? {
            Resolved::Here { pos, len } if len <= RECORD_LEN_LIMIT => {
                let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
                source.read_exact_at(pos, &mut bytes)?;
                Ok(kind_by(&bytes))
            }
            _ => Ok(None),
        },
    }
}

fn kind_by(bytes: &[u8]) -> Option<RecordKind> {
    if bytes.starts_with(SEALED) {
        return Some(RecordKind::Sealed);
    }
    ClassName::of_record(bytes).is_blob().then_some(RecordKind::Blob)
}
