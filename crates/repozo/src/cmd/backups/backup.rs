use super::hook::Hook;
use super::notes::Notes;
use crate::args::blob_dir;
use crate::args::modern::BackupArgs;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::json_line::json_line;
use crate::report::{one_line, status_of_blobs};
use crate::ui::figures::{bytes, count_of};
use classic::plan::Decision;
use classic::{
    BackedUp, BackupOutcome, BackupRequest, BlobsBackedUp, BlobsSource, Context, Event, Observer, Part,
    QuickCheck, backup,
};
use serde_json::json;
use std::ffi::OsString;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a command may take, if that is not said.
const HOOK_TIMEOUT: Duration = Duration::from_secs(3600);

/// `repozo backup`; the exit status.
///
/// # Errors
/// Where the backup cannot be made, or a command of the user's fails.
pub(super) fn run(args: &BackupArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let made = hook(args, desk, "--hook-before", args.hook_before.as_deref(), Vec::new())
        .and_then(|()| make(args, desk));
    let done = match made {
        Ok(done) => done,
        Err(failure) => {
            let facts = vec![
                ("REPOZO_ERROR", failure.text().into()),
                ("REPOZO_STATUS", failure.status().to_string().into()),
            ];
            // Its own failure must not hide the first one.
            if let Err(other) = hook(args, desk, "--hook-failed", args.hook_failed.as_deref(), facts) {
                desk.warn(&other.text());
            }
            return Err(failure);
        }
    };
    let told = if args.json { done.json(args).to_string() } else { done.text() };
    // The backup is made: what comes behind it is done, also where nobody can be told.
    let written = writeln!(out, "{told}").and_then(|()| out.flush());
    hook(args, desk, "--hook-after", args.hook_after.as_deref(), done.facts(args))?;
    written.map_err(Failure::Output)?;
    Ok(status_of_blobs(done.blobs.map(|blobs| blobs.is_complete())))
}

fn make(args: &BackupArgs, desk: &Desk<'_>) -> Result<Done, Failure> {
    let request = BackupRequest {
        repository: args.place.dir().to_owned(),
        file: args.file().to_owned(),
        full: args.full,
        quick: args.quick.then(QuickCheck::default),
        gzip: args.gzip,
        wait: Duration::from_secs(args.wait),
        blobs: args.blobs.clone().map(|dir| BlobsSource::of(blob_dir(dir), args.containers)),
        ..BackupRequest::default()
    };
    let watching = Watching { observer: desk.ctx.observer, seen: Mutex::default() };
    let ctx = Context { observer: &watching, ..desk.ctx };
    let BackedUp { outcome, blobs } = backup(&ctx, &request)?;
    let seen = watching.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut notes = Notes::load(desk, args.place.dir());
    notes.backup = Some(desk.now.timestamp());
    notes.save(desk, args.place.dir());
    let length = desk.ctx.clock.now().duration_since(desk.now.time).unwrap_or_default();
    let part = match outcome {
        BackupOutcome::Nothing => None,
        BackupOutcome::Made(part) => Some(part),
    };
    Ok(Done { part, reason: seen.reason, transaction_count: seen.transaction_count, length, blobs })
}

