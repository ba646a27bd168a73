//! A run of ours and one of Python's repozo, which takes no lock, at once in one repository: ours stops, or
//! heals. Whatever ours acknowledged restores, no recovery gives wrong bytes with exit 0, and the next run
//! makes all well.

use super::stopped::{Started, ours, start};
use super::{Acknowledged, Site, backup_words, fingerprint, is_long, seed};
use crate::common::{args, binary, ours as ours_here, run_binary};
use crate::safety::Room;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;
use testkit::{Oracle, Ran, TestClock};

/// The stamp of the backup that a run with `-v` made, if it made one.
fn made(ran: &Ran) -> Option<String> {
    let line = ran.stderr.lines().find(|line| line.starts_with("writing ") && line.contains(" bytes to "))?;
    let name = line.rsplit('/').next().unwrap();
    (ran.status == 0).then(|| super::stamp(name).to_owned())
}

/// Python's repozo as its users start it.
fn python_words(flags: &str, repository: &Path, file: &Path) -> Vec<OsString> {
    let mut words = args![testkit::python(), "-m", "ZODB.scripts.repozo"].to_vec();
    words.extend(backup_words(flags, repository, file));
    words
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Why ours may stop.
fn is_refusal(stderr: &str) -> bool {
    ["a Python repozo seems to be running", "another program (Python's repozo?) writes to it"]
        .iter()
        .any(|reason| stderr.contains(reason))
        // Both programs in one second: the one that comes second finds its name taken.
        || stderr.contains("File exists")
}

/// What is told of a run of Python's that met ours: its increment holds the same bytes; or, in one second, both
/// gave their index one name, and Python writes its own before it looks whether the name is taken. The database
/// is right all the same.
fn is_of_python(line: &str) -> bool {
    line.starts_with("warning: ")
        && [".index was not restored (it is of a database of ", "holds bytes that another backup holds, too"]
            .iter()
            .any(|told| line.contains(told))
}

/// What became of the runs of a test.
#[derive(Debug, Default)]
struct Tally {
    ours_made: u32,
    ours_refused: u32,
    python_made: u32,
    /// What Python acknowledged does not restore: it built upon what `-k` of ours deletes, or upon another full
    /// than the one that stands before it now, or ours put its list over the one with Python's line.
    python_lost: u32,
    newest_refused: u32,
}

/// A repository with a chain, a database that has grown, and both programs.
struct Both {
    room: Room,
    /// The states that the database ever had.
    states: Vec<Vec<u8>>,
    acknowledged: Vec<String>,
    what: String,
}

impl Both {
    fn new(what: String) -> Both {
        let mut room = Room::new();
        let states = room.chain_of_three();
        let mut both = Both { room, states, acknowledged: Vec::new(), what };
        both.grow();
        both
    }

    fn grow(&mut self) {
        self.room.grow();
        self.states.push(self.room.database.bytes().to_vec());
    }

    fn words(&self, flags: &str) -> Vec<OsString> {
        backup_words(flags, &self.room.repository(), &self.room.file())
    }

    fn recover(&self, flags: &[&str]) -> Ran {
        let mut words = args!["-R", "-r", self.room.repository()].to_vec();
        words.extend(flags.iter().map(OsString::from));
        run_binary(&words)
    }

    fn is_state(&self, ran: &Ran) -> bool {
        self.states.contains(&ran.stdout)
    }

    /// A run of ours ended: it made its backup, or said why not.
    #[track_caller]
    fn see_ours(&mut self, ran: &Ran, tally: &mut Tally) {
        match made(ran) {
            Some(stamp) => {
                self.acknowledged.push(stamp);
                tally.ours_made += 1;
            }
            None if ran.status == 0 => {}
            None => {
                assert!(is_refusal(&ran.stderr), "{}: {}", self.what, ran.stderr);
                tally.ours_refused += 1;
            }
        }
    }

    /// Both ended.
    #[track_caller]
    fn judge(&mut self, python: &Ran, tally: &mut Tally) {
        let newest = self.recover(&[]);
        assert!(newest.status != 0 || self.is_state(&newest), "{}: wrong bytes with exit 0", self.what);
        tally.newest_refused += u32::from(newest.status != 0);
        self.assert_acknowledged();
        if let Some(stamp) = made(python) {
            tally.python_made += 1;
            let state = self.recover(&["-w", "-D", &stamp]);
            assert!(state.status != 0 || self.is_state(&state), "{}: wrong bytes with exit 0", self.what);
            tally.python_lost += u32::from(state.status != 0);
        }
        // The next run, some seconds later, makes all well.
        self.grow();
        let later = TestClock::at(now() + 60);
        let next = ours_here(&later, &self.words("Q"));
        assert_eq!(next.status, 0, "{}: {}", self.what, next.stderr);
        let newest = self.recover(&["-w"]);
        assert!(newest.stdout == self.room.database.bytes(), "{}: {}", self.what, newest.stderr);
        self.assert_acknowledged();
        for stamp in &self.acknowledged {
            let state = self.recover(&["-w", "-D", stamp]);
            assert!(state.status == 0, "{}: {stamp}, after the next run: {}", self.what, state.stderr);
        }
    }

    #[track_caller]
    fn assert_acknowledged(&self) {
        for stamp in &self.acknowledged {
            let mut state = self.recover(&["-w", "-D", stamp]);
            // Python stood between the name of its full and the list for it for seconds, ours wrote that list and
            // went on, and Python wrote its own over it: the bytes are there, their sum is not until the next run.
            if state.stderr.contains("no line of ") {
                state = self.recover(&["-D", stamp]);
            }
            assert!(
                state.status == 0 && self.is_state(&state),
                "{}: {stamp} does not restore: {}; {:?}",
                self.what,
                state.stderr,
                self.room.names()
            );
        }
    }
}

#[test]
fn a_run_of_python_at_any_call_of_ours_costs_no_backup_of_ours() {
    let mut random = fastrand::Rng::with_seed(seed());
    let mut oracle = Oracle::start();
    let mut tally = Tally::default();
    let stride = if is_long() { 1 } else { 16 };
    for (ours_flags, python_flags) in [("vQ", "vQ"), ("vF", "vQ"), ("vz", "vF"), ("vFk", "vQ"), ("vF", "vF")]
    {
        for call in ["openat", "fsync", "renameat2", "rename"] {
            for nth in (random.usize(1..=stride)..).step_by(stride) {
                let later = random.u64(0..2);
                let what = format!("-B{ours_flags} at {call} {nth}, -B{python_flags} {later} s later");
                let mut both = Both::new(what);
                let Started::Stopped(stopped) = start(&ours(&both.words(ours_flags)), call, nth, None) else {
                    break;
                };
                if random.bool() {
                    both.grow();
                }
                let python = oracle.repozo(&both.words(python_flags), now() + later);
                let ran = stopped.go_on();
                both.see_ours(&ran, &mut tally);
                both.judge(&python, &mut tally);
            }
        }
    }
    println!("Python's run at a call of ours: {tally:?}");
    assert!(tally.ours_made > 0 && tally.python_made > 0, "{tally:?}");
    assert!(tally.ours_refused > 0 || !is_long(), "{tally:?}");
}

#[test]
fn a_run_of_ours_at_any_step_of_python_costs_no_backup_of_ours() {
    let mut random = fastrand::Rng::with_seed(seed());
    let mut tally = Tally::default();
    let place = |both: &Both, name: &str| -> PathBuf {
        match name {
            "Data.fs" => both.room.file(),
            "" => both.room.repository(),
            name => both.room.in_repository(name),
        }
    };
    let dat = "2023-11-14-22-13-20.dat";
    for (ours_flags, python_flags) in [("vQ", "vQ"), ("vF", "vQ"), ("vQ", "vF"), ("vFk", "vz")] {
        for (call, name) in [
            ("getdents64", ""),
            ("openat", "Data.fs"),
            ("openat", dat),
            ("openat", "tmp.tmp"),
            ("fsync", "tmp.tmp"),
            ("rename", "tmp.tmp"),
            ("fsync", dat),
        ] {
            // The call at which Python is seen to write is tried every time.
            let stride = if is_long() || (call, name) == ("fsync", "tmp.tmp") { 1 } else { 4 };
            for nth in (random.usize(1..=stride)..).step_by(stride) {
                let what = format!("-B{python_flags} at {call} {nth} of {name}, -B{ours_flags}");
                let mut both = Both::new(what);
                let path = place(&both, name);
                let words = python_words(python_flags, &both.room.repository(), &both.room.file());
                let Started::Stopped(stopped) = start(&words, call, nth, Some(&path)) else { break };
                if random.bool() {
                    both.grow();
                }
                let ran = ours_here(&TestClock::at(now() + random.u64(0..2)), &both.words(ours_flags));
                both.see_ours(&ran, &mut tally);
                let python = stopped.go_on();
                both.judge(&python, &mut tally);
            }
        }
    }
    println!("a run of ours at a step of Python's: {tally:?}");
    assert!(tally.ours_made > 0 && tally.ours_refused > 0 && tally.python_made > 0, "{tally:?}");
}

/// Both as real processes, on a live database, which is not packed: a pack during a run of Python's mixes two
/// files in its backup.
#[test]
fn runs_of_ours_while_python_makes_a_backup_of_a_live_database_keep_what_they_acknowledged() {
    let mut random = fastrand::Rng::with_seed(seed());
    let mut site = Site::start(random.u64(..), 2, None);
    let (repository, file, out) = (site.repository(), site.file(), site.path("out/Data.fs"));
    let mut acknowledged = Acknowledged::default();
    let mut tally = Tally::default();
    let rounds = if is_long() { 40 } else { 4 };
    for round in 0..rounds {
        let flags = random.choice(["vQ", "v", "vQz", "vF"]).unwrap();
        let words = python_words(random.choice(["vQ", "v", "vF"]).unwrap(), &repository, &file);
        let what = format!("round {round}, -B{flags}, {words:?}");
        let mut python = Command::new(&words[0]).args(&words[1..]).stderr(Stdio::piped()).spawn().unwrap();
        let mut stamps = Vec::new();
        while python.try_wait().unwrap().is_none() {
            let begun = site.moment();
            let ran = super::ran(binary().args(backup_words(flags, &repository, &file)).output().unwrap());
            match made(&ran) {
                Some(stamp) => stamps.push((stamp, begun)),
                None => assert!(ran.status == 0 || is_refusal(&ran.stderr), "{what}: {}", ran.stderr),
            }
            tally.ours_refused += u32::from(ran.status != 0);
        }
        tally.python_made += u32::from(made(&super::ran(python.wait_with_output().unwrap())).is_some());
        for (stamp, begun) in stamps {
            run_binary(&args!["-R", "-w", "-D", &stamp, "-r", &repository, "-o", &out]).expect_success();
            if let Err(reason) = site.judge(&begun, &out) {
                panic!("{what}: {stamp} {reason}");
            }
            acknowledged.0.insert(stamp, fingerprint(&out));
            tally.ours_made += 1;
        }
        // The next run, alone, makes all well.
        let begun = site.moment();
        let mut words = backup_words(flags, &repository, &file);
        words.extend(args!["--wait", "60"]);
        run_binary(&words).expect_success();
        run_binary(&args!["-R", "-w", "-r", &repository, "-o", &out]).expect_success();
        if let Err(reason) = site.judge(&begun, &out) {
            panic!("{what}: the next run {reason}");
        }
        acknowledged.assert_all_restore(&repository, &out, is_of_python);
    }
    site.end();
    println!("both on a live database: {tally:?}");
    assert!(tally.ours_made + tally.ours_refused > 0, "{tally:?}");
    assert!(
        !is_long() || tally.ours_made > 0 && tally.ours_refused > 0 && tally.python_made > 0,
        "{tally:?}"
    );
}
