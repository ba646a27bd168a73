//! What `-Q` makes of databases that are too large to be compared whole, made and changed by real ZODB: it has to
//! see every change that Python's check sees.

use super::cell::Program;
use super::site::Site;
use crate::common::{args, content};
use serde_json::{Value, json};
use std::fs;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use testkit::names;

/// So many transactions of about this size: more than a last backup may have to be summed whole.
const COMMITS_COUNT: u64 = 36;
const RECORD_LEN: u64 = 300_000;
/// The time of the first transaction, in seconds since 1970; each is a minute later.
const START: u64 = 1_690_000_000;

fn commit(site: &mut Site, path: &Path, number: u64, seed: u64) {
    let now = START + number * 60;
    let fields = json!({"seed": seed + number, "size": RECORD_LEN, "pool": 12, "now": now, "index": "keep"});
    site.oracle.act("commit", path, &fields);
}

/// What happens to the database between two backups.
struct Change {
    name: &'static str,
    make: fn(&mut Site, &Path),
    /// The ending of the data file that a run makes then.
    made: &'static str,
}

fn grow(site: &mut Site, path: &Path) {
    for number in COMMITS_COUNT..COMMITS_COUNT + 3 {
        commit(site, path, number, 0);
    }
}

fn pack(site: &mut Site, path: &Path, number: u64, gc: bool) {
    // Between two transactions, and of those before it.
    let now = START + number * 60 + 30;
    site.oracle.act("pack", path, &json!({"now": now, "gc": gc, "index": "keep"}));
}

/// Until it is longer than what is backed up: or else its length tells already.
fn grow_beyond(site: &mut Site, path: &Path) {
    let backed_up_len = fs::metadata(site.source()).unwrap().len();
    let mut number = COMMITS_COUNT;
    while fs::metadata(path).unwrap().len() <= backed_up_len {
        commit(site, path, number, 0);
        number += 1;
    }
}

/// Where each transaction stands.
fn transactions(site: &mut Site, path: &Path) -> Vec<Range<u64>> {
    let answer = site.oracle.ask(&json!({"op": "inspect", "path": path}));
    let all = answer["transactions"].as_array().unwrap();
    let span = |transaction: &Value| {
        let [pos, len] = [1, 2].map(|at| transaction[at].as_u64().unwrap());
        pos..pos + len
    };
    all.iter().map(span).collect()
}

fn write_at(path: &Path, pos: u64, bytes: &[u8]) {
    fs::File::options().write(true).open(path).unwrap().write_all_at(bytes, pos).unwrap();
}

const CHANGES: [Change; 9] = [
    Change { name: "nothing", make: |_, _| {}, made: "" },
    Change { name: "it grew", make: grow, made: "deltafs" },
    Change {
        name: "packed up to now, grown beyond its old length",
        make: |site, path| {
            pack(site, path, COMMITS_COUNT, true);
            grow_beyond(site, path);
        },
        made: "fs",
    },
    Change {
        name: "packed up to its middle, grown beyond its old length",
        make: |site, path| {
            pack(site, path, COMMITS_COUNT / 2, true);
            grow_beyond(site, path);
        },
        made: "fs",
    },
    Change {
        name: "packed twice without garbage collection, grown beyond its old length",
        make: |site, path| {
            pack(site, path, COMMITS_COUNT / 2, false);
            pack(site, path, COMMITS_COUNT, false);
            grow_beyond(site, path);
        },
        made: "fs",
    },
    // Nothing is freed before the end of the backup, which still is what the database begins with; but every
    // transaction has another status.
    Change {
        name: "grown, and packed up to then",
        make: |site, path| {
            grow_beyond(site, path);
            for number in 50..70 {
                commit(site, path, number, 0);
            }
            pack(site, path, 80, true);
            for number in 81..110 {
                commit(site, path, number, 0);
            }
        },
        made: "fs",
    },
    Change {
        name: "another database of the same lengths",
        make: |site, path| {
            fs::remove_file(path).unwrap();
            create(site, path, 1000);
            grow(site, path);
        },
        made: "fs",
    },
    Change {
        name: "an older state of it that went on otherwise",
        make: |site, path| {
            let end_pos = transactions(site, path)[33].end;
            fs::File::options().write(true).open(path).unwrap().set_len(end_pos).unwrap();
            for number in 34..COMMITS_COUNT + 3 {
                commit(site, path, number, 7000);
            }
        },
        made: "fs",
    },
    // Python's check looks at the last backup alone, which is the whole database here.
    Change {
        name: "the data of some records converted in place",
        make: |site, path| {
            let bytes = content(path);
            for transaction in transactions(site, path).into_iter().skip(11).take(3) {
                let data = usize::try_from(transaction.start + 5000).unwrap()
                    ..usize::try_from(transaction.end - 5000).unwrap();
                let converted: Vec<u8> = bytes[data.clone()].iter().map(|byte| byte ^ 1).collect();
                write_at(path, data.start as u64, &converted);
            }
        },
        made: "fs",
    },
];

