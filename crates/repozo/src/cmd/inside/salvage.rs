use super::words::lost_json;
use super::{look, output, status};
use crate::args::modern::{SalvageArgs, Source};
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::json_line::json_line;
use crate::report::one_line;
use classic::NewDatabase;
use filestorage::Tid;
use inspect::{Error, SalvageSummary, Skipped, salvage};
use serde_json::{Value, json};
use std::io::{self, Write};
use vfs::{Op, ReadAt};

/// `repozo salvage`; the exit status.
///
/// # Errors
/// When the source cannot be read, or the new database not made; nothing has its name then.
pub(super) fn run(args: &SalvageArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let ctx = &desk.ctx;
    let like = ctx
        .fs
        .meta(&args.file)
        .map_err(vfs::Error::at(Op::Stat, &args.file))
        .map_err(classic::Error::from)?;
    let mut target = NewDatabase::create(ctx, &args.target, like.access)?;
    let source = Source::of_file(&args.file);
    let until = args.until.as_ref().map(|moment| moment.tid(&desk.now));
    let (summary, skipped_count) =
        look(desk, &source, |database| copy(args, until, database, &mut target, out))?;
    target.publish()?;
    let line = if args.json { summary_json(&summary).to_string() } else { summary_text(args, &summary) };
    writeln!(out, "{line}").map_err(Failure::Output)?;
    Ok(status(skipped_count == 0))
}

fn copy(
    args: &SalvageArgs,
    until: Option<Tid>,
    database: &dyn ReadAt,
    target: &mut NewDatabase<'_>,
    out: &mut dyn Write,
) -> Result<(SalvageSummary, u64), Error> {
    let mut skipped_count = 0;
    // What fails here is told with the target's name.
    let mut write = |bytes: &[u8]| target.append(bytes).map_err(|error| Error::from(io::Error::other(error)));
    let summary = salvage(database, until, &mut write, &mut |skipped| {
        skipped_count += 1;
        let line = if args.json { skipped_json(&skipped).to_string() } else { skipped_text(&skipped) };
        output(writeln!(out, "{line}"))
    })?;
    Ok((summary, skipped_count))
}

fn skipped_text(skipped: &Skipped) -> String {
    one_line(&match skipped {
        Skipped::Lost(lost) => format!("skipped: {lost}: {}", lost.cause),
        Skipped::Record { header, back_pos } => format!(
            "skipped: oid {} @{}, tid {}: its data was @{back_pos}, where nothing can be read",
            header.oid, header.pos, header.tid
        ),
        Skipped::Undone(header) => {
            format!("skipped: transaction @{}, tid {}: it was undone", header.pos, header.tid)
        }
    })
}

fn skipped_json(skipped: &Skipped) -> Value {
    match skipped {
        Skipped::Lost(lost) => lost_json(lost),
        Skipped::Record { header, back_pos } => json_line(
            "skipped-record",
            json!({ "oid": header.oid.to_string(), "tid": header.tid.to_string(), "pos": header.pos,
                "back_pos": back_pos,
            }),
        ),
        Skipped::Undone(header) => json_line(
            "skipped-undone",
            json!({ "tid": header.tid.to_string(), "pos": header.pos,
            }),
        ),
    }
}

fn summary_text(args: &SalvageArgs, summary: &SalvageSummary) -> String {
    let SalvageSummary { transactions_count, records_count, end_pos, lost_len, last_tid } = summary;
    let last = last_tid.map_or_else(String::new, |tid| format!(", the last of {}", tid.calendar()));
    one_line(&format!(
        "{}: {end_pos} bytes, {transactions_count} transactions{last}, {records_count} data records; bytes lost: {lost_len}",
        args.target.display()
    ))
}

fn summary_json(summary: &SalvageSummary) -> Value {
    json_line(
        "summary",
        json!({
            "transactions": summary.transactions_count,
            "records": summary.records_count,
            "end_pos": summary.end_pos,
            "lost_len": summary.lost_len,
            "last_tid": summary.last_tid.map(|tid| tid.to_string()),
        }),
    )
}
