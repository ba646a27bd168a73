mod page;
mod plot;
mod table;

use super::words::{lost_json, lost_text};
use super::{look, output, status};
use crate::args::modern::StatsArgs;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::json_line::json_line;
use crate::ui::figures::{bytes, count};
use classic::ReportFile;
use inspect::{Amount, ClassStats, Day, Histogram, Stats, stats};
use serde_json::{Value, json};
use std::io::Write;

/// `repozo stats`; the exit status.
///
/// # Errors
/// When the source cannot be read, the output not written, or the page not made.
pub(super) fn run(args: &StatsArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let ctx = &desk.ctx;
    let page =
        args.html.as_ref().map(|path| ReportFile::find(ctx, path, page::MARK.as_bytes())).transpose()?;
    let stats = look(desk, &args.source, |database| {
        stats(database, &mut |lost| {
            let line = if args.json { lost_json(&lost).to_string() } else { lost_text(&lost) };
            output(writeln!(out, "{line}"))
        })
    })?;
    let text = if args.json { as_json(&stats) } else { table::of(&stats, args.limit) };
    out.write_all(text.as_bytes()).map_err(Failure::Output)?;
    if let Some(page) = page {
        page.write(ctx, page::of(&args.source.shown(), &stats).as_bytes())?;
    }
    Ok(status(stats.is_whole()))
}

/// One line a class, a day, a bin; what is true of the whole comes last.
fn as_json(stats: &Stats) -> String {
    let classes = stats.classes.iter().map(|class| class_json("class", class));
    let days = stats.days.iter().map(day_json);
    let bins = |kind: &'static str, lens: &Histogram| {
        lens.bins().map(|(len, amount)| bin_json(kind, len, amount)).collect::<Vec<_>>()
    };
    let object_bins = bins("object-len", &stats.object_lens);
    let transaction_bins = bins("transaction-len", &stats.transaction_lens);
    let lines = classes.chain(days).chain(object_bins).chain(transaction_bins).chain([summary_json(stats)]);
    lines.map(|line| line.to_string() + "\n").collect()
}

fn class_json(kind: &str, class: &ClassStats) -> Value {
    json_line(
        kind,
        json!({
            "class": class.class,
            "objects": class.objects.count,
            "revisions": class.revisions.count,
            "current_len": class.objects.len,
            "historic_len": class.historic_len(),
            "unreachable": class.unreachable.count,
            "unreachable_len": class.unreachable.len,
            "freed_len": class.freed_len(),
        }),
    )
}

fn summary_json(stats: &Stats) -> Value {
    let mut summary = class_json("summary", &stats.all);
    let tid = |tid: Option<filestorage::Tid>| json!(tid.map(|tid| tid.to_string()));
    summary["class"] = Value::Null;
    summary["source_len"] = json!(stats.source_len);
    summary["lost_len"] = json!(stats.lost_len);
    summary["unreadable"] = json!(stats.unreadable_count);
    summary["transactions"] = json!(stats.transactions.count);
    summary["deletions"] = json!(stats.deletions.count);
    summary["first_tid"] = tid(stats.tids.map(|tids| tids.0));
    summary["last_tid"] = tid(stats.tids.map(|tids| tids.1));
    summary
}

fn day_json(day: &Day) -> Value {
    json_line(
        "day",
        json!({
            "day": day_text(day),
            "transactions": day.transactions.count,
            "len": day.transactions.len,
        }),
    )
}

fn bin_json(kind: &str, longest_len: u64, amount: Amount) -> Value {
    json_line(kind, json!({ "longest_len": longest_len, "count": amount.count, "len": amount.len }))
}

/// `YYYY-MM-DD`
fn day_text(day: &Day) -> String {
    format!("{:04}-{:02}-{:02}", day.year, day.month, day.day)
}

/// What a pack would do, in words.
fn pack_text(stats: &Stats) -> String {
    let all = &stats.all;
    // What only the unreadable leads to looks as if nothing did.
    let at_most = if stats.is_whole() { "" } else { "at most " };
    format!(
        "a pack up to now would remove {at_most}{} of records ({}): {} of old revisions, {} of {} objects that the root does not lead to",
        bytes(all.freed_len()),
        percent(all.freed_len(), stats.source_len),
        bytes(all.historic_len()),
        bytes(all.unreachable.len),
        count(all.unreachable.count),
    )
}

/// That not all could be read, and what that means.
fn unread_text(stats: &Stats) -> Option<String> {
    (!stats.is_whole()).then(|| {
        format!(
            "{} and the references of {} objects cannot be read (repozo check tells which): what only they lead to \
             counts as if the root did not lead to it, and ZODB may refuse to pack",
            bytes(stats.lost_len),
            count(stats.unreadable_count)
        )
    })
}

fn total_text(stats: &Stats) -> String {
    let when = stats.tids.map_or_else(String::new, |(first, last)| {
        format!(" from {} to {}", first.calendar(), last.calendar())
    });
    format!(
        "{}, {} transactions{when}, {} data records, {} objects",
        bytes(stats.source_len),
        count(stats.transactions.count),
        count(stats.all.revisions.count),
        count(stats.all.objects.count)
    )
}

/// A power of two for people.
fn bin(longest_len: u64) -> String {
    indicatif::BinaryBytes(longest_len).to_string().replace(".00", "")
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.0} %", share(part, whole) * 100.0)
}

/// From 0 to 1; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "it is shown with two or three digits")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).min(1.0) }
}
