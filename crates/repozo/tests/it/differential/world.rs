//! A database, its repository, a clock, both programs, and the truth.

use super::ledger::{Ledger, Snapshot};
use super::step::Step;
use super::tally::Tally;
use crate::common::args;
use crate::interop::cell::Program;
use crate::interop::deciding::Files;
use crate::interop::history::misleading_index;
use crate::interop::site::Site;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use testkit::Ran;

/// What must be so; else the words that say what is not.
pub(crate) type Held = Result<(), String>;

pub(crate) fn hold(is_so: bool, violated: impl FnOnce() -> String) -> Held {
    if is_so { Ok(()) } else { Err(violated()) }
}

pub(crate) struct World<'a> {
    pub(crate) site: &'a mut Site,
    pub(crate) tally: Tally,
    pub(crate) ledger: Ledger,
    /// Every state that was ever backed up.
    snapshots: Vec<Arc<Snapshot>>,
    pub(crate) committed_len: usize,
    seed: u64,
}

/// What a backup run did.
pub(crate) struct Outcome {
    pub(crate) ran: Ran,
    pub(crate) files: Files,
    /// Length and sum of what new compressed files hold.
    held: BTreeMap<String, Value>,
    /// When it ended.
    pub(crate) ended_seconds: u64,
}

impl Outcome {
    /// In what two runs differ: status, names, bytes; of compressed files what they hold.
    pub(crate) fn difference(&self, other: &Outcome) -> Option<String> {
        let names = |outcome: &Outcome| outcome.files.0.keys().cloned().collect::<Vec<_>>();
        if self.ran.status != other.ran.status {
            return Some(format!("exit status {} and {}", self.ran.status, other.ran.status));
        }
        if names(self) != names(other) {
            return Some(format!("files {:?} and {:?}", names(self), names(other)));
        }
        if self.held != other.held {
            return Some(format!("compressed files hold {:?} and {:?}", self.held, other.held));
        }
        let mut differs = self.files.0.iter().zip(&other.files.0).filter(|(one, other)| one != other);
        differs.find(|((name, _), _)| !name.ends_with("fsz")).map(|((name, _), _)| format!("bytes of {name}"))
    }
}

