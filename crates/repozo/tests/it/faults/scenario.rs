//! What is run while a call fails: something to begin with, and the run.

use crate::common::{args, dir_in_memory};
use crate::judge::blobs::put_blobs;
use crate::judge::truth::true_index;
use crate::judge::{Site, State};
use filestorage::BlobLayout;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use testkit::{Database, TestClock};
use vfs::OsFs;

/// 2023-11-14-22-13-20; the binary has the clock of the machine, which is years later.
const START: u64 = 1_700_000_000;

/// What a run is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Backup,
    RecoverToFile,
    RecoverToStdout,
    Verify,
    Forget,
}

/// What is there before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// A database with its index.
    Database,
    Chain,
    ChainAndGrowth,
    /// Three of them, one compressed.
    Chains,
    /// What runs that died left: a draft, a data file without its line, a removal that had begun.
    HalfDone,
    /// A chain, and another database with its index where it is to be recovered to.
    ChainAndTarget,
    /// The same, of an earlier moment.
    ChainAndEarlierTarget,
    /// The same, that went on behind the chain.
    ChainAndLaterTarget,
    /// Two; most transactions of the first are packed away before the second, with their blobs.
    ChainsThatShareBlobs,
}

pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) verb: Verb,
    pub(super) flags: &'static str,
    pub(super) begin: Begin,
    /// What fails every time, besides what fails once.
    pub(super) always: &'static [&'static str],
    /// Whether the database has blobs, which are backed up and restored with it.
    pub(super) has_blobs: bool,
}

const fn scenario(name: &'static str, verb: Verb, flags: &'static str, begin: Begin) -> Scenario {
    Scenario { name, verb, flags, begin, always: &[], has_blobs: false }
}

const fn with_blobs(name: &'static str, verb: Verb, flags: &'static str, begin: Begin) -> Scenario {
    Scenario { has_blobs: true, ..scenario(name, verb, flags, begin) }
}

use Verb::{Backup, Forget, RecoverToFile, RecoverToStdout, Verify};

/// All of them.
pub(super) const SCENARIOS: [Scenario; 25] = [
    scenario("first full", Backup, "-B", Begin::Database),
    scenario("first full -z", Backup, "-Bz", Begin::Database),
    scenario("incremental -Q", Backup, "-BQ", Begin::ChainAndGrowth),
    scenario("incremental", Backup, "-B", Begin::ChainAndGrowth),
    scenario("incremental -Qz", Backup, "-BQz", Begin::ChainAndGrowth),
    scenario("nothing to do", Backup, "-B", Begin::Chain),
    scenario("full -F -k over several chains", Backup, "-BFk", Begin::Chains),
    scenario("full -F -z -k over several chains", Backup, "-BFzk", Begin::Chains),
    scenario("incremental that heals", Backup, "-BQ", Begin::HalfDone),
    Scenario {
        always: &["renameat2:error=ENOSYS"],
        ..scenario("incremental without renameat2", Backup, "-BQ", Begin::ChainAndGrowth)
    },
    Scenario {
        always: &["renameat2:error=EINVAL", "?link,?linkat:error=EPERM"],
        ..scenario("first full without renameat2 and links", Backup, "-B", Begin::Database)
    },
    scenario("recover to a new file", RecoverToFile, "-R", Begin::Chain),
    scenario("recover -w to a new file", RecoverToFile, "-Rw", Begin::Chain),
    scenario("recover -w over a database with its index", RecoverToFile, "-Rw", Begin::ChainAndTarget),
    scenario("restore over a database with its index", RecoverToFile, "restore", Begin::ChainAndTarget),
    scenario("recover --update what lacks something", RecoverToFile, "-R", Begin::ChainAndEarlierTarget),
    scenario("recover --update what has too much", RecoverToFile, "-RQ", Begin::ChainAndLaterTarget),
    scenario("recover to standard output", RecoverToStdout, "-R", Begin::Chain),
    scenario("verify", Verify, "-V", Begin::Chains),
    scenario("verify -Q", Verify, "-VQ", Begin::Chains),
    with_blobs("first full with blobs", Backup, "-B", Begin::Database),
    with_blobs("incremental -Q with blobs", Backup, "-BQ", Begin::ChainAndGrowth),
    with_blobs("restore with blobs to new files", RecoverToFile, "restore", Begin::Chain),
    with_blobs("recover --update with blobs", RecoverToFile, "-R", Begin::ChainAndEarlierTarget),
    with_blobs("forget with blobs", Forget, "forget", Begin::ChainsThatShareBlobs),
];

