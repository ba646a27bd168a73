use super::output;
use super::words::{lost_json, lost_text, transaction_json};
use crate::args::modern::LogArgs;
use crate::args::moment::Now;
use crate::report::one_line;
use crate::ui::time::of_tid;
use filestorage::Status;
use inspect::{Error, LogEntry, LogFilter, log};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::Write;
use vfs::ReadAt;

/// `repozo log`; the exit status.
///
/// # Errors
/// When the source cannot be read or the output not written.
pub(super) fn run(args: &LogArgs, now: &Now, source: &dyn ReadAt, out: &mut dyn Write) -> Result<u8, Error> {
    let filter = LogFilter {
        since: args.since.as_ref().map(|moment| moment.tid(now)),
        until: args.until.as_ref().map(|moment| moment.tid(now)),
        oid: args.oid,
        user: args.user.as_ref().map(|user| user.clone().into_bytes()),
    };
    let limit = args.limit.unwrap_or(usize::MAX);
    let line = |entry: &LogEntry| {
        if args.json { entry_json(entry).to_string() } else { entry_text(entry, &now.zone) }
    };
    let (mut is_whole, mut told_count) = (true, 0);
    // Newest first: as many as are told are held, as lines.
    let mut lines = VecDeque::new();
    log(source, &filter, &mut |entry| {
        is_whole &= !matches!(entry, LogEntry::Lost(_));
        told_count += 1;
        if args.reverse {
            lines.push_front(line(&entry));
            lines.truncate(limit);
        } else if told_count <= limit {
            output(writeln!(out, "{}", line(&entry)))?;
        }
        Ok(())
    })?;
    for line in lines {
        output(writeln!(out, "{line}"))?;
    }
    Ok(super::status(is_whole))
}

/// One line for people.
pub(super) fn entry_text(entry: &LogEntry, zone: &TimeZone) -> String {
    let (header, metadata, records_count) = match entry {
        LogEntry::Transaction { header, metadata, records_count } => (header, metadata, records_count),
        LogEntry::Lost(lost) => return lost_text(lost),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (user, description) = (text(&metadata.user), text(&metadata.description));
    let time = of_tid(header.tid, zone);
    let line = format!(
        "{time} {} {:>9} bytes {records_count:>5} records  {user}  {description}",
        header.tid, header.len
    );
    one_line(line.trim_end())
}

/// One line for programs.
pub(super) fn entry_json(entry: &LogEntry) -> Value {
    match entry {
        LogEntry::Transaction { header, metadata, records_count } => {
            let mut told = transaction_json(header, metadata);
            told["records"] = json!(records_count);
            told["extension_len"] = json!(metadata.extension.len());
            told
        }
        LogEntry::Lost(lost) => lost_json(lost),
    }
}

/// The status in a word.
pub(super) fn status(status: Status) -> String {
    match status {
        Status::Committed => "committed".to_owned(),
        Status::Packed => "packed".to_owned(),
        Status::Undone => "undone".to_owned(),
        Status::Voted => "voted".to_owned(),
        Status::Other(byte) => format!("{byte:#04x}"),
    }
}
