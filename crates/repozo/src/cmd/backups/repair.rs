use crate::args::modern::RepairArgs;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::json_line::json_line;
use crate::report::{FOUND, one_line};
use crate::ui::figures::count_of;
use crate::ui::time::{of_tid, utc};
use classic::{
    BlobsMended, BlobsWrong, ChainRepair, RepairPlan, blobs_wrong, mend_blobs, plan_repair, repair,
};
use serde_json::json;
use std::io::{self, Write};
use std::time::Duration;

/// `repozo repair`; the exit status.
///
/// # Errors
/// Where another run is at work, or a file cannot be written or renamed.
pub(super) fn run(args: &RepairArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let dir = args.place.dir();
    let mut plan = plan_repair(&desk.ctx, dir)?;
    let wrong = blobs_wrong(&desk.ctx, dir, args.blobs.is_none())?;
    let is_needed = plan.is_needed() || !wrong.is_empty();
    let mut is_done = args.apply && is_needed;
    if !args.apply && !args.json && is_needed && desk.asks() {
        write_text(&plan, false, desk, out)
            .and_then(|()| write_wrong(&wrong, out))
            .and_then(|()| out.flush())
            .map_err(Failure::Output)?;
        is_done = desk.ask("Do that?");
        if !is_done {
            return Ok(FOUND);
        }
    }
    let mut mended = None;
    if is_done {
        let wait = Duration::from_secs(args.wait);
        plan = repair(&desk.ctx, dir, wait)?;
        if !wrong.is_empty() {
            mended = Some(mend_blobs(&desk.ctx, dir, args.blobs.as_deref(), wait)?);
        }
    }
    let told = match args.json {
        true => write_json(&plan, is_done, out).and_then(|()| write_blobs_json(&wrong, mended, out)),
        false => write_text(&plan, is_done, desk, out).and_then(|()| match mended {
            Some(mended) => write_mended(mended, out),
            None => write_wrong(&wrong, out),
        }),
    };
    told.map_err(Failure::Output)?;
    // What is damaged and was not put back is damaged still.
    let is_whole = match mended {
        Some(mended) => mended.is_complete() && blobs_wrong(&desk.ctx, dir, args.blobs.is_none())?.is_empty(),
        None => wrong.is_empty(),
    };
    Ok(if plan.is_needed() && !is_done || !is_whole { FOUND } else { 0 })
}

fn write_wrong(wrong: &BlobsWrong, out: &mut dyn Write) -> io::Result<()> {
    for problem in wrong.lists.iter().chain(&wrong.blobs) {
        writeln!(out, "{}", one_line(problem))?;
    }
    match (wrong.lists.is_empty(), wrong.blobs.is_empty()) {
        (true, true) => Ok(()),
        (false, true) => writeln!(out, "--apply makes such lists anew"),
        _ => writeln!(out, "--apply --blobs DIR puts back the blobs that DIR has as they were"),
    }
}

fn write_mended(mended: BlobsMended, out: &mut dyn Write) -> io::Result<()> {
    let BlobsMended { lists_count, healed_count, lost_count, .. } = mended;
    let lists = count_of(lists_count, "list of blobs", "lists of blobs");
    writeln!(
        out,
        "{lists} made anew, {} put back, {lost_count} damaged or missing still",
        count_of(healed_count, "blob", "blobs")
    )
}

fn write_blobs_json(wrong: &BlobsWrong, mended: Option<BlobsMended>, out: &mut dyn Write) -> io::Result<()> {
    let line = json!({
        "lists": wrong.lists,
        "problems": wrong.blobs,
        "made": mended.map(|mended| mended.lists_count),
        "put_back": mended.map(|mended| mended.healed_count),
        "lost": mended.map(|mended| mended.lost_count),
    });
    writeln!(out, "{}", json_line("blobs", line))
}

fn write_text(plan: &RepairPlan, is_done: bool, desk: &Desk<'_>, out: &mut dyn Write) -> io::Result<()> {
    for chain in &plan.chains {
        writeln!(out, "{}", one_line(&chain_text(chain, is_done, desk)))?;
    }
    let done = if is_done { "set aside" } else { "to be set aside" };
    for name in &plan.strays {
        writeln!(out, "{name}: its full backup is missing; {done}")?;
    }
    for stamp in &plan.lone_lists {
        writeln!(out, "{stamp}.dat: a list of nothing; {done}")?;
    }
    writeln!(
        out,
        "{}",
        match (plan.is_needed(), is_done) {
            (false, _) => "nothing is wrong with the lists; repozo verify looks at what the files hold",
            (true, true) => "done; nothing was deleted",
            (true, false) => "--apply does it; nothing is deleted by it",
        }
    )
}

fn chain_text(chain: &ChainRepair, is_done: bool, desk: &Desk<'_>) -> String {
    let until = chain.last_tid.map_or_else(
        || "nothing of it restores".to_owned(),
        |tid| format!("restores up to {}", of_tid(tid, &desk.now.zone)),
    );
    let count = count_of(chain.usable.len() as u64, "backup", "backups");
    let Some(problem) = &chain.problem else { return format!("{}: {count}; {until}", chain.full) };
    let list = match (chain.writes_list, is_done) {
        (false, _) => "",
        (true, true) => "; its list was written anew",
        (true, false) => "; its list is to be written anew",
    };
    let names: Vec<String> = chain.set_aside.iter().map(ToString::to_string).collect();
    let aside = match (names.is_empty(), is_done) {
        (true, _) => String::new(),
        (false, true) => format!("; set aside: {}", names.join(", ")),
        (false, false) => format!("; to be set aside: {}", names.join(", ")),
    };
    format!("{}: {problem}; {count} of it can be used, {until}{list}{aside}", chain.full)
}

fn write_json(plan: &RepairPlan, is_done: bool, out: &mut dyn Write) -> io::Result<()> {
    let names = |names: &[classic::BackupName]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    for chain in &plan.chains {
        let line = json!({
            "full": chain.full.to_string(),
            "problem": chain.problem,
            "usable": chain.usable.iter().map(|part| part.name.to_string()).collect::<Vec<_>>(),
            "last_tid": chain.last_tid.map(|tid| tid.to_string()),
            "last_time": chain.last_tid.map(utc),
            "set_aside": names(&chain.set_aside),
            "writes_list": chain.writes_list,
        });
        writeln!(out, "{}", json_line("chain", line))?;
    }
    let summary = json!({
        "needed": plan.is_needed(),
        "applied": is_done,
        "strays": names(&plan.strays),
        "lone_lists": plan.lone_lists.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    writeln!(out, "{}", json_line("summary", summary))
}