impl Scenario {
    /// Whether a run ends so that did not do what it was asked to; a verb says what kind of refusal it was.
    pub(super) fn is_failure(&self, status: Option<i32>) -> bool {
        status == Some(1)
            || ["restore", "forget"].contains(&self.flags) && matches!(status, Some(4 | 10 | 11))
    }

    /// Whether the file that is there changes in its place.
    pub(super) fn is_in_place(&self) -> bool {
        matches!(self.begin, Begin::ChainAndEarlierTarget | Begin::ChainAndLaterTarget)
    }

    /// Whether the run changes the repository.
    pub(super) fn writes(&self) -> bool {
        matches!(self.verb, Backup | Forget)
    }

    pub(super) fn kills_old(&self) -> bool {
        self.flags.contains('k')
    }
}

/// Where the files of a run are.
pub(super) struct Places {
    pub(super) dir: PathBuf,
}

impl Places {
    pub(super) fn below(dir: &Path) -> Places {
        Places { dir: dir.to_owned() }
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.dir.join("repository")
    }

    pub(super) fn file(&self) -> PathBuf {
        self.dir.join("Data.fs")
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.dir.join("blobs")
    }

    pub(super) fn target_blobs(&self) -> PathBuf {
        self.dir.join("restored/blobs")
    }

    pub(super) fn target(&self) -> PathBuf {
        self.dir.join("restored/Data.fs")
    }

    pub(super) fn target_index(&self) -> PathBuf {
        self.dir.join("restored/Data.fs.index")
    }

    pub(super) fn stdout(&self) -> PathBuf {
        self.dir.join("stdout")
    }

    pub(super) fn args(&self, scenario: &Scenario) -> Vec<OsString> {
        let mut all = args![scenario.flags, "-r", self.repository()].to_vec();
        match scenario.verb {
            Backup => all.extend(args!["-f", self.file()]),
            RecoverToFile => all.extend(args!["-o", self.target()]),
            Forget => all.extend(args!["--keep-last", "1", "--apply"]),
            RecoverToStdout | Verify => {}
        }
        match scenario.verb {
            Backup if scenario.has_blobs => all.extend(args!["--blobs", self.blobs()]),
            RecoverToFile if scenario.has_blobs => all.extend(args!["--blobs", self.target_blobs()]),
            _ => {}
        }
        all.extend(scenario.is_in_place().then(|| "--update".into()));
        all
    }
}

/// What there is before a run, copied for each one.
pub(super) struct Prepared {
    template: TempDir,
    /// The backups, oldest first.
    pub(super) states: Vec<State>,
    /// Those that the run deletes whatever it is asked to, oldest first.
    pub(super) going: Vec<State>,
    /// What the run is to back up, if it has to.
    pub(super) new: Option<Arc<Vec<u8>>>,
    /// The database at the next run.
    pub(super) grown: Vec<u8>,
    /// The database at the target, and its index.
    pub(super) old_target: Option<(Vec<u8>, Vec<u8>)>,
}

impl Prepared {
    /// What `scenario` begins with; records of some `filler_len` bytes make it larger.
    pub(super) fn new(scenario: &Scenario, filler_len: usize) -> Prepared {
        let template = dir_in_memory();
        let places = Places::below(template.path());
        std::fs::create_dir(places.repository()).unwrap();
        std::fs::create_dir(places.dir.join("restored")).unwrap();
        let mut making = Making {
            places: &places,
            clock: TestClock::at(START),
            database: Database::with_transactions(8),
            states: Vec::new(),
            filler_len,
            has_blobs: scenario.has_blobs,
        };
        making.commit_blobs(&[1000]);
        making.put_database();
        making.put_database();
        let mut old_target = None;
        match scenario.begin {
            Begin::Database => {
                let index = true_index(making.database.bytes());
                std::fs::write(places.dir.join("Data.fs.index"), index).unwrap();
            }
            Begin::Chain => making.chain("F"),
            Begin::ChainAndGrowth => {
                making.chain("F");
                making.grow();
            }
            Begin::Chains => {
                for flags in ["F", "Fz", "F"] {
                    making.chain(flags);
                    making.grow();
                }
            }
            Begin::HalfDone => {
                making.chain("F");
                making.grow();
                making.chain("F");
                making.grow();
            }
            Begin::ChainAndTarget => {
                making.chain("F");
                old_target = Some(Database::of_another_history(5).bytes().to_vec());
            }
            Begin::ChainAndEarlierTarget => {
                making.chain("F");
                old_target = Some(making.database.up_to(5).to_vec());
            }
            Begin::ChainAndLaterTarget => {
                making.chain("F");
                making.grow();
                old_target = Some(making.database.bytes().to_vec());
            }
            Begin::ChainsThatShareBlobs => making.chains_that_share_blobs(),
        }
        let old_target = old_target.map(|data| {
            let index = true_index(&data);
            std::fs::write(places.target(), &data).unwrap();
            std::fs::write(places.target_index(), &index).unwrap();
            if scenario.has_blobs {
                put_blobs(&OsFs, &places.target_blobs(), &data, BlobLayout::Lawn, &write);
            }
            (data, index)
        });
        let new = Arc::new(making.database.bytes().to_vec());
        let is_new = making.states.last().is_none_or(|state| state.bytes != new);
        let new = (scenario.verb == Backup && (is_new || scenario.flags.contains('F'))).then_some(new);
        making.database.commit(&[(3, 99), (77, 40)]);
        making.commit_blobs(&[1700]);
        let grown = making.database.bytes().to_vec();
        let (mut states, mut going) = (making.states, Vec::new());
        if scenario.begin == Begin::HalfDone {
            going = states.drain(..2).collect();
            leave_half_done(&places.repository(), &going[0].date, &states[0].date);
        }
        if scenario.begin == Begin::ChainsThatShareBlobs {
            going = states.drain(..2).collect();
        }
        Prepared { template, states, going, new, grown, old_target }
    }

