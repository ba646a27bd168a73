//! Pipes, sockets, directories, devices and links in the place of files: nothing hangs, nothing is followed
//! round and round, and what cannot be read is named.

use super::*;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

type Put = fn(&Path);

const KINDS: [(&str, Put); 6] = [
    ("a pipe", |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success())),
    ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
    ("a directory", |path| std::fs::create_dir(path).unwrap()),
    ("a link to nothing", |path| symlink("nothing", path).unwrap()),
    ("a link to itself", |path| symlink(path.file_name().unwrap(), path).unwrap()),
    ("a link to a device", |path| symlink("/dev/zero", path).unwrap()),
];

/// A chain of three, plain, one of whose files can be replaced, and the states of the database.
struct Site {
    room: Room,
    states: Vec<Vec<u8>>,
    snapshot: Snapshot,
}

impl Site {
    fn new() -> Site {
        let mut room = Room::new();
        let states = room.chain_of_three();
        let snapshot = Snapshot::of(&room);
        room.pass(60);
        room.grow();
        Site { room, states, snapshot }
    }

    fn with(&self, name: &str, put: Put) -> &Room {
        self.snapshot.put_back(&self.room);
        let path = self.room.in_repository(name);
        let _ = std::fs::remove_file(&path);
        put(&path);
        &self.room
    }
}

#[test]
fn whatever_stands_in_the_place_of_a_backup_is_named_and_nothing_hangs() {
    let site = Site::new();
    for (kind, put) in KINDS {
        for name in [format!("{FULL}.fs"), format!("{FIRST}.deltafs"), format!("{SECOND}.deltafs")] {
            let room = site.with(&name, put);
            for line in LOOKING {
                let ran = run_to_its_end(&words(room, line));
                if line.starts_with("-V") {
                    assert_problem_naming(&ran, &[&name]);
                } else {
                    assert_fails_naming(&ran, &[&name]);
                    assert!(!room.path("Restored.fs").exists(), "{line} with {kind}");
                }
            }
            backed_up_all_the_same(&site, kind, &name, put);
        }
    }
}

/// A list that leads to nothing is one that is missing, and the files are joined by name, as Python does.
#[test]
fn whatever_stands_in_the_place_of_a_list_is_named_and_nothing_hangs() {
    let (site, name) = (Site::new(), format!("{FULL}.dat"));
    for (kind, put) in KINDS {
        let room = site.with(&name, put);
        for line in LOOKING {
            let ran = run_to_its_end(&words(room, line));
            if line.starts_with("-V") {
                assert_problem_naming(&ran, &[&name]);
            } else if kind == "a link to nothing" && !line.contains('w') {
                assert_eq!((ran.status, ran.stderr.lines().count()), (0, 1), "{line}: {}", ran.stderr);
                assert!(ran.stderr.contains(&name), "{line}: {}", ran.stderr);
                let restored =
                    if line.contains("-o") { content(&room.path("Restored.fs")) } else { ran.stdout };
                assert_eq!(Some(&restored), site.states.last());
                let _ = std::fs::remove_file(room.path("Restored.fs"));
            } else {
                assert_fails_naming(&ran, &[&name]);
            }
        }
        backed_up_all_the_same(&site, kind, &name, put);
    }
}

/// A backup that is acknowledged restores; one that is not says which file was in the way.
fn backed_up_all_the_same(site: &Site, kind: &str, name: &str, put: Put) {
    for line in ["-B", "-BQ", "-BFk"] {
        let room = site.with(name, put);
        let ran = run_to_its_end(&words(room, line));
        let what = format!("{line} with {kind} for {name}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{what}");
        if ran.status != 0 {
            // Only what should have been deleted can be in the way, when the new full is there.
            assert_eq!(line, "-BFk", "{what}");
            assert_fails_naming(&ran, &[FULL, FIRST, SECOND]);
        }
        assert_eq!(room.recovered(&["-w"]), room.database.bytes(), "{what}");
    }
}

/// An index is a cache: without it everything works, and verification says that it is none.
#[test]
fn whatever_stands_in_the_place_of_an_index_stops_nothing_but_is_told() {
    let (site, name) = (Site::new(), format!("{SECOND}.index"));
    for (kind, put) in KINDS {
        let room = site.with(&name, put);
        for line in LOOKING {
            let ran = run_to_its_end(&words(room, line));
            // To the system a link to nothing is nothing, and an index may be missing.
            if line.starts_with("-V") && kind != "a link to nothing" {
                assert_problem_naming(&ran, &[&name]);
                continue;
            }
            assert_eq!(ran.status, 0, "{line} with {kind}: {}", ran.stderr);
            assert!(ran.stderr.lines().all(|line| line.starts_with("warning: ")), "{}", ran.stderr);
            if line.contains("-o") {
                assert_eq!(
                    Some(&content(&room.path("Restored.fs"))),
                    site.states.last(),
                    "{line} with {kind}"
                );
                assert!(!room.path("Restored.fs.index").exists(), "{line} with {kind}");
            }
        }
        // The same beside the database.
        let beside = room.path("Data.fs.index");
        put(&beside);
        for line in ["-BQ", "-BF"] {
            let room = site.with(&name, put);
            let ran = run_to_its_end(&words(room, line));
            assert_eq!(ran.status, 0, "{line} with {kind}: {}", ran.stderr);
            assert_eq!(room.recovered(&["-w"]), room.database.bytes());
        }
        std::fs::rename(&beside, room.path(kind)).unwrap();
    }
}

/// Files that only say that something is going on: of Python's run, of a draft, of a removal.
#[test]
fn whatever_stands_in_the_place_of_a_marker_or_a_draft_stops_no_backup() {
    let site = Site::new();
    for (kind, put) in KINDS {
        for name in [
            format!("{FULL}.fs.0123456789abcdef.part"),
            format!("{FULL}.dat.removed"),
            "2022-01-01-00-00-00.dat.removed".to_owned(),
            "2022-01-01-00-00-00.index".to_owned(),
            format!("{NEXT}.deltafs.unlisted"),
        ] {
            let room = site.with(&name, put);
            for line in ["-V", "-Rw -o", "-BQ"] {
                let ran = run_to_its_end(&words(room, line));
                assert_eq!(ran.status, 0, "{line} with {kind} for {name}: {}", ran.stderr);
            }
            assert_eq!(room.recovered(&["-w"]), room.database.bytes(), "{kind} for {name}");
        }
    }
}

#[test]
fn a_database_a_target_or_a_repository_that_is_none_is_refused_in_one_line() {
    for (kind, put) in KINDS {
        let room = Room::new();
        room.backup("Q").expect_success();
        std::fs::remove_file(room.file()).unwrap();
        put(&room.file());
        let names = room.names();
        for line in ["-B", "-BQ", "-BFk"] {
            assert_fails_naming(&run_to_its_end(&words(&room, line)), &["Data.fs"]);
        }
        assert_eq!(room.names(), names, "{kind}");
        put(&room.path("Restored.fs"));
        // A link to nothing is written through.
        if kind == "a link to nothing" {
            run_to_its_end(&words(&room, "-R -o")).expect_success();
        } else {
            assert_fails_naming(&run_to_its_end(&words(&room, "-R -o")), &["Restored.fs"]);
        }
        std::fs::rename(room.repository(), room.path("elsewhere")).unwrap();
        if kind != "a directory" {
            put(&room.repository());
            for line in ["-V", "-R", "-BQ"] {
                assert_fails_naming(&run_to_its_end(&words(&room, line)), &["repository"]);
            }
        }
    }
}