fn create(site: &mut Site, path: &Path, seed: u64) {
    site.oracle.act("create", path, &json!({"now": START, "index": "keep"}));
    for number in 1..COMMITS_COUNT {
        commit(site, path, number, seed);
    }
}

/// The ending of the data file that a run added, if it did.
fn made(site: &mut Site, program: Program, repository: &Path, path: &Path, quick: &str) -> String {
    let before = names(repository);
    let ran = site.run(program, &args!["-B", quick, "-r", repository, "-f", path]);
    assert_eq!(ran.status, 0, "{program:?} {quick}: {}", ran.stderr);
    let new = names(repository).into_iter().filter(|name| !before.contains(name));
    new.map(|name| name.split_once('.').unwrap().1.to_owned())
        .filter(|ending| ending.ends_with("fs"))
        .collect()
}

#[test]
fn quick_by_places_sees_every_pack_conversion_and_other_database_that_pythons_sum_sees() {
    let mut site = Site::new();
    site.start_again();
    let source = site.source();
    create(&mut site, &source, 0);
    let (plain, compressed) = (site.repository(), tempfile::tempdir().unwrap());
    for (flags, repository) in [("-BF", plain.as_path()), ("-BFz", compressed.path())] {
        site.run(Program::Ours, &args![flags, "-r", repository, "-f", &source]).expect_success();
    }
    assert!(fs::metadata(&source).unwrap().len() > 9 << 20);
    let work = tempfile::tempdir().unwrap();
    for change in CHANGES {
        let path = work.path().join("Data.fs");
        testkit::names(work.path()).iter().for_each(|name| {
            let path = work.path().join(name);
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        });
        fs::copy(&source, &path).unwrap();
        site.clock.pass(std::time::Duration::from_secs(86_400));
        (change.make)(&mut site, &path);
        let runs = [
            (Program::Python, "-Q", plain.as_path()),
            (Program::Ours, "--quick=md5", &plain),
            (Program::Ours, "-Q", &plain),
            (Program::Ours, "-Q", compressed.path()),
        ];
        for (program, quick, backed_up) in runs {
            let repository = work.path().join("repository");
            let _ = fs::remove_dir_all(&repository);
            fs::create_dir(&repository).unwrap();
            for name in names(backed_up) {
                fs::copy(backed_up.join(&name), repository.join(&name)).unwrap();
            }
            let what = format!("{}: {program:?} {quick} behind {}", change.name, backed_up.display());
            let found = made(&mut site, program, &repository, &path, quick);
            assert_eq!(found, change.made, "{what}");
            let newest = site.run(Program::Ours, &args!["-Rw", "-r", &repository]).expect_success();
            assert!(newest.stdout == content(&path), "{what}");
        }
    }
}
