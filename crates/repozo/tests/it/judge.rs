//! What must be true of a repository whatever happened to it, looked at from outside: through the program, and
//! through [`truth`], which reads the files without it.
//!
//! | | invariant |
//! |---|---|
//! | a | every acknowledged backup restores, byte for byte, with `-D` |
//! | b | the newest restore is exactly the old acknowledged state or exactly the new one |
//! | c | verify's verdict is true: silent on sound states, else non-zero with a name of what is damaged |
//! | d | after the database grew, the next backup succeeds and the newest restore equals it |
//! | e | no litter is left after that run |
//! | f | a restore's target is the old database or the complete new one, never with a foreign index |
//! | g | every backup that was acknowledged with its blobs restores with each of them, byte for byte; no database is restored before its blobs |

pub(crate) mod blobs;
mod sections;
pub(crate) mod truth;

use crate::common::{args, ours_with};
use blobs::KnownBlobs;
use filestorage::Tid;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use testkit::{Ran, TestClock};
use vfs::Fs;

/// A state of the database that was backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// The stamp of the backup.
    pub(crate) date: String,
    pub(crate) bytes: Arc<Vec<u8>>,
}

/// What is known of a repository before it is looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Backups that were acknowledged and that nobody asked to delete, oldest first.
    pub(crate) acknowledged: Vec<State>,
    /// Backups that a run was asked to delete: there or not, but never wrong.
    pub(crate) deletable: Vec<State>,
    /// The backup of a run that did not come to its end, or to whose end nobody was told.
    pub(crate) in_flight: Option<State>,
    /// Whether Python's repozo was at it, which leaves files that belong to no backup: they are set aside.
    pub(crate) by_python: bool,
    /// Whether backups between others were to go: the state of their date is then that of one before them.
    pub(crate) forgets: bool,
    /// Whether the power went behind Python's repozo, which syncs neither names nor indexes: the backup in
    /// flight may be listed and gone. What is wrong has to be told then, and cannot be healed.
    pub(crate) lossy: bool,
    /// What is known of blobs, if they are backed up too.
    pub(crate) blobs: KnownBlobs,
}

impl Known {
    /// What is known while a run with these flags makes `new`.
    pub(crate) fn during(&self, flags: &str, new: &State) -> Known {
        let mut known = Known { in_flight: Some(new.clone()), ..self.clone() };
        if flags.contains('k') {
            known.deletable.append(&mut known.acknowledged);
        }
        known
    }

    /// What is known when it was acknowledged.
    pub(crate) fn behind(&self, flags: &str, new: &State) -> Known {
        let mut known = self.during(flags, new);
        known.acknowledged.extend(known.in_flight.take());
        known
    }

    /// Every state that any file may be of.
    fn states(&self) -> impl Iterator<Item = &State> {
        self.acknowledged.iter().chain(&self.deletable).chain(&self.in_flight)
    }

    /// What the newest restore may give.
    fn newest(&self) -> impl Iterator<Item = &State> {
        self.acknowledged.last().or(self.deletable.last()).into_iter().chain(&self.in_flight)
    }
}

/// What was found wrong, with its invariant.
#[derive(Debug, Clone)]
pub(crate) struct Violation(String);

impl Violation {
    /// The same, with what it is about.
    fn of(self, what: &str) -> Violation {
        Violation(format!("{}, of {what}", self.0))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `Err` with that invariant and those words, unless `holds`.
pub(crate) fn ensure(holds: bool, invariant: char, words: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation(format!("{invariant}: {}", words()))) }
}

/// A repository on a disk at a time.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) fs: &'a dyn Fs,
    pub(crate) clock: &'a TestClock,
    pub(crate) repository: &'a Path,
    pub(crate) file: &'a Path,
    /// The blob directory, if blobs are backed up and restored too.
    pub(crate) blobs: Option<&'a Path>,
}

