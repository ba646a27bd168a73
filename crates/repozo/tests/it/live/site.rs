//! A ZEO server, its clients, and the places where the tests keep what they need to judge.

use super::history::{History, Listed, Listing};
use super::role::Role;
use crate::common::args;
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;
use testkit::Oracle;

/// Nothing that is waited for takes so long, except when it does not come.
const PATIENCE: Duration = Duration::from_secs(180);

/// What the processes said so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) history: History,
    /// Acknowledged commits of each writer.
    pub(super) commits: Vec<u64>,
    pub(super) aborted: u64,
    pub(super) conflicts: u64,
    pub(super) packs: u64,
    /// Packs that ZODB gave up.
    failed_packs: u64,
    ready: usize,
    /// From before a pack begins until the file that it put in place has its link.
    is_packing: bool,
    is_ending: bool,
    errors: Vec<String>,
    /// A link to every file that was the database, oldest first: its bytes stay when a pack replaced it.
    generations: Vec<PathBuf>,
}

impl Seen {
    fn hear(&mut self, writer: Option<usize>, line: &str) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("ready", _) => self.ready += 1,
            ("commit", transaction) => {
                self.history.add(transaction);
                if let Some(writer) = writer {
                    self.commits[writer] += 1;
                }
            }
            ("aborted", _) => self.aborted += 1,
            ("conflict", _) => self.conflicts += 1,
            ("packed", _) => self.packs += 1,
            ("unpacked", _) => self.failed_packs += 1,
            ("stopped", _) => {}
            _ => self.errors.push(line.to_owned()),
        }
    }

    pub(super) fn all_commits(&self) -> u64 {
        self.commits.iter().sum()
    }
}

/// [`Seen`], and the news that it changed.
#[derive(Default)]
pub(super) struct Watch {
    seen: Mutex<Seen>,
    news: Condvar,
}

impl Watch {
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen());
        self.news.notify_all();
    }

    /// Waits until what was seen is so, or the processes are told to end.
    fn wait(&self, what: &str, mut is_so: impl FnMut(&Seen) -> bool) {
        let waiting = |seen: &mut Seen| !is_so(seen) && !seen.is_ending && seen.errors.is_empty();
        let (seen, timeout) = self.news.wait_timeout_while(self.seen(), PATIENCE, waiting).unwrap();
        let errors = seen.errors.clone();
        drop(seen);
        assert!(!timeout.timed_out(), "{what} did not come");
        assert!(errors.is_empty(), "a client met an error: {errors:?}");
    }
}

/// A live database and a repository.
pub(super) struct Site {
    pub(super) watch: Arc<Watch>,
    packing: Option<JoinHandle<()>>,
    writers: Vec<Role>,
    server: Role,
    pub(super) oracle: Oracle,
    dir: tempfile::TempDir,
}

