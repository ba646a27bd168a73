//! A full with `-k` while a recovery reads the repository: the recovery ends with the right bytes or with an
//! error, and the repository is sound.

use super::stopped::{Started, ours, start};
use super::{backup_words, is_long, seed};
use crate::common::{args, binary, content, run_binary};
use crate::safety::{FIRST, Room, SECOND};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use testkit::Ran;

/// A repository with two chains, of which every test has a copy of its own, and the states in it.
struct Chains {
    room: Room,
    old: Vec<Vec<u8>>,
    newest: Vec<u8>,
}

/// One copy.
struct Site {
    dir: tempfile::TempDir,
}

const OLD_DATABASE: &[u8] = b"the database that was there before";

/// The dates to which is recovered, and the flags.
const REQUESTS: [(&[&str], Option<usize>); 4] =
    [(&[], None), (&["-w"], None), (&["-D", SECOND], Some(2)), (&["-w", "-D", FIRST], Some(1))];

impl Chains {
    fn new() -> Chains {
        let mut room = Room::new();
        let old = room.chain_of_three();
        for flags in ["F", "Qz"] {
            room.pass(3600);
            room.grow();
            room.backup(flags).expect_success();
        }
        let newest = room.database.bytes().to_vec();
        room.grow();
        Chains { room, old, newest }
    }

    fn copy(&self) -> Site {
        let site = Site { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(site.repository()).unwrap();
        for name in self.room.names() {
            std::fs::copy(self.room.in_repository(&name), site.repository().join(name)).unwrap();
        }
        std::fs::create_dir(site.dir.path().join("out")).unwrap();
        site
    }

    /// What a recovery may give that began before the new full was made.
    fn is_right(&self, bytes: &[u8], old: Option<usize>) -> bool {
        match old {
            Some(at) => bytes == self.old[at],
            None => bytes == self.newest || bytes == self.room.database.bytes(),
        }
    }

    /// Whether the recovery gave a database.
    #[track_caller]
    fn judge_recovery(&self, ran: &Ran, out: &Path, old: Option<usize>, what: &str) -> bool {
        let bytes = content(out);
        if ran.status == 0 {
            assert!(self.is_right(&bytes, old), "{what}: wrong bytes with exit 0; {}", ran.stderr);
        } else {
            assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{what}: {}", ran.stderr);
            assert_eq!(bytes, OLD_DATABASE, "{what}");
        }
        let drafts = testkit::names(out.parent().unwrap());
        assert!(drafts.iter().all(|name| !name.ends_with(".part")), "{what}: {drafts:?}");
        ran.status == 0
    }

    /// The new full was made, what it left is sound, and it is the newest.
    #[track_caller]
    fn judge_repository(&self, full: &Ran, site: &Site, what: &str) {
        assert_eq!(full.status, 0, "{what}: {}", full.stderr);
        let only_told = |line: &str| line.starts_with("warning: ") && line.contains("is being read");
        assert!(full.stderr.lines().all(only_told), "{what}: {}", full.stderr);
        let verified = run_binary(&args!["-V", "-r", site.repository()]);
        assert_eq!((verified.status, verified.stderr.as_str()), (0, ""), "{what}");
        let newest = run_binary(&args!["-R", "-w", "-r", site.repository()]).expect_success();
        assert!(newest.stdout == self.room.database.bytes(), "{what}: the newest state is another");
    }
}

impl Site {
    fn repository(&self) -> PathBuf {
        self.dir.path().join("repository")
    }

    /// A target, where a database is already.
    fn target(&self, name: &str) -> PathBuf {
        let dir = self.dir.path().join("out").join(name);
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("Data.fs"), OLD_DATABASE).unwrap();
        dir.join("Data.fs")
    }

    fn recover_words(&self, flags: &[&str], out: &Path) -> Vec<OsString> {
        let mut words = args!["-R", "-r", self.repository(), "-o", out].to_vec();
        words.extend(flags.iter().map(OsString::from));
        words
    }
}

#[test]
fn a_recovery_that_stands_at_any_call_while_old_backups_go_gives_the_right_bytes_or_an_error() {
    let chains = Chains::new();
    let mut random = fastrand::Rng::with_seed(seed());
    let stride = if is_long() { 1 } else { 6 };
    let (mut right, mut refused) = (0, 0);
    for (flags, old) in REQUESTS {
        for call in ["openat", "flock", "pread64", "statx", "renameat2"] {
            for nth in (random.usize(1..=stride)..).step_by(stride) {
                let what = format!("-R {flags:?} stopped at {call} {nth}");
                let site = chains.copy();
                let out = site.target("one");
                let words = ours(&site.recover_words(flags, &out));
                let Started::Stopped(stopped) = start(&words, call, nth, None) else { break };
                let full = run_binary(&backup_words("Fk", &site.repository(), &chains.room.file()));
                let recovered = stopped.go_on();
                if chains.judge_recovery(&recovered, &out, old, &what) {
                    right += 1;
                } else {
                    refused += 1;
                }
                chains.judge_repository(&full, &site, &what);
            }
        }
    }
    println!("recoveries that stood still: {right} right, {refused} refused");
    assert!(right > 0 && refused > 0, "both are expected: {right}, {refused}");
}

#[test]
fn recoveries_while_old_backups_go_give_the_right_bytes_or_an_error() {
    let chains = Chains::new();
    let mut random = fastrand::Rng::with_seed(seed());
    let mut right = 0;
    for round in 0..15 {
        let site = chains.copy();
        let mut words: Vec<Vec<OsString>> = Vec::new();
        let mut outs = Vec::new();
        for at in 0..4 {
            let (flags, old) = REQUESTS[random.usize(..REQUESTS.len())];
            let out = site.target(&at.to_string());
            words.push(site.recover_words(flags, &out));
            outs.push((out, old));
        }
        let at = random.usize(..=words.len());
        words.insert(at, backup_words("Fk", &site.repository(), &chains.room.file()));
        let start = |words: &Vec<OsString>| binary().args(words).stderr(Stdio::piped()).spawn().unwrap();
        let children: Vec<_> = words.iter().map(start).collect();
        let end = |child: std::process::Child| super::ran(child.wait_with_output().unwrap());
        let mut all: Vec<Ran> = children.into_iter().map(end).collect();
        let full = all.remove(at);
        let what = format!("round {round}");
        for (ran, (out, old)) in all.iter().zip(&outs) {
            right += u32::from(chains.judge_recovery(ran, out, *old, &what));
        }
        chains.judge_repository(&full, &site, &what);
    }
    assert!(right > 0, "no recovery came through");
}