fn hook(
    args: &BackupArgs,
    desk: &Desk<'_>,
    name: &'static str,
    command: Option<&str>,
    mut facts: Vec<(&'static str, OsString)>,
) -> Result<(), Failure> {
    let Some(command) = command else { return Ok(()) };
    facts.push(("REPOZO_REPOSITORY", args.place.dir().into()));
    facts.push(("REPOZO_FILE", args.file().into()));
    Hook::of_shell(name, command, facts, args.hook_timeout.unwrap_or(HOOK_TIMEOUT)).run(&desk.ctx)
}

/// What a backup did.
struct Done {
    /// What was made; nothing if all was backed up.
    part: Option<Part>,
    reason: String,
    transaction_count: u64,
    length: Duration,
    blobs: Option<BlobsBackedUp>,
}

impl Done {
    fn kind(&self) -> &'static str {
        match self.part {
            None => "nothing",
            Some(part) if part.name.is_full() => "full",
            Some(_) => "incremental",
        }
    }

    fn text(&self) -> String {
        match self.blobs {
            None => self.database_text(),
            Some(blobs) => format!("{}\n{}", self.database_text(), blobs_text(&blobs)),
        }
    }

    fn database_text(&self) -> String {
        let Some(part) = self.part else { return "all is backed up".to_owned() };
        let seconds = self.length.as_secs_f64();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate for people"
        )]
        let rate = ((part.len() + self.blobs.map_or(0, |blobs| blobs.copied_len)) as f64 / seconds.max(0.001))
            as u64;
        one_line(&format!(
            "{}: {}, {}, in {seconds:.1} s ({}/s); {}",
            part.name,
            bytes(part.len()),
            count_of(self.transaction_count, "transaction", "transactions"),
            bytes(rate),
            self.reason
        ))
    }

    fn json(&self, args: &BackupArgs) -> serde_json::Value {
        json_line(
            "backup",
            json!({
                "kind": self.kind(),
                "reason": self.reason,
                "file": args.file().display().to_string(),
                "name": self.part.map(|part| part.name.to_string()),
                "start_pos": self.part.map(|part| part.start_pos),
                "end_pos": self.part.map(|part| part.end_pos),
                "transactions": self.transaction_count,
                "seconds": self.length.as_secs_f64(),
                "blobs": self.blobs.map(|blobs| blobs.count),
                "blobs_len": self.blobs.map(|blobs| blobs.len),
                "blobs_copied": self.blobs.map(|blobs| blobs.copied_count),
                "blobs_copied_len": self.blobs.map(|blobs| blobs.copied_len),
                "blobs_missing": self.blobs.map(|blobs| blobs.missing_count),
            }),
        )
    }

    fn facts(&self, args: &BackupArgs) -> Vec<(&'static str, OsString)> {
        let mut facts = vec![("REPOZO_KIND", self.kind().into())];
        if let Some(part) = self.part {
            facts.push(("REPOZO_BACKUP", args.place.dir().join(part.name.to_string()).into()));
            facts.push(("REPOZO_BYTES", part.len().to_string().into()));
            facts.push(("REPOZO_TRANSACTIONS", self.transaction_count.to_string().into()));
        }
        facts
    }
}

fn blobs_text(blobs: &BlobsBackedUp) -> String {
    let BlobsBackedUp { copied_count, copied_len, count, len, missing_count, .. } = *blobs;
    let missing = if missing_count > 0 { format!(", {missing_count} missing") } else { String::new() };
    format!(
        "{} copied, {}; the chain has {}, {}{missing}",
        count_of(copied_count, "blob", "blobs"),
        bytes(copied_len),
        count_of(count, "blob", "blobs"),
        bytes(len)
    )
}

/// An observer that keeps what the summary tells, and hands on all.
struct Watching<'a> {
    observer: &'a dyn Observer,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    reason: String,
    transaction_count: u64,
}

impl Observer for Watching<'_> {
    fn event(&self, event: &Event<'_>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned(decision) => seen.reason = reason(decision),
            Event::Copied { transaction_count } => seen.transaction_count = *transaction_count,
            _ => {}
        }
        self.observer.event(event);
    }
}

fn reason(decision: &Decision) -> String {
    use classic::plan::FullReason;
    match decision {
        Decision::Nothing => "all is backed up".to_owned(),
        Decision::Incremental { .. } => "what is new".to_owned(),
        Decision::Full(FullReason::Requested) => "a full was asked for".to_owned(),
        Decision::Full(FullReason::NoFiles) => "the first one".to_owned(),
        Decision::Full(FullReason::NoDat) => "the list of the last one is missing or empty".to_owned(),
        Decision::Full(FullReason::Shrunk) => "the database is shorter than its backups: packed?".to_owned(),
        Decision::Full(FullReason::Changed) => {
            "the database changed where it was backed up: packed?".to_owned()
        }
        Decision::Full(FullReason::Unsound(fault)) => format!("the last chain is not built upon: {fault}"),
        Decision::Full(FullReason::Damaged) => "a file of the last chain is damaged".to_owned(),
        Decision::Full(FullReason::NoFull) => "increments are there, and no full".to_owned(),
    }
}