impl Site {
    /// Starts a server, lets so many writers commit, and packs after random numbers of commits from this range,
    /// if there is one.
    pub(super) fn start(seed: u64, writers: usize, pack_after: Option<std::ops::Range<u64>>) -> Site {
        let dir = tempfile::tempdir().unwrap();
        for name in ["database", "repository", "generations", "logs", "out"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let watch = Arc::new(Watch::default());
        watch.seen().commits = vec![0; writers];
        let file = dir.path().join("database/Data.fs");
        let role = |name: &str, writer: Option<usize>, more: &[OsString]| {
            let mut all = args![name, dir.path().join("socket")].to_vec();
            all.extend_from_slice(more);
            let log = std::fs::File::options()
                .create(true)
                .append(true)
                .open(dir.path().join("logs").join(name))
                .unwrap();
            let watch = Arc::clone(&watch);
            Role::start("live.py", &all, log, move |line| watch.change(|seen| seen.hear(writer, line)))
        };
        let server = role("server", None, &args![file]);
        watch.wait("the server", |seen| seen.ready == 1);
        assert!(role("setup", None, &args![writers.to_string()]).wait(), "the setup ends in order");
        let link = dir.path().join("generations/0");
        std::fs::hard_link(dir.path().join("database/Data.fs"), &link).unwrap();
        watch.seen().generations.push(link);
        let writer = |number: usize| {
            let seed = (seed ^ number as u64).to_string();
            role("writer", Some(number), &args![number.to_string(), seed])
        };
        let writers: Vec<Role> = (0..writers).map(writer).collect();
        let count = writers.len();
        watch.wait("the writers", |seen| seen.ready == 1 + count);
        let packing = pack_after.map(|after| {
            let packer = role("packer", None, &[]);
            let (watch, dir) = (Arc::clone(&watch), dir.path().to_owned());
            let random = fastrand::Rng::with_seed(seed ^ 0xacc);
            std::thread::spawn(move || keep_packing(&watch, &dir, packer, random, after))
        });
        let site = Site { watch, packing, writers, server, oracle: Oracle::start(), dir };
        site.wait_for_commits(20);
        site
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.path("database/Data.fs")
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    /// Waits until so many more transactions were acknowledged.
    pub(super) fn wait_for_commits(&self, count: u64) {
        let until = self.watch.seen().all_commits() + count;
        self.watch.wait("a commit", |seen| seen.all_commits() >= until);
    }

    /// Waits until there was a pack.
    pub(super) fn wait_for_a_pack(&self) {
        self.watch.wait("a pack", |seen| seen.packs > 0);
    }

    /// Waits until every writer had one more transaction acknowledged.
    pub(super) fn wait_for_every_writer(&self) {
        let before = self.watch.seen().commits.clone();
        let all_went_on = |seen: &Seen| seen.commits.iter().zip(&before).all(|(now, before)| now > before);
        self.watch.wait("a commit of every writer", all_went_on);
    }

    /// The newest transaction that was acknowledged, and how many files the database was so far.
    pub(super) fn moment(&self) -> Moment {
        let seen = self.watch.seen();
        Moment { floor: seen.history.newest(), generation_count: seen.generations.len() }
    }

    /// Judges a file that was recovered from a backup whose run began at `begun`. Its bytes are those that one
    /// of the files which were the database since then begins with; for ZODB it is sound up to its last byte;
    /// and its transactions are those of the history. Returns those that are yet to be confirmed.
    pub(super) fn judge(&mut self, begun: &Moment, path: &Path) -> Result<Vec<Listed>, String> {
        let bytes = std::fs::read(path).unwrap();
        if !self.is_beginning(begun, &bytes) {
            return Err("is not what any generation of the database begins with".to_owned());
        }
        self.judge_history(&begun.floor, path)
    }

    /// The same without the bytes.
    pub(super) fn judge_history(&mut self, floor: &str, path: &Path) -> Result<Vec<Listed>, String> {
        let answer = self.oracle.try_ask(&json!({"op": "history", "path": path.to_str().unwrap()}));
        if answer["ok"] != true {
            return Err(format!("ZODB refuses it: {}", answer["traceback"].as_str().unwrap_or_default()));
        }
        let listing = Listing::of(&answer);
        if listing.end_pos != listing.len {
            return Err(format!("ends at {}, but is {} bytes", listing.end_pos, listing.len));
        }
        self.watch.seen().history.judge(&listing, floor)
    }

    fn is_beginning(&self, begun: &Moment, bytes: &[u8]) -> bool {
        loop {
            let (is_packing, candidates) = {
                let seen = self.watch.seen();
                (seen.is_packing, seen.generations[begun.generation_count - 1..].to_vec())
            };
            if candidates.iter().any(|path| begins_with(path, bytes)) {
                return true;
            }
            if !is_packing {
                return false;
            }
            // The file may be the one that the pack has just put in place.
            self.watch.wait("the end of a pack", |seen| !seen.is_packing);
        }
    }

    /// Whether the server still runs, and only its own files are beside the database.
    pub(super) fn assert_undisturbed(&mut self) {
        assert!(self.server.is_running(), "the server ended");
        let of_the_server =
            ["", ".index", ".index.index_tmp", ".index_tmp", ".lock", ".old", ".pack", ".tmp"]
                .map(|end| format!("Data.fs{end}"));
        for name in testkit::names(&self.path("database")) {
            assert!(of_the_server.contains(&name), "{name} is beside the database");
        }
    }

    /// Every client goes on committing, and ends in order when it is told to.
    pub(super) fn end(&mut self) {
        self.wait_for_every_writer();
        self.watch.change(|seen| seen.is_ending = true);
        if let Some(packing) = self.packing.take() {
            packing.join().unwrap();
        }
        for writer in &mut self.writers {
            writer.dismiss();
        }
        for writer in &mut self.writers {
            assert!(writer.wait(), "a writer did not end in order");
        }
        self.assert_undisturbed();
        let errors = self.watch.seen().errors.clone();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Ok(mut seen) = self.watch.seen.lock() {
            seen.is_ending = true;
        }
        self.watch.news.notify_all();
        if let Some(packing) = self.packing.take() {
            let _ = packing.join();
        }
        if std::thread::panicking() {
            for name in testkit::names(&self.path("logs")) {
                let log = std::fs::read_to_string(self.path("logs").join(&name)).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(15).collect();
                println!("{name}: {}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
            }
        }
    }
}

/// Where the history was when a run began.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub(super) floor: String,
    generation_count: usize,
}

impl Moment {
    /// Whether a pack put another file in place in between.
    pub(super) fn is_of_another_file_than(&self, earlier: &Moment) -> bool {
        self.generation_count != earlier.generation_count
    }
}

fn begins_with(path: &Path, bytes: &[u8]) -> bool {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::open(path).unwrap();
    let mut beginning = vec![0; bytes.len()];
    file.read_exact_at(&mut beginning, 0).is_ok() && beginning == bytes
}

/// Packs, again and again, until the end. Every file that a pack puts in place gets a second name.
fn keep_packing(
    watch: &Watch,
    dir: &Path,
    mut packer: Role,
    mut random: fastrand::Rng,
    after: std::ops::Range<u64>,
) {
    let inode = |path: &Path| std::fs::metadata(path).unwrap().ino();
    loop {
        let until = watch.seen().all_commits() + random.u64(after.clone());
        watch.wait("a commit", |seen| seen.all_commits() >= until);
        if watch.seen().is_ending {
            assert!(packer.wait(), "the packer did not end in order");
            return;
        }
        let seconds_ago = if random.u8(0..3) == 0 { random.f64() * 5.0 } else { 0.0 };
        let ended = |seen: &Seen| seen.packs + seen.failed_packs;
        let before = ended(&watch.seen());
        watch.change(|seen| seen.is_packing = true);
        packer.tell(&format!("pack {seconds_ago}"));
        watch.wait("the end of a pack", |seen| ended(seen) > before);
        if ended(&watch.seen()) == before {
            continue;
        }
        let file = dir.join("database/Data.fs");
        watch.change(|seen| {
            // A pack that has nothing to free leaves the file as it is.
            if inode(&file) != inode(seen.generations.last().unwrap()) {
                let link = dir.join("generations").join(seen.generations.len().to_string());
                std::fs::hard_link(&file, &link).unwrap();
                seen.generations.push(link);
            }
            seen.is_packing = false;
        });
    }
}
