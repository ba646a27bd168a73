use super::Revision;
use crate::{Context, Error};
use filestorage::{Boundary, RecordData, RecordHeader, Resolved, Scan, Step, TransactionHeader, resolve};
use pickle::record::ClassName;
use std::path::Path;
use vfs::{Head, Op, ReadAt};

/// The record of a blob is a few names; a longer one is none.
const RECORD_LEN_LIMIT: u64 = 128;

/// Hands on the blobs that the transactions from `start` up to `end_pos` name, in the order of their records; one may come
/// twice. Behind damage it goes on with the next sound transaction.
///
/// # Errors
/// An interruption, the system's; damaged transactions are passed over.
pub(super) fn gather(
    ctx: &Context<'_>,
    path: &Path,
    source: &dyn ReadAt,
    start: Boundary,
    end_pos: u64,
    mut each: impl FnMut(Revision),
) -> Result<(), Error> {
    let head = Head::new(source, end_pos);
    let read_error = |error| Error::from(vfs::Error::new(Op::Read, path, error));
    let mut next = Some(start);
    while let Some(boundary) = next.take() {
        match walk(ctx, &head, boundary, &mut each) {
            Ok(()) => {}
            Err(filestorage::Error::Io(error)) => return Err(Error::of_read(error, path)),
            Err(filestorage::Error::Damage(damage)) => {
                let last: Option<TransactionHeader> = None;
                next = Boundary::behind(&head, damage.transaction_pos + 1, last).map_err(read_error)?;
            }
            Err(error) => return Err(Error::Source { path: path.to_owned(), error }),
        }
        ctx.interrupt.check()?;
    }
    Ok(())
}

fn walk(
    ctx: &Context<'_>,
    source: &dyn ReadAt,
    start: Boundary,
    each: &mut impl FnMut(Revision),
) -> Result<(), filestorage::Error> {
    let mut scan = Scan::new(source, start)?.careful();
    loop {
        match scan.step()? {
            Step::Record(header, data) if is_blob(source, &mut scan, &header, data)? => {
                each(Revision { oid: header.oid, tid: header.tid });
            }
            Step::Finished(_) if ctx.interrupt.check().is_err() => return Ok(()),
            Step::End(_) => return Ok(()),
            _ => {}
        }
    }
}

/// Whether a record is one of a blob; its data may be that of an earlier one, and its file is its own all the same.
fn is_blob(
    source: &dyn ReadAt,
    scan: &mut Scan<'_>,
    header: &RecordHeader,
    data: RecordData,
) -> Result<bool, filestorage::Error> {
    match data {
        RecordData::Gone => Ok(false),
        RecordData::Here { len, .. } if len > RECORD_LEN_LIMIT => Ok(false),
        RecordData::Here { pos, len } => {
            let bytes = scan.bytes(pos, usize::try_from(len).unwrap_or(0))?;
            Ok(ClassName::of_record(bytes).is_blob())
        }
        RecordData::Back(_) => match resolve(source, header, data)? {
            Resolved::Here { pos, len } if len <= RECORD_LEN_LIMIT => {
                let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
                source.read_exact_at(pos, &mut bytes)?;
                Ok(ClassName::of_record(&bytes).is_blob())
            }
            _ => Ok(false),
        },
    }
}