impl Site<'_> {
    fn run(&self, mut words: Vec<OsString>, blobs: Option<&Path>) -> Ran {
        words.extend(blobs.into_iter().flat_map(|dir| args!["--blobs", dir]));
        ours_with(self.fs, self.clock, &words)
    }

    /// With `c` among the flags small blobs come into containers, and with `s` each blob gets its name at once, as
    /// gigabytes of them do.
    pub(crate) fn backup(&self, flags: &str) -> Ran {
        if flags.contains('s') {
            return sections::back_up(self, flags);
        }
        let (short, together) = (flags.replace('c', ""), flags.contains('c').then_some("--containers"));
        let words = args![format!("-B{short}"), "-r", self.repository, "-f", self.file];
        self.run(words.into_iter().chain(together.map(OsString::from)).collect(), self.blobs)
    }

    /// Blobs are restored beside the database.
    fn run_beside(&self, target: &Path, words: Vec<OsString>) -> Ran {
        let blobs = target.with_file_name("blobs");
        self.run(words, self.blobs.map(|_| blobs.as_path()))
    }

    pub(crate) fn verify(&self) -> Ran {
        ours_with(self.fs, self.clock, &args!["-V", "-r", self.repository])
    }

    pub(crate) fn verify_quick(&self) -> Ran {
        ours_with(self.fs, self.clock, &args!["-VQ", "-r", self.repository])
    }

    pub(crate) fn recover(&self, flags: &[&str]) -> Ran {
        let mut all = args!["-R", "-r", self.repository].to_vec();
        all.extend(flags.iter().map(OsString::from));
        ours_with(self.fs, self.clock, &all)
    }

    pub(crate) fn recover_to(&self, target: &Path) -> Ran {
        self.run_beside(target, args!["-R", "-r", self.repository, "-o", target].to_vec())
    }

    /// The state of a date with its blobs, in a directory that is made for them.
    pub(crate) fn recover_with_blobs(&self, date: &str, target: &Path) -> Ran {
        let dir = target.parent().unwrap();
        self.fs.make_dir(dir, vfs::Grant { mode: 0o700, gid: 0, uid: None }).unwrap();
        self.run_beside(target, args!["-R", "-r", self.repository, "-D", date, "-o", target].to_vec())
    }

    pub(crate) fn restore_to(&self, target: &Path, tid: Tid) -> Ran {
        let tid = tid.to_string();
        let words = args!["restore", "-r", self.repository, "-o", target, "--tid", tid];
        self.run_beside(target, words.to_vec())
    }

    pub(crate) fn update_to(&self, target: &Path, tid: Tid, quick: bool) -> Ran {
        let tid = tid.to_string();
        let words = args!["restore", "-r", self.repository, "-o", target, "--tid", tid, "--update"];
        let quick = quick.then(|| OsString::from("--quick"));
        self.run_beside(target, words.into_iter().chain(quick).collect())
    }

    /// `forget` of all but the last one and those that are held; the stamps of what it keeps.
    pub(crate) fn forget(&self) -> (Ran, Vec<String>) {
        let words = args!["forget", "-r", self.repository, "--keep-last", "1", "--apply", "--json"];
        let ran = ours_with(self.fs, self.clock, &words);
        let lines = str::from_utf8(&ran.stdout).unwrap().lines();
        let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let kept = lines.filter(|line| line["keep"] == true);
        let kept = kept.map(|line| line["name"].as_str().unwrap()[..19].to_owned()).collect();
        (ran, kept)
    }

    pub(crate) fn hold(&self, stamp: &str) -> Ran {
        ours_with(self.fs, self.clock, &args!["hold", "-r", self.repository, stamp])
    }

    /// The newest state as it restores; `None` when there is none, or one that is lost and missed by its name.
    pub(crate) fn newest(&self, known: &Known) -> Result<Option<State>, Violation> {
        let ran = self.recover(&[]);
        if ran.status != 0 {
            let none = known.acknowledged.is_empty() && ran.stderr.contains("No files in repository");
            let missed =
                known.lossy && self.what_is_wrong(known).iter().any(|name| ran.stderr.contains(name));
            ensure(none || missed, 'b', || format!("nothing restores: {}", ran.stderr))?;
            return Ok(None);
        }
        // Python deletes before the new backup lasts.
        let deleted = known.deletable.iter().filter(|_| known.lossy);
        let found = known.newest().chain(deleted).find(|state| *state.bytes == ran.stdout);
        ensure(found.is_some(), 'b', || {
            format!(
                "the newest restore, {} bytes, is neither the old state nor the new one",
                ran.stdout.len()
            )
        })?;
        Ok(found.cloned())
    }

    /// Every acknowledged state by its date, and what remains of those to be deleted.
    pub(crate) fn all_restore(&self, known: &Known) -> Result<(), Violation> {
        for State { date, bytes } in &known.acknowledged {
            let ran = self.recover(&["-D", date]);
            ensure(ran.status == 0, 'a', || format!("{date} does not restore: {}", ran.stderr))?;
            ensure(ran.stdout == **bytes, 'a', || format!("{date} restores to other bytes"))?;
        }
        for State { date, bytes } in &known.deletable {
            let ran = self.recover(&["-D", date]);
            // Python leaves no trace of what it deletes: the state before it is the newest then.
            let may_be_before = known.lossy || known.forgets;
            let mut before = known.states().filter(|state| may_be_before && state.date < *date);
            let right = ran.stdout == **bytes || before.any(|state| *state.bytes == ran.stdout);
            ensure(ran.status != 0 || right, 'a', || {
                format!("{date}, half deleted, restores to other bytes with status 0")
            })?;
        }
        Ok(())
    }

    fn what_is_wrong(&self, known: &Known) -> Vec<String> {
        let states: Vec<&[u8]> = known.states().map(|state| state.bytes.as_slice()).collect();
        truth::what_is_wrong(self.fs, self.repository, &states)
    }

    /// Verify says what is true.
    pub(crate) fn verdict(&self, known: &Known) -> Result<(), Violation> {
        let wrong = self.what_is_wrong(known);
        let ran = self.verify();
        let is_empty = ran.stderr.contains("No files in repository");
        match wrong.as_slice() {
            [] => ensure(ran.status == 0 || is_empty, 'c', || {
                format!("all is sound, verify says: {}", ran.stderr)
            }),
            wrong => {
                ensure(ran.status == 1, 'c', || format!("{wrong:?}, verify says nothing"))?;
                let named = wrong.iter().all(|name| ran.stderr.contains(name.as_str()));
                ensure(named, 'c', || format!("{wrong:?}, verify says: {}", ran.stderr))
            }
        }
    }

    /// The next run, after the database grew to `grown`: it succeeds, and all is well behind it. What is known
    /// since.
    pub(crate) fn next_run(&self, known: &Known, flags: &str, grown: &State) -> Result<Known, Violation> {
        let ran = self.backup(flags);
        ensure(ran.status == 0, 'd', || format!("the next run fails: {}", ran.stderr))?;
        let ran = self.recover(&["-w"]);
        ensure(ran.status == 0, 'd', || format!("what the next run made does not restore: {}", ran.stderr))?;
        ensure(ran.stdout == *grown.bytes, 'd', || {
            "what the next run made restores to other bytes".to_owned()
        })?;
        let mut behind = known.behind(flags, grown);
        self.verdict(&behind)?;
        let mut wrong = self.what_is_wrong(&behind);
        // Lists of blobs are made for the newest chain alone; what an older one lacks stays told.
        let newest_full = blobs::newest_full(self);
        wrong.retain(|name| !(name.ends_with(".blobs") && Some(name) < newest_full.as_ref()));
        // A chain that Python had begun to delete lost its list first: it stays what it is.
        let half_deleted = known.by_python && !known.deletable.is_empty();
        ensure(wrong.is_empty() || known.lossy || half_deleted, 'd', || {
            format!("behind the next run {wrong:?}")
        })?;
        self.all_restore(&behind)?;
        // So does a forget that was cut off, with what does not continue its chain.
        let sets_aside = known.by_python || known.forgets;
        let litter = truth::litter(self.fs, self.repository, sets_aside);
        ensure(litter.is_empty(), 'e', || format!("{litter:?}"))?;
        if self.blobs.is_some() {
            blobs::acknowledge(self, &mut behind);
        }
        Ok(behind)
    }
}
