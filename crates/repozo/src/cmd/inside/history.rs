use super::dump::{record_json, record_text};
use super::graph::{object_json, object_text};
use super::words::{lost_json, lost_text};
use super::{output, status};
use crate::args::modern::ObjectArgs;
use inspect::{Error, HistoryEntry, history};
use serde_json::json;
use std::io::Write;
use vfs::ReadAt;

/// `repozo history`; the exit status.
///
/// # Errors
/// When the source cannot be read or the output not written.
pub(super) fn run(args: &ObjectArgs, source: &dyn ReadAt, out: &mut dyn Write) -> Result<u8, Error> {
    let mut is_whole = true;
    let is_known = history(source, args.oid, &mut |entry| {
        is_whole &= !matches!(entry, HistoryEntry::Lost(_));
        let line = if args.json { entry_json(&entry) } else { entry_text(&entry) };
        output(writeln!(out, "{line}"))
    })?;
    if !is_known {
        output(writeln!(out, "{}", super::graph::unknown(args)))?;
    }
    Ok(status(is_known && is_whole))
}

fn entry_text(entry: &HistoryEntry) -> String {
    match entry {
        HistoryEntry::Record { header, state, back_tid } => {
            let record = record_text(header, state, *back_tid);
            format!("{} {} {}", header.tid.calendar(), header.tid, record.trim_start())
        }
        HistoryEntry::Referrer(object) => format!("    referred to by {}", object_text(object)),
        HistoryEntry::Lost(lost) => lost_text(lost),
    }
}

fn entry_json(entry: &HistoryEntry) -> String {
    let value = match entry {
        HistoryEntry::Record { header, state, back_tid } => record_json(header, state, *back_tid),
        HistoryEntry::Referrer(object) => {
            let mut referrer = object_json(object);
            referrer["message_type"] = json!("referrer");
            referrer
        }
        HistoryEntry::Lost(lost) => lost_json(lost),
    };
    value.to_string()
}
