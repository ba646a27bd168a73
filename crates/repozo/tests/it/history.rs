//! Random histories of a database and its backups: at any point every acknowledged backup restores to the
//! bytes of its moment.

use crate::common::{args, ours, ours_with};
use crate::safety::Room;
use proptest::prelude::*;
use std::time::Duration;
use testkit::{Database, HookFs};

#[derive(Debug, Clone)]
enum Step {
    Commit {
        oid: u64,
        data_len: usize,
    },
    /// A voted transaction stays at the end of the file.
    Vote,
    Abort,
    Pack {
        count: usize,
    },
    /// Another database under the same name.
    Replace,
    Backup {
        flags: &'static str,
    },
    /// A backup that dies at one of its calls on the file system.
    Die {
        flags: &'static str,
        at: usize,
    },
    Pass {
        seconds: u64,
    },
    GoBack {
        milliseconds: u64,
    },
    /// The index beside the database is that of the newest backup, or of an older one.
    PutIndex {
        newest: bool,
    },
    RemoveIndex,
}

fn step() -> impl Strategy<Value = Step> {
    let flags = prop::sample::select(vec!["", "Q", "z", "Qz", "F", "Fz", "Fk", "Qk", "Fzk"]);
    prop_oneof![
        5 => (0_u64..400, 1_usize..3000).prop_map(|(oid, data_len)| Step::Commit { oid, data_len }),
        1 => Just(Step::Vote),
        1 => Just(Step::Abort),
        1 => (1_usize..6).prop_map(|count| Step::Pack { count }),
        1 => Just(Step::Replace),
        5 => flags.clone().prop_map(|flags| Step::Backup { flags }),
        2 => (flags, 1_usize..120).prop_map(|(flags, at)| Step::Die { flags, at }),
        2 => (0_u64..100).prop_map(|seconds| Step::Pass { seconds }),
        1 => (0_u64..2500).prop_map(|milliseconds| Step::GoBack { milliseconds }),
        1 => any::<bool>().prop_map(|newest| Step::PutIndex { newest }),
        1 => Just(Step::RemoveIndex),
    ]
}

struct History {
    room: Room,
    voted: bool,
    /// The dates of acknowledged backups and the bytes of their moments.
    acknowledged: Vec<(String, Vec<u8>)>,
}

impl History {
    fn new() -> History {
        History { room: Room::new(), voted: false, acknowledged: Vec::new() }
    }

    fn committed(&self) -> Vec<u8> {
        let mut database = self.room.database.clone();
        database.abort();
        database.bytes().to_vec()
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Commit { oid, data_len } => {
                self.abort();
                self.room.database.commit(&[(*oid, *data_len), (oid / 2, 30)]);
            }
            Step::Vote => {
                self.abort();
                self.room.database.vote(&[(7, 900)]);
                self.voted = true;
            }
            Step::Abort => self.abort(),
            Step::Pack { count } => {
                self.abort();
                self.room.database.pack(*count);
            }
            Step::Replace => {
                self.voted = false;
                self.room.database = Database::of_another_history(self.room.database.len() % 17 + 1);
            }
            Step::Backup { flags } => self.backup(flags),
            Step::Die { flags, at } => self.die(flags, *at),
            Step::Pass { seconds } => self.room.pass(*seconds),
            Step::GoBack { milliseconds } => self.room.clock.go_back(Duration::from_millis(*milliseconds)),
            Step::PutIndex { newest } => self.put_index(*newest),
            Step::RemoveIndex => drop(std::fs::remove_file(self.room.path("Data.fs.index"))),
        }
        self.room.put_database();
    }

    fn abort(&mut self) {
        if std::mem::take(&mut self.voted) {
            self.room.database.abort();
        }
    }

    fn put_index(&self, newest: bool) {
        let mut indexes = self.room.names().into_iter().filter(|name| name.ends_with(".index"));
        let found = if newest { indexes.next_back() } else { indexes.next() };
        if let Some(name) = found {
            std::fs::copy(self.room.in_repository(&name), self.room.path("Data.fs.index")).unwrap();
        }
    }

    fn backup(&mut self, flags: &str) {
        let ran = self.room.backup(flags);
        let deletes = flags.contains('k');
        if ran.status != 0 {
            // The clock went back too far, or `-k` met another database: said, and nothing is lost.
            let expected = ["the clock shows", "was not deleted"];
            assert!(expected.iter().any(|text| ran.stderr.contains(text)), "{}", ran.stderr);
            if ran.stderr.contains("was not deleted") {
                self.acknowledge();
                self.forget_deleted();
            }
            return;
        }
        self.acknowledge();
        if deletes {
            let newest = self.acknowledged.last().cloned();
            self.forget_deleted();
            assert_eq!(self.acknowledged.last().cloned(), newest, "the backup just made is there");
        }
    }

    fn acknowledge(&mut self) {
        let newest = self.room.backups().pop().unwrap();
        let date = newest.split('.').next().unwrap().to_owned();
        let bytes = self.committed();
        match self.acknowledged.last() {
            Some((last, known)) if *last == date => assert_eq!(*known, bytes, "nothing to do"),
            _ => self.acknowledged.push((date, bytes)),
        }
    }

    /// What `-k` was asked to delete may be gone, or going: its list has another name then.
    fn forget_deleted(&mut self) {
        let names = self.room.names();
        let backups = self.room.backups();
        let going: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".dat.removed")).collect();
        let is_there = |date: &str| {
            let chain = backups.iter().rfind(|name| name.contains(".fs") && &name[..19] <= date);
            let listed = chain.is_some_and(|full| !going.contains(&&full[..19]));
            listed && backups.iter().any(|name| name.starts_with(date))
        };
        self.acknowledged.retain(|(date, _)| is_there(date));
    }

    fn die(&mut self, flags: &str, at: usize) {
        let mut count = 0;
        let fs = HookFs::new(move |_| {
            count += 1;
            if count >= at { Err(std::io::Error::from_raw_os_error(5)) } else { Ok(()) }
        });
        let ran = ours_with(&fs, &self.room.clock, &self.room.backup_args(flags));
        if ran.status == 0 {
            self.acknowledge();
        }
        if flags.contains('k') {
            self.forget_deleted();
        }
    }

    fn assert_all_restore(&self) {
        let restore = |flags: &[&str]| {
            let mut all = args!["-R", "-r", self.room.repository()].to_vec();
            all.extend(flags.iter().map(std::ffi::OsString::from));
            ours(&self.room.clock, &all)
        };
        for (date, bytes) in &self.acknowledged {
            let ran = restore(&["-w", "-D", date]);
            assert_eq!(ran.status, 0, "{date}: {}", ran.stderr);
            assert!(&ran.stdout == bytes, "{date} restores to other bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_any_point_every_acknowledged_backup_restores(steps in proptest::collection::vec(step(), 1..30)) {
        let mut history = History::new();
        for step in &steps {
            history.take(step);
            history.assert_all_restore();
        }
        // And in the end a run heals what is left, and all is sound.
        history.room.pass(3600);
        history.backup("Q");
        history.assert_all_restore();
        let verified = history.room.verify();
        prop_assert_eq!(verified.status, 0, "{}", verified.stderr);
    }
}
