//! The process of `tests/oracle/live_blobs.py`, and what it said.

use crate::common::args;
use crate::live::role::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Nothing that is waited for takes so long, except when it does not come.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was heard so far.
#[derive(Default)]
pub(super) struct Heard {
    /// The SHA-256 of each blob that was committed, by oid and tid.
    pub(super) written: BTreeMap<String, String>,
    /// How often each thing happened.
    counts: BTreeMap<String, usize>,
    /// What packs took: revisions, or objects with all of theirs. Beside the blob directory, and nowhere.
    set_aside: BTreeSet<String>,
    removed: BTreeSet<String>,
    errors: Vec<String>,
}

impl Heard {
    fn hear(&mut self, line: &str) {
        let (what, more) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = more.split(' ').filter(|word| !word.is_empty());
        let counted = match what {
            "ready" | "conflict" | "stopped" | "packed" | "unpacked" => what.to_owned(),
            "refused" => line.to_owned(),
            "commit" => {
                let blobs = words.skip(1).map(|word| word.split_once(':').unwrap());
                self.written.extend(blobs.map(|(name, hash)| (name.to_owned(), hash.to_owned())));
                what.to_owned()
            }
            "packing" => {
                self.removed.append(&mut self.set_aside);
                what.to_owned()
            }
            "taking" => {
                let keeps = words.next() == Some("1");
                let to = if keeps { &mut self.set_aside } else { &mut self.removed };
                to.extend(words.map(str::to_owned));
                format!("taking, keep old {}", if keeps { "on" } else { "off" })
            }
            _ => return self.errors.push(line.to_owned()),
        };
        *self.counts.entry(counted).or_default() += 1;
    }

    pub(super) fn count(&self, what: &str) -> usize {
        self.counts.get(what).copied().unwrap_or_default()
    }

    /// Whether a pack took this blob so that it is not beside the blob directory either.
    pub(super) fn is_removed(&self, name: &str) -> bool {
        self.removed.contains(name) || self.removed.contains(&name[..16])
    }

    pub(super) fn figures(&self) -> String {
        format!("{} revisions of blobs, {:?}", self.written.len(), self.counts)
    }
}

type Shared = Arc<(Mutex<Heard>, Condvar)>;

pub(super) struct Server {
    role: Role,
    heard: Shared,
    log: PathBuf,
}

impl Server {
    /// Waits until it is there. `kind` is how clients reach the storage.
    pub(super) fn start(dir: &Path, kind: &str, seed: u64) -> Server {
        let (log, heard) = (dir.join("live.log"), Shared::default());
        let errors = std::fs::File::create(&log).unwrap();
        let told = Arc::clone(&heard);
        let role = Role::start("live_blobs.py", &args![dir, kind, seed.to_string()], errors, move |line| {
            told.0.lock().unwrap().hear(line);
            told.1.notify_all();
        });
        let server = Server { role, heard, log };
        server.wait("the server", |heard| heard.count("ready") > 0);
        server
    }

    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.0.lock().unwrap()
    }

    #[track_caller]
    pub(super) fn wait(&self, what: &str, mut is_so: impl FnMut(&Heard) -> bool) {
        let waiting = |heard: &mut Heard| !is_so(heard) && heard.errors.is_empty();
        let (heard, timeout) = self.heard.1.wait_timeout_while(self.heard(), PATIENCE, waiting).unwrap();
        let errors = heard.errors.clone();
        drop(heard);
        assert!(errors.is_empty(), "{errors:?}");
        assert!(!timeout.timed_out(), "{what} did not come");
    }

    pub(super) fn wait_for_commits(&self, count: usize) {
        let until = self.heard().count("commit") + count;
        self.wait("a commit", |heard| heard.count("commit") >= until);
    }

    /// Has it pack to so many seconds ago, without waiting.
    pub(super) fn pack(&mut self, seconds_ago: f64, keep_old: bool) {
        self.role.tell(&format!("pack {seconds_ago} {}", u8::from(keep_old)));
    }

    /// All that it said, when its clients have ended in order.
    pub(super) fn end(mut self) -> Heard {
        assert!(self.role.wait(), "it ends in order");
        let heard = std::mem::take(&mut *self.heard());
        assert!(heard.errors.is_empty() && heard.count("stopped") == 1, "{:?}", heard.errors);
        heard
    }
}

impl Drop for Server {
    /// Of a test that failed what the process says of itself.
    #[expect(clippy::print_stdout, reason = "what went wrong is for who looks at the test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.role.abort();
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(80).collect();
            println!("{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}
