use super::hook::Hook;
use super::notes::{Notes, RunNote};
use super::restore::plan_json;
use crate::args::modern::DrillArgs;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::inside::examine;
use crate::cmd::inside::opened::wanted;
use crate::cmd::json_line::json_line;
use crate::report::{FOUND, is_finding, text};
use crate::ui::figures::{bytes, count_of};
use crate::ui::time::of_tid;
use classic::{BlobsRequest, ChainEntry, Error, RestoreRequest, Restored, Wanted, inventory, restore};
use serde_json::json;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;
use vfs::Op;

/// Opens a database as a server does, and loads its root.
const OPENS: &str = "
import sys
from ZODB.DB import DB
from ZODB.FileStorage import FileStorage
db = DB(FileStorage(sys.argv[1], read_only=True))
root = sorted(map(str, db.open().root()))
if sys.argv[2] != 'quiet':
    print('ZODB opened it: %d objects, root %r' % (db.objectCount(), root))
db.close()
";
/// ZODB reads all of the index, and no more of the database than it is asked for.
const OPENS_TIMEOUT: Duration = Duration::from_secs(3600);

/// `repozo drill`; the exit status.
///
/// # Errors
/// Where there is no room, or no such state; that a backup does not restore is none, but what was to be found out.
pub(super) fn run(args: &DrillArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let mut found = Found::default();
    // An interrupted drill, or one without room, proves nothing, and nothing is remembered.
    drill(args, desk, &mut found, out)?;
    let is_well = found.is_well();
    let mut notes = Notes::load(desk, args.place.dir());
    notes.drill = Some(RunNote { time: desk.now.timestamp(), problem_count: u64::from(!is_well) });
    notes.save(desk, args.place.dir());
    let told = if args.json { found.json().to_string() } else { found.text() };
    writeln!(out, "{told}").map_err(Failure::Output)?;
    Ok(if is_well { 0 } else { FOUND })
}

fn drill(args: &DrillArgs, desk: &Desk<'_>, found: &mut Found, out: &mut dyn Write) -> Result<(), Failure> {
    let scratch = tempfile::Builder::new()
        .prefix("repozo-drill-")
        .tempdir_in(&args.scratch)
        .map_err(|error| in_scratch(args, error))?;
    let target = scratch.path().join("Data.fs");
    let wanted = args.at.as_ref().map_or(Wanted::Newest, |moment| wanted(moment, &desk.now));
    let blobs = scratch.path().join("blobs");
    let mut request = RestoreRequest {
        repository: args.place.dir().to_owned(),
        wanted,
        even_packed: false,
        update: None,
        blobs: Some(BlobsRequest { dir: blobs.clone(), update: false, quick: false, prune_extra: false }),
    };
    let mut restored = restore(&desk.ctx, &request, &target);
    let has_none = match &restored {
        Err(Error::NoBlobs { path }) => args.blobs.is_none() && !had_blobs_before(args, desk, path)?,
        _ => false,
    };
    if has_none {
        request.blobs = None;
        restored = restore(&desk.ctx, &request, &target);
    }
    match restored {
        Ok(restored) => tell_restored(args, desk, &restored, out).map_err(Failure::Output)?,
        Err(error) if is_finding(&error) || matches!(error, Error::NoBlobs { .. }) => {
            return tell_problem(args, &text(&error), out);
        }
        Err(error) => return Err(error.into()),
    }
    found.restored = true;
    // A blob that was missing when it was to be backed up is missing here.
    found.sound = examine(&target, request.blobs.as_ref().map(|_| &*blobs), args.json, desk, out)?;
    if let Some(python) = &args.python {
        found.opened = Some(open(python, &target, args, desk, out)?);
    }
    scratch.close().map_err(|error| in_scratch(args, error))
}

/// Whether a backup up to this one, which has no blobs, was made with blobs.
fn had_blobs_before(args: &DrillArgs, desk: &Desk<'_>, path: &Path) -> Result<bool, Failure> {
    let found = inventory(&desk.ctx, args.place.dir())?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let has_it = |chain: &ChainEntry| chain.backups.iter().any(|backup| backup.part.name.to_string() == name);
    let chain_count = found.chains.iter().position(has_it).map_or(0, |at| at + 1);
    let backups = found.chains[..chain_count].iter().flat_map(|chain| &chain.backups);
    Ok(backups.into_iter().any(|backup| backup.blobs.is_some()))
}

/// Whether ZODB opens it.
fn open(
    python: &Path,
    target: &Path,
    args: &DrillArgs,
    desk: &Desk<'_>,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    // What was told so far comes first.
    out.flush().map_err(Failure::Output)?;
    let told = OsStr::new(if desk.is_quiet { "quiet" } else { "told" });
    let words = [OsStr::new("-c"), OsStr::new(OPENS), target.as_os_str(), told];
    match Hook::of_program(python, &words, OPENS_TIMEOUT).run(&desk.ctx) {
        Ok(()) => Ok(true),
        Err(Failure::Command(what)) => tell_problem(args, &what, out).map(|()| false),
        Err(failure) => Err(failure),
    }
}

fn in_scratch(args: &DrillArgs, error: io::Error) -> Failure {
    Failure::Common(vfs::Error::new(Op::Create, &args.scratch, error).into())
}

fn tell_restored(
    args: &DrillArgs,
    desk: &Desk<'_>,
    restored: &Restored,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Restored { plan, change, blobs } = restored;
    if args.json {
        return writeln!(out, "{}", plan_json("restored", None, plan, change, blobs.as_ref()));
    }
    let last = plan.last.as_ref().map_or_else(
        || "without a transaction".to_owned(),
        |(last, _)| format!("the last transaction of {}", of_tid(last.tid, &desk.now.zone)),
    );
    let blobs = blobs.map_or_else(String::new, |blobs| {
        format!(", {}, {}", count_of(blobs.count, "blob", "blobs"), bytes(blobs.len))
    });
    writeln!(out, "restored {}, {last}{blobs}", bytes(plan.data_len))
}

fn tell_problem(args: &DrillArgs, problem: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let told = if args.json {
        json_line("problem", json!({ "message": problem })).to_string()
    } else {
        format!("problem: {problem}")
    };
    writeln!(out, "{told}").map_err(Failure::Output)
}

/// What a drill found.
#[derive(Default)]
struct Found {
    restored: bool,
    /// Whether `check` and `refs` found nothing.
    sound: bool,
    /// Whether ZODB opened it, if it was to.
    opened: Option<bool>,
}

impl Found {
    fn is_well(&self) -> bool {
        self.restored && self.sound && self.opened != Some(false)
    }

    fn text(&self) -> String {
        match (self.is_well(), self.restored) {
            (true, _) => "the drill succeeded".to_owned(),
            (false, true) => "the drill failed: it restores, but something is wrong with it".to_owned(),
            (false, false) => "the drill failed: it does not restore".to_owned(),
        }
    }

    fn json(&self) -> serde_json::Value {
        json_line("drill", json!({ "restored": self.restored, "sound": self.sound, "opened": self.opened }))
    }
}
