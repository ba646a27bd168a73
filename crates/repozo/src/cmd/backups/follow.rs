//! A warm standby: a database that is kept at the newest state of the backups.

use super::restore::{change_words, check, plan_json};
use crate::args::modern::FollowArgs;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::report::{LOCKED, NO_REPOSITORY, REFUSED, one_line, text, verb_status};
use crate::ui::figures::count_of;
use crate::ui::time::of_tid;
use classic::{
    BlobsRequest, BlobsRestored, Change, Error, RestorePlan, RestoreRequest, Restored, Update, Wanted,
    restore,
};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use vfs::Fs;

/// How long a signal may have to wait.
const SLICE: Duration = Duration::from_millis(200);
/// What was changed so short a time ago may change again without a difference in the times.
const SETTLED: Duration = Duration::from_secs(2);

/// `repozo follow`: goes on until something ends it.
///
/// # Errors
/// What ends it: a signal, a server that has the database open or wrote to it, no repository.
pub(super) fn run(args: &FollowArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let mut following = Following { args, desk, seen: None, has_begun: false };
    loop {
        following.look(out)?;
        wait(desk, args.interval)?;
    }
}

/// Lets the interval pass, or ends with the signal that comes meanwhile.
fn wait(desk: &Desk<'_>, interval: Duration) -> Result<(), Error> {
    let mut rest = interval;
    loop {
        desk.ctx.interrupt.check()?;
        if rest.is_zero() {
            return Ok(());
        }
        let slice = rest.min(SLICE);
        desk.ctx.clock.wait(slice);
        rest -= slice;
    }
}

struct Following<'a> {
    args: &'a FollowArgs,
    desk: &'a Desk<'a>,
    /// What was there when the standby was brought to it.
    seen: Option<Seen>,
    /// Whether the standby was compared once.
    has_begun: bool,
}

impl Following<'_> {
    /// Brings the standby to the newest state, if there may be a newer one, or the standby is not as it was left.
    fn look(&mut self, out: &mut dyn Write) -> Result<(), Failure> {
        if self.seen.as_ref().is_some_and(|seen| seen.is_still_there(self.desk.ctx.fs)) {
            return Ok(());
        }
        self.seen = None;
        // Looked at before: what comes meanwhile is then seen the next time.
        let now = self.desk.ctx.clock.now();
        let repository = Mark::of(self.desk.ctx.fs, self.args.place.dir());
        let request = RestoreRequest {
            repository: self.args.place.dir().to_owned(),
            wanted: Wanted::Newest,
            even_packed: false,
            update: Some(Update { check: check(self.args.quick || self.has_begun), keeps_unknown: true }),
            blobs: self.args.blobs.clone().map(|dir| BlobsRequest {
                dir,
                update: true,
                quick: self.args.quick || self.has_begun,
                prune_extra: false,
            }),
        };
        match restore(&self.desk.ctx, &request, &self.args.output) {
            Ok(Restored { plan, change, blobs }) => {
                let has_new_blobs = blobs.is_some_and(|blobs| blobs.written_count > 0);
                if change != Change::Unchanged || has_new_blobs || !self.has_begun {
                    self.tell(&plan, &change, blobs.as_ref(), out)?;
                }
                self.has_begun = true;
                self.seen = self.see(repository, &plan).filter(|seen| seen.is_settled(now));
                Ok(())
            }
            Err(error) if self.ends(&error) => Err(error.into()),
            Err(error) => {
                self.desk.warn(&format!("{}; it is tried again", text(&error)));
                Ok(())
            }
        }
    }

    /// What trying again would not help, or must not be tried again.
    fn ends(&self, error: &Error) -> bool {
        match verb_status(error) {
            LOCKED => matches!(error, Error::TargetInUse { .. }),
            NO_REPOSITORY => !self.has_begun,
            // A backup gets its list of blobs behind all else.
            REFUSED => !matches!(error, Error::NoSpace { .. } | Error::NoBlobs { .. }),
            status => status > 128,
        }
    }

    fn see(&self, repository: Option<Mark>, plan: &RestorePlan) -> Option<Seen> {
        let fs = self.desk.ctx.fs;
        let full = plan.files.first()?;
        let list = Mark::of(fs, &self.args.place.dir().join(format!("{}.dat", full.stamp)))?;
        Some(Seen { marks: [repository?, list, Mark::of(fs, &self.args.output)?] })
    }

    fn tell(
        &self,
        plan: &RestorePlan,
        change: &Change,
        blobs: Option<&BlobsRestored>,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let output = &self.args.output;
        let line = if self.args.json {
            plan_json("restored", Some(output), plan, change, blobs).to_string()
        } else {
            let done = match change {
                Change::Written => "written as a whole".to_owned(),
                Change::Replaced(why) => format!("written as a whole: {why}"),
                change => change_words(change, plan.data_len, false),
            };
            let last = plan.last.as_ref().map_or_else(
                || "no transaction".to_owned(),
                |(last, _)| format!("up to {}", of_tid(last.tid, &self.desk.now.zone)),
            );
            let blobs = blobs.map_or_else(String::new, |blobs| {
                format!(
                    "; {}, {} of them written",
                    count_of(blobs.count, "blob", "blobs"),
                    blobs.written_count
                )
            });
            one_line(&format!("{}: {done}, {last}, {} bytes{blobs}", output.display(), plan.data_len))
        };
        writeln!(out, "{line}").and_then(|()| out.flush()).map_err(Failure::Output)
    }
}

/// What was there; as long as all of it is the same, there is nothing to do.
struct Seen {
    /// The repository, for new names; the list, to which Python's repozo appends; the standby.
    marks: [Mark; 3],
}

impl Seen {
    /// Whether the repository and the list have been as they are for a while.
    fn is_settled(&self, now: SystemTime) -> bool {
        self.marks[..2].iter().all(|mark| mark.is_settled(now))
    }

    fn is_still_there(&self, fs: &dyn Fs) -> bool {
        self.marks.iter().all(|mark| Mark::of(fs, &mark.path).as_ref() == Some(mark))
    }
}

/// What the system says of a file or directory without opening it.
#[derive(PartialEq, Eq)]
struct Mark {
    path: PathBuf,
    id: (u64, u64),
    len: u64,
    modified: SystemTime,
}

impl Mark {
    fn of(fs: &dyn Fs, path: &Path) -> Option<Mark> {
        let meta = fs.meta(path).ok()?;
        Some(Mark { path: path.to_owned(), id: meta.id, len: meta.len, modified: meta.modified })
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        now.duration_since(self.modified).is_ok_and(|age| age > SETTLED)
    }
}
