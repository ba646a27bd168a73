//! A place on the disk where both programs run, at one time.

use super::cell::Program;
use super::history::{Moment, show};
use crate::common::ours;
use classic::Stamp;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use testkit::{Oracle, Ran, TestClock};

/// When the first backup is made, in seconds since 1970: after all transactions.
const FIRST_BACKUP_SECONDS: u64 = 1_700_000_000;

/// How much later each backup is made than the one before, in turn.
const PAUSES_SECONDS: [u64; 4] = [1, 59, 3600, 40 * 86_400];

/// The step before which the repository is moved to another directory, as its owner may.
const MOVED_AT_STEP: usize = 3;

pub(crate) struct Site {
    dir: TempDir,
    pub(crate) oracle: Oracle,
    pub(crate) clock: TestClock,
    repository_names: [&'static str; 2],
    repository: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Site {
        Site::with_repository_named(["repository", "moved"])
    }

    /// With these names for the repository, before and after it is moved.
    pub(crate) fn with_repository_named(repository_names: [&'static str; 2]) -> Site {
        let dir = work_dir();
        let repository = dir.path().join(repository_names[0]);
        let clock = TestClock::at(FIRST_BACKUP_SECONDS);
        Site { dir, oracle: Oracle::start(), clock, repository_names, repository }
    }

    /// Begins with an empty repository and no target.
    pub(crate) fn clear(&mut self) {
        let _ = fs::remove_dir_all(&self.repository);
        self.repository = self.dir.path().join(self.repository_names[0]);
        let _ = fs::remove_dir_all(self.target_dir());
        fs::create_dir(&self.repository).unwrap();
        fs::create_dir(self.target_dir()).unwrap();
    }

    /// Begins with nothing at all, at the time of the first backup.
    pub(crate) fn start_again(&mut self) {
        self.clear();
        self.clock = TestClock::at(FIRST_BACKUP_SECONDS);
        for name in testkit::names(self.dir.path()).iter().filter(|name| name.starts_with("Data.fs")) {
            fs::remove_file(self.dir.path().join(name)).unwrap();
        }
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.repository.clone()
    }

    /// The repository as somebody may have typed it at this step: it is written into lists and messages.
    pub(crate) fn spelled(&self, step: usize) -> PathBuf {
        const ENDINGS: [&str; 4] = ["", "/", "/.", "//"];
        let mut spelled = self.repository.clone().into_os_string();
        spelled.push(ENDINGS[step % ENDINGS.len()]);
        spelled.into()
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.dir.path().join("Data.fs")
    }

    pub(crate) fn target_dir(&self) -> PathBuf {
        self.dir.path().join("target")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.target_dir().join("Data.fs")
    }

    pub(crate) fn target_index(&self) -> PathBuf {
        self.target_dir().join("Data.fs.index")
    }

    pub(crate) fn remove_target(&self) {
        for path in [self.target(), self.target_index()] {
            // It need not be there.
            let _ = fs::remove_file(path);
        }
    }

    /// Lets time pass until the next step, and shows the database as it is then; the step's stamp.
    pub(crate) fn next_step(&mut self, step: usize, moment: &Moment) -> Stamp {
        if step == MOVED_AT_STEP {
            let moved = self.dir.path().join(self.repository_names[1]);
            fs::rename(&self.repository, &moved).unwrap();
            self.repository = moved;
        }
        self.clock.pass(Duration::from_secs(PAUSES_SECONDS[step % PAUSES_SECONDS.len()]));
        show(moment, &self.source());
        self.stamp()
    }

    /// Now.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp::at(classic::Clock::now(&self.clock)).unwrap()
    }

    /// Runs a program now; ours may wait for the next second.
    pub(crate) fn run_with_patience(&mut self, program: Program, args: &[OsString]) -> Ran {
        match program {
            Program::Python => self.oracle.repozo(args, self.clock.seconds()),
            Program::Ours => ours(&self.clock, args),
        }
    }

    /// Runs a program now.
    pub(crate) fn run(&mut self, program: Program, args: &[OsString]) -> Ran {
        let now_seconds = self.clock.seconds();
        let ran = self.run_with_patience(program, args);
        assert_eq!(self.clock.seconds(), now_seconds, "{args:?}: no run has a reason to wait");
        ran
    }
}

/// A new directory, in memory where the system has such a place: many thousand runs sync their files, and what
/// a sync does is not asked here.
fn work_dir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
