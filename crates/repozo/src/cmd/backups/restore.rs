use crate::args::modern::RestoreArgs;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::inside::opened::wanted;
use crate::cmd::json_line::json_line;
use crate::report::one_line;
use crate::ui::time::{of_tid, utc};
use classic::{RestorePlan, RestoreRequest, Wanted, plan_restore, restore};
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
    };
    let plan = match &args.output {
        Some(target) if !args.dry_run => restore(&desk.ctx, &request, target)?,
        _ => plan_restore(&desk.ctx, &request)?,
    };
    let message_type = if args.dry_run { "plan" } else { "restored" };
    let told = if args.json {
        plan_json(message_type, args.output.as_deref(), &plan).to_string()
    } else {
        plan_text(args, desk, &plan)
    };
    writeln!(out, "{told}").map_err(Failure::Output)?;
    Ok(0)
}

fn plan_text(args: &RestoreArgs, desk: &Desk<'_>, plan: &RestorePlan) -> String {
    let RestorePlan { files, data_len, last, next, is_packed, .. } = plan;
    let target = args.output.as_ref().map_or_else(String::new, |target| format!(" to {}", target.display()));
    let done = if args.dry_run { "would restore" } else { "restored" };
    let (first, more) = (files.first(), files.len().saturating_sub(1));
    let from = first.map_or_else(String::new, |full| format!(" from {full}"));
    let behind = match more {
        0 => String::new(),
        1 => " and one file behind it".to_owned(),
        _ => format!(" and {more} files behind it"),
    };
    let mut text = one_line(&format!("{done} {data_len} bytes{target}{from}{behind}, all verified"));
    if args.dry_run {
        text = one_line(&format!("{done} {data_len} bytes{target}{from}{behind}"));
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

/// A state that was restored, or is to be, for programs.
pub(super) fn plan_json(message_type: &str, output: Option<&Path>, plan: &RestorePlan) -> Value {
    let RestorePlan { files, read_len, data_len, last, next, is_packed } = plan;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
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
        }),
    )
}
