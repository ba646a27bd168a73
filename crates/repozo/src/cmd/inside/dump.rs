use super::log::status;
use super::output;
use super::python::{bytes_repr, quoted};
use super::words::{lost_json, lost_text, transaction_json};
use crate::args::modern::{DumpArgs, DumpFormat};
use crate::cmd::json_line::json_line;
use crate::report::one_line;
use filestorage::{Metadata, RecordHeader, Status, Tid, TransactionHeader};
use inspect::{Dumped, DumpedState, Error, dump};
use serde_json::{Value, json};
use std::io::Write;
use vfs::ReadAt;

/// `repozo dump`; the exit status.
///
/// # Errors
/// When the source cannot be read or the output not written.
pub(super) fn run(args: &DumpArgs, source: &dyn ReadAt, out: &mut dyn Write) -> Result<u8, Error> {
    let mut numbers = Numbers::default();
    let mut is_whole = true;
    dump(source, &mut |dumped| {
        is_whole &= !matches!(dumped, Dumped::Lost(_));
        let number = numbers.of(&dumped);
        match (args.format, args.json) {
            (Some(DumpFormat::Fsdump), _) => output(as_fsdump(out, number, &dumped)),
            (None, true) => output(writeln!(out, "{}", dumped_json(&dumped))),
            (None, false) => output(writeln!(out, "{}", dumped_text(&dumped))),
        }
    })?;
    Ok(super::status(is_whole))
}

/// Counts transactions, and the records in each.
#[derive(Default)]
struct Numbers {
    transactions_count: u64,
    records_count: u64,
}

impl Numbers {
    /// The number of a transaction in the file, or of a record in its transaction, from 0 on.
    fn of(&mut self, dumped: &Dumped<'_>) -> u64 {
        match dumped {
            Dumped::Transaction { .. } => {
                self.records_count = 0;
                self.transactions_count += 1;
                self.transactions_count - 1
            }
            Dumped::Record { .. } => {
                self.records_count += 1;
                self.records_count - 1
            }
            Dumped::Lost(_) => 0,
        }
    }
}

/// The lines of fsdump. Of what it stops at, it has none.
fn as_fsdump(out: &mut dyn Write, number: u64, dumped: &Dumped<'_>) -> std::io::Result<()> {
    match dumped {
        Dumped::Transaction { header, metadata } => {
            let TransactionHeader { tid, len, .. } = header;
            let (time, offset) = (tid.calendar(), header.records_pos());
            writeln!(
                out,
                "Trans #{number:05} tid={:016x} size={len} time={time} offset={offset}",
                tid.number()
            )?;
            let status = quoted(&[status_byte(header.status)]);
            let (user, description) = (bytes_repr(&metadata.user), bytes_repr(&metadata.description));
            writeln!(out, "    status={status} user={user} description={description}")
        }
        Dumped::Record { header, state, back_tid } => {
            write!(out, "  data #{number:05} oid={:016x}", header.oid.number())?;
            match state {
                DumpedState::Here { len, class } => write!(out, " size={len} class={class}")?,
                DumpedState::Gone => write!(out, " class=undo or abort of object creation")?,
                DumpedState::Unreadable(reason) => write!(out, " {}", one_line(reason))?,
            }
            match back_tid {
                Some(tid) => writeln!(out, " bp={:016x}", tid.number()),
                None => writeln!(out),
            }
        }
        Dumped::Lost(lost) => writeln!(out, "{}", lost_text(lost)),
    }
}

fn status_byte(status: Status) -> u8 {
    match status {
        Status::Committed => b' ',
        Status::Packed => b'p',
        Status::Undone => b'u',
        Status::Voted => b'c',
        Status::Other(byte) => byte,
    }
}

fn dumped_text(dumped: &Dumped<'_>) -> String {
    match dumped {
        Dumped::Transaction { header, metadata } => transaction_text(header, metadata),
        Dumped::Record { header, state, back_tid } => record_text(header, state, *back_tid),
        Dumped::Lost(lost) => lost_text(lost),
    }
}

fn transaction_text(header: &TransactionHeader, metadata: &Metadata) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (user, description) = (text(&metadata.user), text(&metadata.description));
    let TransactionHeader { pos, tid, len, .. } = header;
    let line = format!(
        "@{pos} transaction {tid} {} {} {len} bytes  {user}  {description}",
        tid.calendar(),
        status(header.status)
    );
    one_line(line.trim_end())
}

/// A record for people.
pub(super) fn record_text(header: &RecordHeader, state: &DumpedState<'_>, back_tid: Option<Tid>) -> String {
    let what = match state {
        DumpedState::Here { len, class } => format!("{len} bytes {class}"),
        DumpedState::Gone => "does not exist any more".to_owned(),
        DumpedState::Unreadable(reason) => reason.clone(),
    };
    let back = back_tid.map_or_else(String::new, |tid| format!(" of {tid}"));
    one_line(&format!("    @{} oid {} {what}{back}", header.pos, header.oid))
}

fn dumped_json(dumped: &Dumped<'_>) -> Value {
    match dumped {
        Dumped::Transaction { header, metadata } => transaction_json(header, metadata),
        Dumped::Record { header, state, back_tid } => record_json(header, state, *back_tid),
        Dumped::Lost(lost) => lost_json(lost),
    }
}

/// A record for programs.
pub(super) fn record_json(header: &RecordHeader, state: &DumpedState<'_>, back_tid: Option<Tid>) -> Value {
    let (state, len, class, message) = match state {
        DumpedState::Here { len, class } => ("here", Some(*len), Some(class.to_string()), None),
        DumpedState::Gone => ("gone", None, None, None),
        DumpedState::Unreadable(reason) => ("unreadable", None, None, Some(reason)),
    };
    json_line(
        "record",
        json!({
            "oid": header.oid.to_string(),
            "tid": header.tid.to_string(),
            "pos": header.pos,
            "previous_pos": header.previous_pos,
            "state": state,
            "data_len": len,
            "class": class,
            "back_tid": back_tid.map(|tid| tid.to_string()),
            "message": message,
        }),
    )
}
