//! What a list says is not believed.

use super::*;
use crate::common::ours_with;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use testkit::HookFs;

/// Runs a line, and gives every path that the file system was asked about.
fn run_noting(room: &Room, line: &str) -> (Ran, Vec<PathBuf>) {
    let (fs, calls) = HookFs::noting();
    let ran = ours_with(&fs, &room.clock, &words(room, line));
    let paths = calls.lock().unwrap().iter().map(|call| call.path.clone()).collect();
    (ran, paths)
}

/// Whether a run may look at a path: the repository and the files right in it, the database, the target.
fn is_allowed(room: &Room, path: &Path) -> bool {
    let beside = |file: &Path| path.as_os_str().as_bytes().starts_with(file.as_os_str().as_bytes());
    path == room.repository()
        || path.parent() == Some(&room.repository())
        || path.parent() == Some(path) // "/" of nothing
        || beside(&room.file())
        || beside(&room.path("Restored.fs"))
        || Some(path) == room.file().parent()
}

/// A repository of one full and one incremental, and beside it a directory with a stranger's files of the same
/// names and of others.
fn beside_a_stranger() -> (Room, Vec<Vec<u8>>) {
    let mut room = Room::new();
    let states = room.chain_of_three();
    let stranger = room.path("stranger");
    std::fs::create_dir(&stranger).unwrap();
    for name in [format!("{FULL}.fs"), format!("{FIRST}.deltafs"), "passwd".to_owned()] {
        std::fs::write(stranger.join(name), b"of a stranger").unwrap();
    }
    (room, states)
}

fn paths_elsewhere(room: &Room, base: &str) -> Vec<Vec<u8>> {
    let stranger = room.path("stranger");
    let stranger = stranger.to_str().unwrap();
    vec![
        b"../../etc/passwd".to_vec(),
        b"/etc/passwd".to_vec(),
        format!("{stranger}/passwd").into_bytes(),
        b"../stranger/passwd".to_vec(),
        format!("{stranger}/{base}").into_bytes(),
        format!("../stranger/{base}").into_bytes(),
        format!("{base}/../../stranger/{base}").into_bytes(),
        format!("../stranger/{base}\0").into_bytes(),
        format!("{base}\0/../../stranger/passwd").into_bytes(),
        format!("../stranger\n/{base}").into_bytes(),
        [b"../stranger/\xff\xfe/", base.as_bytes()].concat(),
        [base.as_bytes(), b"\xff"].concat(),
        b"..".to_vec(),
        b".".to_vec(),
        b"/".to_vec(),
        b"../stranger/".to_vec(),
    ]
}

#[test]
fn a_list_that_names_files_elsewhere_leads_nowhere() {
    let (mut room, states) = beside_a_stranger();
    let snapshot = Snapshot::of(&room);
    room.pass(60);
    room.grow();
    for (number, base) in [(0, format!("{FULL}.fs")), (1, format!("{FIRST}.deltafs"))] {
        for path in paths_elsewhere(&room, &base) {
            for line in LOOKING.iter().chain(&["-B", "-BQ", "-BFk"]) {
                snapshot.put_back(&room);
                put_path(&room, number, &path);
                let (ran, paths) = run_noting(&room, line);
                let what = format!("{line} with {}:\n{}", path.escape_ascii(), ran.stderr);
                for path in paths {
                    assert!(is_allowed(&room, &path), "{} is looked at: {what}", path.display());
                }
                assert!(!ran.stderr.contains("panicked") && ran.status <= 1, "{what}");
                assert_stranger_is_unharmed(&room, &what);
                // The base name is a file of the repository, or the line leads nowhere.
                if line.starts_with("-R") && ran.status == 0 {
                    let restored =
                        if line.contains("-o") { content(&room.path("Restored.fs")) } else { ran.stdout };
                    assert_eq!(Some(&restored), states.last(), "{what}");
                }
                if line.starts_with("-B") {
                    assert_eq!(ran.status, 0, "{what}");
                    assert_eq!(room.recovered(&["-w"]), room.database.bytes(), "{what}");
                }
            }
        }
    }
}

#[track_caller]
fn assert_stranger_is_unharmed(room: &Room, what: &str) {
    let dir = room.path("stranger");
    let names = testkit::names(&dir);
    assert_eq!(names.len(), 3, "{what}");
    for name in names {
        assert_eq!(content(&dir.join(name)), b"of a stranger", "{what}");
    }
}

/// Puts another path into a line of the list.
fn put_path(room: &Room, number: usize, path: &[u8]) {
    let dat = room.dat(&format!("{FULL}.dat"));
    let mut bytes = Vec::new();
    for (at, line) in dat.lines().enumerate() {
        let (old, rest) = line.split_once(' ').unwrap();
        bytes.extend(if at == number { path } else { old.as_bytes() });
        bytes.extend(format!(" {rest}\n").bytes());
    }
    room.write(&format!("{FULL}.dat"), &bytes);
}

/// What is missing in the repository is not fetched from where the list says it is.
#[test]
fn a_file_that_is_only_where_the_list_says_is_missing() {
    let (room, _) = beside_a_stranger();
    let name = format!("{FULL}.fs");
    std::fs::copy(room.in_repository(&name), room.path("stranger").join(&name)).unwrap();
    put_path(&room, 0, room.path("stranger").join(&name).as_os_str().as_bytes());
    room.remove(&name);
    for line in ["-R", "-Rw", "-R -o"] {
        assert_fails_naming(&run_noting(&room, line).0, &[&name]);
    }
    for line in ["-V", "-VQ"] {
        assert_problem_naming(&run_noting(&room, line).0, &[&name]);
    }
}

