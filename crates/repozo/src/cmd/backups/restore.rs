use crate::args::modern::RestoreArgs;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::inside::opened::wanted;
use crate::cmd::json_line::json_line;
use crate::report::{one_line, status_of_blobs};
use crate::ui::figures::{bytes, count_of};
use crate::ui::time::{of_tid, utc};
use classic::{
    BackupName, BlobsRequest, BlobsRestored, Change, RestorePlan, RestoreRequest, Restored, TargetCheck,
    Update, Wanted, plan_change, plan_restore, restore,
};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

/// `repozo restore`; the exit status.
///
/// # Errors
/// Where the state is not to be had, or the database could not be written.
pub(super) fn run(args: &RestoreArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let request = RestoreRequest {
        repository: args.place.dir().to_owned(),
        wanted: match (args.tid, &args.at) {
            (Some(tid), _) => Wanted::Transaction(tid),
            (None, Some(moment)) => wanted(moment, &desk.now),
            (None, None) => Wanted::Newest,
        },
        even_packed: args.even_packed,
        update: args.update.then_some(Update { check: check(args.quick), keeps_unknown: false }),
        blobs: args.blobs.clone().map(|dir| BlobsRequest {
            dir,
            update: args.update,
            quick: args.quick,
            prune_extra: args.prune_extra,
        }),
    };
    let Restored { plan, change, blobs } = match &args.output {
        Some(target) if !args.dry_run => restore(&desk.ctx, &request, target)?,
        output => {
            let plan = plan_restore(&desk.ctx, &request)?;
            let change =
                output.as_ref().map(|target| plan_change(&desk.ctx, &request, target)).transpose()?;
            Restored { plan, change: change.unwrap_or(Change::Written), blobs: None }
        }
    };
    let message_type = if args.dry_run { "plan" } else { "restored" };
    let told = if args.json {
        plan_json(message_type, args.output.as_deref(), &plan, &change, blobs.as_ref()).to_string()
    } else {
        plan_text(args, desk, &plan, &change) + &blobs.as_ref().map_or_else(String::new, blobs_text)
    };
    writeln!(out, "{told}").map_err(Failure::Output)?;
    Ok(status_of_blobs(blobs.map(|blobs| blobs.is_complete())))
}

fn blobs_text(blobs: &BlobsRestored) -> String {
    let BlobsRestored { count, len, written_count, missing_count, extra_count, .. } = *blobs;
    let missing = if missing_count > 0 { format!(", {missing_count} missing") } else { String::new() };
    let aside = if extra_count > 0 { format!("; {extra_count} others put aside") } else { String::new() };
    let blobs = count_of(count, "blob", "blobs");
    format!("\n{blobs}, {}, {written_count} of them written{missing}{aside}", bytes(len))
}

/// How a database that is there is compared.
pub(super) fn check(quick: bool) -> TargetCheck {
    if quick { TargetCheck::Quick } else { TargetCheck::Whole }
}

fn plan_text(args: &RestoreArgs, desk: &Desk<'_>, plan: &RestorePlan, change: &Change) -> String {
    let RestorePlan { files, data_len, last, next, is_packed, .. } = plan;
    let target = args.output.as_ref().map_or_else(String::new, |target| format!(" to {}", target.display()));
    let verified = if args.dry_run { "" } else { ", all verified" };
    let mut text = one_line(&match change {
        Change::Written | Change::Replaced(_) => {
            let done = if args.dry_run { "would restore" } else { "restored" };
            format!("{done} {data_len} bytes{target}{}{verified}", sources(files))
        }
        change => format!("{}{target}: {data_len} bytes", change_words(change, *data_len, args.dry_run)),
    });
    if let Change::Replaced(why) = change {
        let _ = write!(text, "\nas a whole: {}", one_line(&why.to_string()));
    }
    match last {
        None => text += "\nit has no transaction",
        Some((header, metadata)) => {
            let (user, description) =
                (String::from_utf8_lossy(&metadata.user), String::from_utf8_lossy(&metadata.description));
            let line = format!(
                "last transaction: {}, {}  {user}  {description}",
                header.tid,
                of_tid(header.tid, &desk.now.zone)
            );
            let _ = write!(text, "\n{}", one_line(line.trim_end()));
        }
    }
    if let Some(next) = next {
        let _ = write!(text, "\nnot in it: {}, {} and later", next.tid, of_tid(next.tid, &desk.now.zone));
    }
    if *is_packed {
        text += "\nthe database was packed to a later time before it was backed up: objects may be missing";
    }
    text
}

fn sources(files: &[BackupName]) -> String {
    let from = files.first().map_or_else(String::new, |full| format!(" from {full}"));
    match files.len().saturating_sub(1) {
        0 => from,
        1 => from + " and one file behind it",
        more => format!("{from} and {more} files behind it"),
    }
}

/// What an update does to a database.
pub(super) fn change_words(change: &Change, data_len: u64, is_plan: bool) -> String {
    match change {
        Change::Grown { from_pos } => {
            format!(
                "{} {} bytes",
                if is_plan { "would add" } else { "added" },
                data_len.saturating_sub(*from_pos)
            )
        }
        Change::CutBack { from_pos, transaction_count } => {
            let (cut, one) = (from_pos.saturating_sub(data_len), *transaction_count == 1);
            let (done, transactions) =
                (if is_plan { "would cut" } else { "cut" }, if one { "transaction" } else { "transactions" });
            format!("{done} off {cut} bytes, {transaction_count} {transactions},")
        }
        _ => "nothing to add".to_owned(),
    }
}

/// What became of a target, for programs: a word, its length before, and why it was replaced.
fn change_fields(change: &Change) -> (&'static str, Option<u64>, Option<String>) {
    match change {
        Change::Written => ("written", None, None),
        Change::Replaced(why) => ("replaced", None, Some(why.to_string())),
        Change::Unchanged => ("unchanged", None, None),
        Change::Grown { from_pos } => ("grown", Some(*from_pos), None),
        Change::CutBack { from_pos, .. } => ("cut-back", Some(*from_pos), None),
    }
}

/// A state that was restored, or is to be, for programs.
pub(super) fn plan_json(
    message_type: &str,
    output: Option<&Path>,
    plan: &RestorePlan,
    change: &Change,
    blobs: Option<&BlobsRestored>,
) -> Value {
    let RestorePlan { files, read_len, data_len, last, next, is_packed } = plan;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (change, from_len, why) = change_fields(change);
    json_line(
        message_type,
        json!({
            "output": output.map(|target| target.display().to_string()),
            "files": files.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "read_len": read_len,
            "len": data_len,
            "tid": last.as_ref().map(|(header, _)| header.tid.to_string()),
            "time": last.as_ref().map(|(header, _)| utc(header.tid)),
            "user": last.as_ref().map(|(_, metadata)| text(&metadata.user)),
            "description": last.as_ref().map(|(_, metadata)| text(&metadata.description)),
            "next_tid": next.map(|next| next.tid.to_string()),
            "packed": is_packed,
            "change": change,
            "from_len": from_len,
            "why": why,
            "blobs": blobs.map(|blobs| blobs.count),
            "blobs_len": blobs.map(|blobs| blobs.len),
            "blobs_written": blobs.map(|blobs| blobs.written_count),
            "blobs_missing": blobs.map(|blobs| blobs.missing_count),
            "blobs_put_aside": blobs.map(|blobs| blobs.extra_count),
        }),
    )
}