impl<'a> World<'a> {
    /// With a database that has nothing but its root.
    pub(crate) fn new(site: &'a mut Site) -> World<'a> {
        site.start_again();
        let (ledger, tally) = (Ledger::default(), Tally::default());
        let mut world = World { site, tally, ledger, snapshots: Vec::new(), committed_len: 0, seed: 0 };
        world.act("create", json!({}));
        world
    }

    pub(crate) fn take(&mut self, step: &Step) -> Held {
        self.tally.step_count += 1;
        match step {
            Step::BackUp { flags, kept } => return self.back_up(flags, *kept),
            Step::Recover { date, with_verify, to_file, target_is_there } => {
                let date = self.date(date);
                return self.recover(date.as_deref(), *with_verify, *to_file, *target_is_there);
            }
            Step::Verify { quick } => return self.verify(*quick),
            Step::Pass { seconds } => self.site.clock.pass(Duration::from_secs(*seconds)),
            Step::GoBack { seconds } => self.site.clock.go_back(Duration::from_secs(*seconds)),
            step => self.change_database(step),
        }
        Ok(())
    }

    fn change_database(&mut self, step: &Step) {
        match step {
            Step::Commit { objects, size, pool, index } => {
                let fields = json!({"objects": objects, "size": size, "pool": pool, "index": index});
                self.act("commit", fields);
            }
            Step::Undo => self.act("undo", json!({})),
            Step::AbortAfterVote => self.act("abort_after_vote", json!({})),
            Step::Vote { size } => self.act("abort_after_vote", json!({"leave": true, "size": size})),
            Step::Tail { kind } => {
                self.cut_tail();
                self.act("tail", json!({"kind": kind}));
            }
            Step::Finish if self.tail_is_voted() => self.act("tail", json!({"kind": "finish"})),
            Step::Pack => self.act("pack", json!({})),
            Step::RemoveIndex => drop(fs::remove_file(self.index_path())),
            Step::OldIndex { which } => {
                if let Some(snapshot) = self.snapshot(*which) {
                    fs::write(self.index_path(), &snapshot.index).unwrap();
                }
            }
            Step::MisleadingIndex => {
                if let Some(index) = misleading_index(&self.data()) {
                    fs::write(self.index_path(), index).unwrap();
                }
            }
            Step::CutIndex => {
                if let Ok(index) = fs::read(self.index_path()) {
                    fs::write(self.index_path(), &index[..index.len() / 2]).unwrap();
                }
            }
            Step::RemoveIndexOfBackup { which } => {
                let names = testkit::names(&self.site.repository());
                let indexes: Vec<_> = names.iter().filter(|name| name.ends_with(".index")).collect();
                if !indexes.is_empty() {
                    fs::remove_file(self.site.repository().join(indexes[which % indexes.len()])).unwrap();
                }
            }
            Step::RollBack { which } => {
                if let Some(snapshot) = self.snapshot(*which) {
                    fs::write(self.site.source(), &snapshot.bytes).unwrap();
                    self.committed_len = snapshot.bytes.len();
                }
            }
            _ => {}
        }
    }

    fn snapshot(&self, which: usize) -> Option<Arc<Snapshot>> {
        self.snapshots.get(which % self.snapshots.len().max(1)).cloned()
    }

    pub(crate) fn index_path(&self) -> PathBuf {
        self.site.source().with_file_name("Data.fs.index")
    }

    /// Lets ZODB do something now. A tail that makes it fail, or invent a time, is cut off first, as the owner
    /// of the database would.
    fn act(&mut self, op: &str, mut fields: Value) {
        if op != "create" && self.has_tail() && !(op == "tail" || self.tail_is_voted()) {
            self.cut_tail();
        }
        self.seed += 1;
        fields["now"] = self.site.clock.seconds().into();
        fields["seed"] = self.seed.into();
        fields["op"] = op.into();
        fields["path"] = self.site.source().to_str().unwrap().into();
        let mut answer = self.site.oracle.try_ask(&fields);
        if answer["type"] == "UnicodeDecodeError"
            && ends_in_check_of_index(answer["traceback"].as_str().unwrap())
        {
            fs::remove_file(self.index_path()).unwrap();
            answer = self.site.oracle.ask(&fields);
        }
        assert_eq!(answer["ok"], true, "{fields}: {answer}");
        self.committed_len = usize::try_from(answer["end"].as_u64().unwrap()).unwrap();
    }

    pub(crate) fn data(&self) -> Vec<u8> {
        fs::read(self.site.source()).unwrap()
    }

    pub(crate) fn has_tail(&self) -> bool {
        self.data().len() > self.committed_len
    }

    fn tail_is_voted(&self) -> bool {
        let data = self.data();
        let tail = &data[self.committed_len..];
        let len = tail.get(8..16).map(|len| u64::from_be_bytes(len.try_into().unwrap()));
        tail.get(16) == Some(&b'c') && len == Some(tail.len() as u64 - 8)
    }

    fn cut_tail(&self) {
        let data = self.data();
        fs::write(self.site.source(), &data[..self.committed_len]).unwrap();
    }

    /// The committed state now.
    pub(crate) fn take_snapshot(&mut self) -> Arc<Snapshot> {
        let bytes = self.data()[..self.committed_len].to_vec();
        if let Some(known) = self.snapshots.iter().rfind(|snapshot| snapshot.bytes == bytes) {
            return known.clone();
        }
        let alone = self.site.target_dir().join("truth.fs");
        fs::write(&alone, &bytes).unwrap();
        let out = self.site.target_dir().join("truth.index");
        self.site.oracle.act("index", &alone, &json!({"out": out.to_str().unwrap()}));
        let index = fs::read(&out).unwrap();
        for path in [alone, out] {
            fs::remove_file(path).unwrap();
        }
        let snapshot = Arc::new(Snapshot { bytes, index });
        self.snapshots.push(snapshot.clone());
        snapshot
    }

    pub(crate) fn repository(&self) -> Files {
        Files::of(&self.site.repository())
    }

    /// The files of the repository, and what its lists say.
    pub(crate) fn shown(&self) -> String {
        let show = |(name, bytes): (&String, &Vec<u8>)| match name.strip_suffix(".dat") {
            Some(_) => format!(
                "  {name}:\n    {}\n",
                String::from_utf8_lossy(bytes).trim_end().replace('\n', "\n    ")
            ),
            None => format!("  {name}: {} bytes\n", bytes.len()),
        };
        let files: String = self.repository().0.iter().map(show).collect();
        let dates: Vec<_> = self.ledger.acknowledged.iter().map(ToString::to_string).collect();
        format!("{files}  acknowledged before: {}", dates.join(", "))
    }

    pub(crate) fn now(&self) -> String {
        self.site.stamp().to_string()
    }

    pub(crate) fn set_clock(&mut self, seconds: u64) {
        self.site.clock = testkit::TestClock::at(seconds);
    }

    pub(crate) fn backup_args(&self, flags: &str) -> Vec<OsString> {
        args![format!("-B{flags}"), "-r", self.site.repository(), "-f", self.site.source()].to_vec()
    }

    /// Makes a backup into a repository that holds `before`, at a time.
    pub(crate) fn outcome(
        &mut self,
        program: Program,
        flags: &str,
        before: &Files,
        at_seconds: u64,
    ) -> Outcome {
        let dir = self.site.repository();
        before.put(&dir);
        self.set_clock(at_seconds);
        let args = self.backup_args(flags);
        let ran = self.site.run_with_patience(program, &args);
        let files = Files::of(&dir);
        let is_new = |name: &&String| name.ends_with("fsz") && !before.0.contains_key(*name);
        let mut gunzip = |name: &String| self.site.oracle.act("gunzip", &dir.join(name), &json!({}));
        let held = files.0.keys().filter(is_new).map(|name| (name.clone(), gunzip(name))).collect();
        Outcome { ran, files, held, ended_seconds: self.site.clock.seconds() }
    }
}

/// Whether this is the traceback of ZODB where it looks with an index of another database into the middle of a
/// record. The owner removes the index then.
pub(crate) fn ends_in_check_of_index(traceback: &str) -> bool {
    traceback.contains("_check_sanity") && traceback.contains("UnicodeDecodeError")
}

/// Whatever happens, ours ends with 0, or with 1 and one line that says why, and never with a traceback.
pub(crate) fn hold_manners(ran: &Ran) -> Held {
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let is_error = |line: &&&str| !line.starts_with("warning: ");
    match ran.status {
        0 | 1 if ran.stderr.contains("panicked") => Err(format!("a panic: {}", ran.stderr)),
        0 => Ok(()),
        1 => hold(lines.iter().any(|line| is_error(&line)), || "status 1 without a word".to_owned()),
        status => Err(format!("exit status {status}: {}", ran.stderr)),
    }
}

/// What a run of a recovery ended with, without all the bytes.
pub(crate) fn shown(ran: &Ran) -> String {
    format!("status {}, {} bytes, {:?}", ran.status, ran.stdout.len(), ran.stderr)
}
