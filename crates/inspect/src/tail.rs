//! The last transactions, without a walk along all others.

use crate::{Error, LogEntry, LogFilter, log};
use filestorage::{Boundary, Magic, Scan, Step, TransactionHeader, transaction_before};
use std::collections::VecDeque;
use vfs::{Head, ReadAt};

/// Hands the last `count` transactions to `each`, newest first.
///
/// Where the file ends with a transaction and each one stands right behind another, only these are read; else it is a
/// walk along all of them, which tells what is lost, too. As many as are told are held.
///
/// # Errors
/// Where nothing looks like a database, where it cannot be read, and those of `each`.
pub fn tail(
    source: &dyn ReadAt,
    count: usize,
    each: &mut dyn FnMut(LogEntry) -> Result<(), Error>,
) -> Result<(), Error> {
    let entries = match backward(source, count)? {
        Some(entries) => entries,
        None => forward(source, count)?,
    };
    entries.into_iter().try_for_each(each)
}

/// The last ones, as far as each says where it begins; `None` if one does not.
fn backward(source: &dyn ReadAt, count: usize) -> Result<Option<Vec<LogEntry>>, Error> {
    let end = match Boundary::at(source, source.len()?) {
        Ok(Some(end)) => end,
        Ok(None) | Err(filestorage::Error::Magic { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let (mut end_pos, mut entries) = (end.pos(), Vec::new());
    while entries.len() < count && end_pos > Magic::LEN {
        let Some(header) = transaction_before(source, end_pos)? else { return Ok(None) };
        let Some(records_count) = records_count(source, &header)? else { return Ok(None) };
        let metadata = header.read_metadata(source)?;
        entries.push(LogEntry::Transaction { header, metadata, records_count });
        end_pos = header.pos;
    }
    Ok(Some(entries))
}

fn forward(source: &dyn ReadAt, count: usize) -> Result<Vec<LogEntry>, Error> {
    let mut entries = VecDeque::new();
    log(source, &LogFilter::default(), &mut |entry| {
        entries.push_front(entry);
        entries.truncate(count);
        Ok(())
    })?;
    Ok(entries.into())
}

/// How many records a transaction has, if it and what ends before it are sound.
fn records_count(source: &dyn ReadAt, header: &TransactionHeader) -> Result<Option<u64>, Error> {
    let head = Head::new(source, header.end_pos());
    let Some(before) = Boundary::at(&head, header.pos)? else { return Ok(None) };
    let (mut scan, mut count) = (Scan::new(&head, before)?, 0);
    loop {
        match scan.step()? {
            Step::Record(..) => count += 1,
            Step::Finished(_) => return Ok(Some(count)),
            Step::End(_) => return Ok(None),
            Step::Transaction(_) | Step::Problem(_) => {}
        }
    }
}