    /// The same in a directory of its own.
    pub(super) fn copy(&self, to: &Path) -> Places {
        copy_dir(self.template.path(), to);
        Places::below(to)
    }

    /// The files of the repository as they were.
    pub(super) fn repository(&self) -> Vec<(String, Vec<u8>)> {
        contents(&Places::below(self.template.path()).repository())
    }
}

/// Names and contents of all files of a directory, and of those in it.
pub(super) fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for name in testkit::names(dir) {
        let path = dir.join(&name);
        if path.is_dir() {
            found
                .extend(contents(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            found.push((name, std::fs::read(path).unwrap()));
        }
    }
    found
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in testkit::names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy_dir(&from, &to);
        } else {
            std::fs::copy(from, &to).unwrap();
            // What was made this very moment could be a running Python's, and a run would wait for it.
            let file = std::fs::File::options().write(true).open(&to).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(START)).unwrap();
        }
    }
}

/// As runs leave it that die while they delete the chain of one date, while they write behind the other, and
/// between the last two renames.
fn leave_half_done(repository: &Path, going: &str, chain: &str) {
    let path = |name: String| repository.join(name);
    std::fs::rename(path(format!("{going}.dat")), path(format!("{going}.dat.removed"))).unwrap();
    let list = path(format!("{chain}.dat"));
    let lines = std::fs::read_to_string(&list).unwrap();
    let last_at = lines.trim_end().rfind('\n').unwrap() + 1;
    std::fs::write(&list, &lines[..last_at]).unwrap();
    std::fs::write(path(format!("{chain}.deltafs.0123456789abcdef.part")), "half").unwrap();
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::write(path, bytes)
}

struct Making<'a> {
    places: &'a Places,
    clock: TestClock,
    database: Database,
    states: Vec<State>,
    filler_len: usize,
    has_blobs: bool,
}

impl Making<'_> {
    fn commit_blobs(&mut self, oids: &[u64]) {
        if self.has_blobs {
            self.database.commit_blobs(oids);
            let put = |path: &Path, bytes: &[u8]| std::fs::write(path, bytes);
            put_blobs(&OsFs, &self.places.blobs(), self.database.bytes(), BlobLayout::Lawn, &put);
        }
    }

    fn put_database(&self) {
        std::fs::write(self.places.file(), self.database.bytes()).unwrap();
    }

    fn grow(&mut self) {
        let oid = 100 + self.database.len() % 50;
        self.database.commit(&[(oid, 120), (3, 77 + self.filler_len)]);
        self.commit_blobs(&[1000, 1300]);
        self.put_database();
    }

    fn backup(&mut self, flags: &str) {
        let (repository, file, blobs) = (self.places.repository(), self.places.file(), self.places.blobs());
        let blobs = self.has_blobs.then_some(blobs.as_path());
        let site = Site { fs: &OsFs, clock: &self.clock, repository: &repository, file: &file, blobs };
        site.backup(flags).expect_success();
        let date = classic::Stamp::at(classic::Clock::now(&self.clock)).unwrap().to_string();
        self.states.push(State { date, bytes: Arc::new(self.database.bytes().to_vec()) });
        self.clock.pass(Duration::from_secs(60));
    }

    /// A full and an incremental of the same kind.
    fn chain(&mut self, flags: &str) {
        self.backup(flags);
        self.grow();
        self.backup(&flags.replace('F', "Q"));
    }

    fn chains_that_share_blobs(&mut self) {
        self.chain("F");
        let packed_count = self.database.count() - 2;
        self.database.pack(packed_count);
        self.grow();
        self.backup("F");
    }
}
