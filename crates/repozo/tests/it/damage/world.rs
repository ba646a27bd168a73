//! Small repositories, every byte of which can be damaged, and what is known of them.

use crate::judge::{Site, State};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use testkit::{Database, TestClock};
use vfs::sim::{Image, SimFs};

pub(super) const REPOSITORY: &str = "/backups";
pub(super) const FILE: &str = "/srv/Data.fs";
pub(super) const TARGET: &str = "/restored/Data.fs";
pub(super) const TARGET_INDEX: &str = "/restored/Data.fs.index";
/// Where good copies of all files of the repository are.
pub(super) const ELSEWHERE: &str = "/elsewhere";
/// 2023-11-14-22-13-20.
const START: u64 = 1_700_000_000;

/// A sound repository.
pub(super) struct World {
    pub(super) name: &'static str,
    pub(super) image: Image,
    /// All backups, oldest first; the last is the newest.
    pub(super) states: Vec<State>,
    /// The names in the repository.
    pub(super) files: Vec<String>,
    /// What the database is a minute later, and another minute later.
    pub(super) grown: Vec<u8>,
    pub(super) grown_again: Vec<u8>,
    /// The time of the next run.
    pub(super) next_seconds: u64,
}

impl World {
    /// Both forms of a data file in one chain, both forms of a full, and two chains.
    pub(super) fn all() -> [World; 3] {
        [
            World::build("plain", &["F", "Q", "Q", "Q"]),
            World::build("-z", &["Fz", "Qz", "Q", "Qz"]),
            World::build("two chains", &["F", "Q", "F", "Qz", "Q"]),
        ]
    }

    fn build(name: &'static str, backups: &[&str]) -> World {
        let mut image = Image::default();
        for dir in [REPOSITORY, "/srv", "/restored", ELSEWHERE] {
            image.make_dir(Path::new(dir)).unwrap();
        }
        let (fs, clock) = (SimFs::on(image), TestClock::at(START));
        let (mut database, mut states) = (Database::new(), Vec::new());
        database.commit(&[(0, 24), (1, 9)]);
        for (number, flags) in (1..).zip(backups) {
            database.commit(&[(number, 16), (0, 12)]);
            fs.put(Path::new(FILE), database.bytes()).unwrap();
            fs.set_time(classic::Clock::now(&clock));
            let date = classic::Stamp::at(classic::Clock::now(&clock)).unwrap().to_string();
            site(&fs, &clock).backup(flags).expect_success();
            states.push(State { date, bytes: Arc::new(database.bytes().to_vec()) });
            clock.pass(Duration::from_secs(60));
        }
        let mut image = fs.image();
        let files = image.names(Path::new(REPOSITORY));
        for file in &files {
            let bytes = image.content(&in_repository(file)).unwrap().to_vec();
            image.put(&Path::new(ELSEWHERE).join(file), &bytes, classic::Clock::now(&clock)).unwrap();
        }
        clock.pass(Duration::from_secs(3600));
        let mut grow = |oid| {
            database.commit(&[(oid, 10), (0, 8)]);
            database.bytes().to_vec()
        };
        let (grown, grown_again) = (grow(20), grow(21));
        let next_seconds = clock.seconds();
        World { name, image, states, files, grown, grown_again, next_seconds }
    }

    pub(super) fn clock(&self) -> TestClock {
        TestClock::at(self.next_seconds)
    }

    pub(super) fn newest(&self) -> &State {
        self.states.last().unwrap()
    }

    pub(super) fn content(&self, name: &str) -> &[u8] {
        self.image.content(&in_repository(name)).unwrap()
    }

    /// The list of the chain that a name belongs to, by its stamp.
    pub(super) fn list_of(&self, name: &str) -> &str {
        let mut lists = self.files.iter().filter(|file| file.ends_with(".dat"));
        let first = lists.clone().next().unwrap();
        lists.rfind(|list| stamp(list) <= stamp(name)).unwrap_or(first)
    }

    /// The data files of the chain that a file belongs to.
    pub(super) fn data_of_chain(&self, name: &str) -> impl Iterator<Item = &String> {
        let list = self.list_of(name);
        self.files.iter().filter(move |file| is_data(file) && self.list_of(file) == list)
    }

    /// What kind of file it is, as the rows of the table have it.
    pub(super) fn kind(&self, name: &str) -> String {
        let extension = extension(name);
        if !extension.contains("delta") {
            return extension.to_owned();
        }
        let deltas: Vec<&String> = self.data_of_chain(name).filter(|file| file.contains("delta")).collect();
        let at = deltas.iter().position(|file| *file == name).unwrap();
        let place = match at {
            0 => "first",
            at if at + 1 == deltas.len() => "last",
            _ => "middle",
        };
        format!("{extension} {place}")
    }
}

pub(super) fn site<'a>(fs: &'a SimFs, clock: &'a TestClock) -> Site<'a> {
    Site { fs, clock, repository: Path::new(REPOSITORY), file: Path::new(FILE), blobs: None }
}

pub(super) fn in_repository(name: &str) -> PathBuf {
    Path::new(REPOSITORY).join(name)
}

pub(super) fn stamp(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

/// What follows the stamp, with its dot.
pub(super) fn extension(name: &str) -> &str {
    &name[stamp(name).len()..]
}

pub(super) fn is_data(name: &str) -> bool {
    [".fs", ".fsz", ".deltafs", ".deltafsz"].contains(&extension(name))
}
