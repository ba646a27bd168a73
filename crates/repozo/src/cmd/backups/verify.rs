use super::notes::{Notes, RunNote};
use super::problems;
use super::watching::{Seen, Watching};
use crate::args::modern::VerifyArgs;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::inside::opened::wanted;
use crate::cmd::json_line::json_line;
use crate::report::{FOUND, is_finding, text};
use crate::ui::figures::{bytes, count_of};
use classic::{
    BackupName, Context, Error, Inventory, Part, RestoreRequest, VerifyRequest, inventory, verify,
    verify_files, verify_state,
};
use serde_json::json;
use std::io::Write;

/// `repozo verify`; the exit status.
///
/// # Errors
/// Where there is nothing to be verified, or the output cannot be written.
pub(super) fn run(args: &VerifyArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let dir = args.place.dir();
    let found = inventory(&desk.ctx, dir)?;
    if found.chains.is_empty() && found.strays.is_empty() {
        return Err(Error::NoFiles { before: None, covered: None }.into());
    }
    let watching = Watching::over(desk.ctx.observer);
    let ctx = Context { observer: &watching, ..desk.ctx };
    let is_all = args.at.is_none() && args.sample.is_none() && args.max_duration.is_none();
    let left_count = match (&args.at, is_all) {
        (Some(_), _) => of_state(args, desk, &ctx, &watching).map(|()| 0),
        (None, false) => some(args, desk, &ctx, &in_order(&found, &Notes::load(desk, dir))),
        (None, true) => all(args, &ctx).map(|()| 0),
    };
    let mut seen = watching.into_seen();
    if args.at.is_none() {
        seen.add(problems::seen(&found));
    }
    if !args.quick {
        // Read once more: others may have written to them meanwhile.
        let mut notes = Notes::load(desk, dir);
        remember(&mut notes, desk, &seen, &found, left_count.is_ok());
        if is_all && left_count.is_ok() {
            notes.verify = Some(RunNote { time: desk.now.timestamp(), problem_count: seen.problem_count() });
        }
        notes.save(desk, dir);
    }
    tell(args, &seen, left_count?, &found, out).map_err(Failure::Output)?;
    Ok(if seen.problems.is_empty() { 0 } else { FOUND })
}

/// All chains, joined; each problem is told as it is met.
fn all(args: &VerifyArgs, ctx: &Context<'_>) -> Result<(), Error> {
    let request = VerifyRequest {
        repository: args.place.dir().to_owned(),
        quick: args.quick,
        has_blobs: args.blobs.is_some(),
    };
    match verify(ctx, &request) {
        Err(Error::Problems { .. }) => Ok(()),
        other => other,
    }
}

/// What a state needs. What is wrong with it is a problem, and that it is not to be had is an error.
fn of_state(
    args: &VerifyArgs,
    desk: &Desk<'_>,
    ctx: &Context<'_>,
    watching: &Watching<'_>,
) -> Result<(), Error> {
    let Some(moment) = &args.at else { return Ok(()) };
    let wanted = wanted(moment, &desk.now);
    let request = RestoreRequest {
        repository: args.place.dir().to_owned(),
        wanted,
        even_packed: false,
        update: None,
        blobs: None,
    };
    match verify_state(ctx, &request) {
        Err(error) if is_finding(&error) => {
            watching.note_problem(text(&error));
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

/// All files, each with the full of its chain: first those that were never verified, then those that were longest ago.
fn in_order(found: &Inventory, notes: &Notes) -> Vec<(BackupName, Part)> {
    let files = found.chains.iter().flat_map(|chain| {
        chain.backups.iter().map(|backup| (notes.verified(&backup.part), chain.full, backup.part))
    });
    let mut files: Vec<_> = files.collect();
    files.sort_by_key(|(time, _, part)| (*time, part.name));
    files.into_iter().map(|(_, full, part)| (full, part)).collect()
}

/// As many files as are wanted; how many are left.
fn some(
    args: &VerifyArgs,
    desk: &Desk<'_>,
    ctx: &Context<'_>,
    files: &[(BackupName, Part)],
) -> Result<u64, Error> {
    let total_len = files.iter().fold(0_u64, |len, (_, part)| len.saturating_add(part.len()));
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of it"
    )]
    let wanted_len = (total_len as f64 * args.sample.unwrap_or(1.0)).ceil() as u64;
    let (mut read_count, mut read_len) = (0, 0);
    verify_files(ctx, args.place.dir(), files, &mut |part| {
        let passed = ctx.clock.now().duration_since(desk.now.time).unwrap_or_default();
        let is_over = args.max_duration.is_some_and(|limit| passed >= limit);
        // One at least, or nothing would ever be verified.
        let goes_on = read_count == 0 || read_len < wanted_len && !is_over;
        if goes_on {
            read_count += 1;
            read_len = part.len().saturating_add(read_len);
        }
        goes_on
    })?;
    Ok((files.len() - read_count) as u64)
}

/// What was found right, also before a signal came; and, if none did, what was found wrong.
fn remember(notes: &mut Notes, desk: &Desk<'_>, seen: &Seen, found: &Inventory, is_over: bool) {
    let now = desk.now.timestamp();
    for (name, (sum, transaction_count)) in &seen.verified {
        notes.note_verified(*name, *sum, *transaction_count, now);
    }
    for part in found.backups().map(|backup| &backup.part) {
        let is_wrong = seen.begun.contains(&part.name.to_string()) && !seen.verified.contains_key(&part.name);
        if is_wrong && is_over {
            notes.note_wrong(part, now);
        }
    }
    notes.keep(found.backups().map(|backup| backup.part.name));
}

fn tell(
    args: &VerifyArgs,
    seen: &Seen,
    left_count: u64,
    found: &Inventory,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let (files_count, problems_count) = (seen.verified.len() as u64, seen.problem_count());
    let len = seen.len(found);
    if args.json {
        for problem in &seen.problems {
            writeln!(out, "{}", json_line("problem", json!({ "message": problem })))?;
        }
        let summary =
            json!({ "files": files_count, "len": len, "problems": problems_count, "left": left_count });
        return writeln!(out, "{}", json_line("summary", summary));
    }
    for problem in &seen.problems {
        writeln!(out, "problem: {problem}")?;
    }
    let what = match (args.quick, &args.at) {
        (true, _) => "sizes compared".to_owned(),
        (false, Some(_)) => "the state was joined and is a database".to_owned(),
        (false, None) => format!("{} verified, {}", count_of(files_count, "backup", "backups"), bytes(len)),
    };
    let what = if problems_count > 0 && args.at.is_some() { "the state does not restore" } else { &what };
    let problems = match problems_count {
        0 => "no problem".to_owned(),
        count => count_of(count, "problem", "problems"),
    };
    let left = match left_count {
        0 => String::new(),
        count => format!("; {} left for the next time", count_of(count, "file", "files")),
    };
    writeln!(out, "{what}; {problems}{left}")
}