/// The spans that a list gives to its files.
fn put_spans(room: &Room, spans: &[(&str, &str)]) {
    let dat = room.dat(&format!("{FULL}.dat"));
    let mut text = String::new();
    for (line, (start, end)) in dat.lines().zip(spans) {
        let fields: Vec<&str> = line.split(' ').collect();
        text += &format!("{} {start} {end} {}\n", fields[0], fields[3]);
    }
    room.write(&format!("{FULL}.dat"), text.as_bytes());
}

#[test]
fn numbers_that_no_file_has_are_an_error_and_cost_nothing() {
    let mut room = Room::new();
    room.chain_of_three();
    let lens: Vec<String> = room
        .dat(&format!("{FULL}.dat"))
        .lines()
        .map(|line| line.split(' ').nth(2).unwrap().to_owned())
        .collect();
    let [a, b, c] = [&lens[0][..], &lens[1], &lens[2]];
    let spans = [
        [("0", "18446744073709551616"), (a, b), (b, c)],
        [("0", "18446744073709551615"), (a, b), (b, c)],
        [("0", "9223372036854775808"), (a, b), (b, c)],
        [("0", "4611686018427387903"), ("4611686018427387903", "4611686018427387903"), (b, c)],
        [("0", a), (a, "4611686018427387903"), ("4611686018427387903", "4611686018427387903")],
        [("0", a), (a, b), (b, "99999999999999999999999999999999999999999")],
        [("0", a), ("0", b), (b, c)],
        [("0", b), (a, b), (b, c)],
        [("0", a), (b, a), (b, c)],
        [("0", a), (b, c), (a, b)],
        [("1", a), (a, b), (b, c)],
        [("-1", a), (a, b), (b, c)],
        [("0", "0"), (a, b), (b, c)],
    ];
    for spans in spans {
        put_spans(&room, &spans);
        for line in ["-R", "-Rw", "-R -o", "-Rw -o"] {
            let ran = run_to_its_end(&words(&room, line));
            assert_fails_naming(&ran, &[FULL, FIRST, SECOND]);
            assert!(!room.path("Restored.fs").exists(), "{line} {spans:?}");
        }
        for line in ["-V", "-VQ"] {
            assert_problem_naming(&run_to_its_end(&words(&room, line)), &[FULL, FIRST, SECOND]);
        }
    }
    // A backup does not build upon it, and says so.
    room.pass(60);
    let ran = room.backup("Q");
    assert_eq!((ran.status, ran.stderr.lines().count()), (0, 1), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("{FULL}.dat")), "{}", ran.stderr);
    assert!(room.backups().contains(&format!("{NEXT}.fs")));
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

/// A compressed file's length is not known before it was read: a promise must not be believed meanwhile.
#[test]
fn a_compressed_file_that_is_promised_to_be_endless_is_neither_made_room_for_nor_waited_for() {
    let mut room = Room::new();
    room.backup("z").expect_success();
    room.pass(60);
    room.grow();
    put_spans(&room, &[("0", "4611686018427387903")]);
    for line in ["-R", "-Rw", "-R -o", "-V", "-VQ"] {
        let ran = run_to_its_end(&words(&room, line));
        // Where it is to be written, there is no room for so much.
        assert_problem_naming(&ran, &[&format!("{FULL}.fsz"), "46116860184273"]);
        assert!(!room.path("Restored.fs").exists(), "{line}");
    }
    for flags in ["", "Q"] {
        room.backup(flags).expect_success();
        assert_eq!(room.recovered(&["-w"]), room.database.bytes());
        room.pass(60);
    }
}

/// A list of a terabyte, which takes no room on the disk, and lists of nothing but junk.
#[test]
fn a_list_that_is_too_large_or_junk_is_told_and_not_built_upon() {
    type Junk<'a> = (&'a str, &'a dyn Fn(&Path));
    let zeros = |path: &Path, len| std::fs::File::create(path).unwrap().set_len(len).unwrap();
    let junk: [Junk<'_>; 4] = [
        ("a terabyte of zeros", &|path| zeros(path, 1 << 40)),
        ("32 MiB of zeros", &|path| zeros(path, 32 << 20)),
        ("empty lines", &|path| std::fs::write(path, vec![b'\n'; 8 << 20]).unwrap()),
        ("one line without end", &|path| std::fs::write(path, vec![b'1'; 8 << 20]).unwrap()),
    ];
    let mut room = Room::new();
    room.chain_of_three();
    let snapshot = Snapshot::of(&room);
    room.pass(60);
    room.grow();
    for (what, put) in junk {
        snapshot.put_back(&room);
        let dat = format!("{FULL}.dat");
        put(&room.in_repository(&dat));
        assert_problem_naming(&run_to_its_end(&words(&room, "-V")), &[&dat]);
        let ran = run_to_its_end(&words(&room, "-Rw -o"));
        assert_fails_naming(&ran, &[&dat]);
        let ran = room.backup("Q");
        assert_eq!(ran.status, 0, "{what}: {}", ran.stderr);
        assert_eq!(room.recovered(&["-w"]), room.database.bytes(), "{what}");
    }
}
