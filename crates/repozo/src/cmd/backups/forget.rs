use super::kind;
use super::notes::Notes;
use super::problems;
use super::watching::Watching;
use crate::args::modern::ForgetArgs;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::json_line::json_line;
use crate::ui::figures::{bytes, count_of};
use crate::ui::table::table;
use crate::ui::time::{of_stamp, utc_of_stamp};
use classic::{
    BackupName, BlobsForgotten, Context, Fate, Part, Period, Policy, Reason, forget, inventory, plan_forget,
    verify_files,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// `repozo forget`; the exit status.
///
/// # Errors
/// Where the policy keeps nothing, another run is at work, or a file cannot be removed.
pub(super) fn run(args: &ForgetArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let (dir, policy) = (args.place.dir(), policy(args));
    let found = inventory(&desk.ctx, dir)?;
    let mut wrong = problems::wrong_files(&found, &Notes::load(desk, dir));
    if args.blobs.is_some() {
        wrong.extend(problems::without_blobs(&found));
    }
    let mut fates = plan_forget(&desk.ctx, dir, &policy, &wrong)?;
    let removed_count = removed(&fates).count() as u64;
    let is_asked = !args.apply && !args.json && removed_count > 0 && desk.asks();
    let (mut is_done, mut blobs) = (args.apply, BlobsForgotten::default());
    if is_asked {
        write_text(&fates, false, desk, out).map_err(Failure::Output)?;
        out.flush().map_err(Failure::Output)?;
        is_done = desk.ask(&format!("Remove {}?", count_of(removed_count, "backup", "backups")));
        if !is_done {
            return Ok(0);
        }
    }
    if is_done {
        // What is found damaged now stands in for nothing, and the next one has to be proved.
        while prove_standing(&fates, desk, dir, &mut wrong)? {
            fates = plan_forget(&desk.ctx, dir, &policy, &wrong)?;
        }
        (fates, blobs) = forget(&desk.ctx, dir, &policy, &wrong, Duration::from_secs(args.wait))?;
    }
    let told = match (args.json, is_asked) {
        (true, _) => write_json(&fates, is_done, &blobs, out),
        (false, true) => writeln!(out, "{}", summary(&fates, is_done)),
        (false, false) => write_text(&fates, is_done, desk, out),
    };
    told.and_then(|()| write_blobs(args, &blobs, out)).map_err(Failure::Output)?;
    Ok(0)
}

fn write_blobs(args: &ForgetArgs, blobs: &BlobsForgotten, out: &mut dyn Write) -> io::Result<()> {
    if args.json || blobs.count == 0 {
        return Ok(());
    }
    let count = count_of(blobs.count, "blob", "blobs");
    writeln!(out, "removed {count} that no backup names any more, {}", bytes(blobs.len))
}

/// Before the first chain goes, the one that stands in for it is read, as far as it was not verified before: whether
/// something was found to be wrong with it.
fn prove_standing(
    fates: &[Fate],
    desk: &Desk<'_>,
    dir: &Path,
    wrong: &mut BTreeSet<BackupName>,
) -> Result<bool, Failure> {
    let kept = |full: BackupName| fates.iter().any(|fate| fate.chain == full && !fate.reasons.is_empty());
    if fates.iter().all(|fate| kept(fate.chain)) {
        return Ok(false);
    }
    let is_sound = |full: BackupName| {
        fates.iter().filter(|fate| fate.chain == full).all(|fate| fate.backup.problem.is_none())
    };
    let Some(standing) = fates.iter().map(|fate| fate.chain).rfind(|full| is_sound(*full)) else {
        return Ok(false);
    };
    let notes = Notes::load(desk, dir);
    let parts = fates.iter().filter(|fate| fate.chain == standing).map(|fate| fate.backup.part);
    let files: Vec<(BackupName, Part)> =
        parts.filter(|part| notes.verified(part).is_none()).map(|part| (standing, part)).collect();
    let watching = Watching::over(desk.ctx.observer);
    let ctx = Context { observer: &watching, ..desk.ctx };
    verify_files(&ctx, dir, &files, &mut |_| true)?;
    let seen = watching.into_seen();
    let mut notes = Notes::load(desk, dir);
    let before_count = wrong.len();
    for (_, part) in &files {
        match seen.verified.get(&part.name) {
            Some((sum, counted)) => notes.note_verified(part.name, *sum, *counted, desk.now.timestamp()),
            None => {
                notes.note_wrong(part, desk.now.timestamp());
                wrong.insert(part.name);
            }
        }
    }
    notes.save(desk, dir);
    seen.problems.iter().for_each(|problem| desk.warn(&format!("{problem}; nothing goes for it")));
    Ok(wrong.len() > before_count)
}

fn policy(args: &ForgetArgs) -> Policy {
    Policy {
        last_count: args.keep_last.unwrap_or(0),
        hourly_count: args.keep_hourly.unwrap_or(0),
        daily_count: args.keep_daily.unwrap_or(0),
        weekly_count: args.keep_weekly.unwrap_or(0),
        monthly_count: args.keep_monthly.unwrap_or(0),
        yearly_count: args.keep_yearly.unwrap_or(0),
        within: args.keep_within,
        tags: args.keep_tag.iter().cloned().collect(),
    }
}

fn removed(fates: &[Fate]) -> impl Iterator<Item = &Fate> {
    fates.iter().filter(|fate| fate.reasons.is_empty())
}

fn write_text(fates: &[Fate], is_done: bool, desk: &Desk<'_>, out: &mut dyn Write) -> io::Result<()> {
    let rows = fates.iter().map(|fate| {
        let name = fate.backup.part.name;
        let (made, stored) =
            (of_stamp(name.stamp, &desk.now.zone), bytes(fate.backup.stored_len.unwrap_or(0)));
        let reasons: Vec<String> = fate.reasons.iter().map(word).collect();
        let fate = if reasons.is_empty() { "remove" } else { "keep" };
        [made, kind(name).to_owned(), stored, format!("{fate}  {}", reasons.join(", ")).trim_end().to_owned()]
    });
    writeln!(out, "{}\n{}", table(["made", "", "stored", ""], rows), summary(fates, is_done))
}

fn summary(fates: &[Fate], is_done: bool) -> String {
    let len: u64 = removed(fates).filter_map(|fate| fate.backup.stored_len).sum();
    let done = if is_done { "removed" } else { "would remove" };
    let what = count_of(removed(fates).count() as u64, "backup", "backups");
    let advice = if is_done || len == 0 { "" } else { "; --apply does it" };
    format!("{done} {what} of {}, {}{advice}", fates.len(), bytes(len))
}

fn write_json(fates: &[Fate], is_done: bool, blobs: &BlobsForgotten, out: &mut dyn Write) -> io::Result<()> {
    for fate in fates {
        let name = fate.backup.part.name;
        let line = json!({
            "chain": fate.chain.to_string(),
            "name": name.to_string(),
            "time": utc_of_stamp(name.stamp),
            "stored_len": fate.backup.stored_len,
            "keep": !fate.reasons.is_empty(),
            "reasons": fate.reasons.iter().map(word).collect::<Vec<_>>(),
        });
        writeln!(out, "{}", json_line("backup", line))?;
    }
    let removed_len: u64 = removed(fates).filter_map(|fate| fate.backup.stored_len).sum();
    let summary = json!({
        "applied": is_done,
        "backups": fates.len(),
        "removed": removed(fates).count(),
        "removed_len": removed_len,
        "blobs_removed": blobs.count,
        "blobs_removed_len": blobs.len,
    });
    writeln!(out, "{}", json_line("summary", summary))
}

fn word(reason: &Reason) -> String {
    match reason {
        Reason::Newest => "newest".to_owned(),
        Reason::LatestTransaction => "latest transaction".to_owned(),
        Reason::Last => "last".to_owned(),
        Reason::Of(Period::Hour) => "hourly".to_owned(),
        Reason::Of(Period::Day) => "daily".to_owned(),
        Reason::Of(Period::Week) => "weekly".to_owned(),
        Reason::Of(Period::Month) => "monthly".to_owned(),
        Reason::Of(Period::Year) => "yearly".to_owned(),
        Reason::Within => "within".to_owned(),
        Reason::Tag(tag) => format!("tag {tag}"),
        Reason::Held => "held".to_owned(),
        Reason::NoAge => "no age".to_owned(),
        Reason::BuiltUpon => "built upon".to_owned(),
        Reason::NoNewerSound => "no newer sound chain".to_owned(),
        Reason::OtherDatabase => "of another database".to_owned(),
        Reason::InUse => "in use".to_owned(),
        Reason::Unsound => "chain with problems".to_owned(),
    }
}
