use super::{EIGHT, assert_succeeds_in_silence, assert_tidy};
use crate::common::{args, binary, content, ours};
use serde_json::json;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;
use testkit::{Database, Oracle, TestClock, names};

/// A full and an incremental in `repo`, of a database beside it; what they recover to.
fn back_up_twice(clock: &TestClock, repo: &Path, source: &Path) -> Vec<u8> {
    let mut database = Database::with_transactions(10);
    for _ in 0..2 {
        database.commit(&[(1, 300)]);
        std::fs::write(source, database.bytes()).unwrap();
        let ran = ours(clock, &args!["-B", "-Q", "-r", repo, "-f", source]);
        assert_succeeds_in_silence(&ran);
        clock.pass(Duration::from_secs(60));
    }
    database.bytes().to_vec()
}

/// Both programs verify what ours wrote into `repo`, and recover it with every byte checked.
fn assert_both_can_use(oracle: &mut Oracle, clock: &TestClock, repo: &Path, target: &Path, expected: &[u8]) {
    let verify = args!["-V", "-r", repo];
    let recover = args!["-R", "-w", "-r", repo, "-o", target];
    for words in [verify.as_slice(), recover.as_slice()] {
        assert_succeeds_in_silence(&oracle.repozo(words, clock.seconds()));
        assert_succeeds_in_silence(&ours(clock, words));
    }
    assert_eq!(content(target), expected);
    assert_succeeds_in_silence(&oracle.repozo(&recover, clock.seconds()));
    assert_eq!(content(target), expected);
}

#[test]
fn names_with_blanks_controls_and_other_bytes_work_and_python_reads_the_lists() {
    let mut oracle = Oracle::start();
    let odd: [&[u8]; 8] = [
        b"with space",
        b" both ends ",
        b"tab\there",
        b"line\nfeed",
        b"not utf-8 \xff\xfe",
        "d\u{e9}p\u{f4}t\u{a0}\u{2028}".as_bytes(),
        b"quote's \"and\" \\back",
        b"-r",
    ];
    for name in odd {
        let name = OsStr::from_bytes(name);
        let dir = tempfile::tempdir().unwrap();
        let parent = dir.path().join(name);
        let (repo, clock) = (parent.join(name), TestClock::at(EIGHT));
        std::fs::create_dir_all(&repo).unwrap();
        let database = back_up_twice(&clock, &repo, &parent.join("Data.fs"));
        let target = parent.join(name).with_extension("restored");
        assert_both_can_use(&mut oracle, &clock, &repo, &target, &database);
        assert_eq!(names(&repo).len(), 5);
    }
}

/// Python writes lines with a blank in the path, and cannot read them.
#[test]
fn what_python_wrote_into_a_path_with_a_blank_is_used_as_it_is() {
    let (mut oracle, clock, dir) = (Oracle::start(), TestClock::at(EIGHT), tempfile::tempdir().unwrap());
    let (repo, source) = (dir.path().join("my backups"), dir.path().join("Data.fs"));
    std::fs::create_dir(&repo).unwrap();
    std::fs::write(&source, Database::with_transactions(5).bytes()).unwrap();
    assert_succeeds_in_silence(&oracle.repozo(&args!["-B", "-r", &repo, "-f", &source], clock.seconds()));
    assert_eq!(oracle.repozo(&args!["-V", "-r", &repo], clock.seconds()).status, 1);
    clock.pass(Duration::from_secs(60));
    for words in [
        args!["-V", "-r", &repo].to_vec(),
        args!["-R", "-w", "-r", &repo, "-o", dir.path().join("Restored.fs")].to_vec(),
        args!["-B", "-Q", "-r", &repo, "-f", &source].to_vec(),
    ] {
        assert_succeeds_in_silence(&ours(&clock, &words));
    }
    assert_eq!(content(&dir.path().join("Restored.fs")), content(&source));
    assert_eq!(names(&repo).len(), 3);
}

#[test]
fn messages_about_odd_names_stay_one_line() {
    let clock = TestClock::at(EIGHT);
    for name in [&b"a\nb"[..], b"esc\x1b[2J", b"\xff", b"cr\rcr"] {
        let missing = Path::new("/nowhere").join(OsStr::from_bytes(name));
        for words in [
            args!["-V", "-r", &missing].to_vec(),
            args!["-B", "-v", "-r", std::env::temp_dir(), "-f", &missing, "-o", "x\ny"].to_vec(),
        ] {
            let ran = ours(&clock, &words);
            assert_tidy(&ran);
            assert_eq!(ran.status, 1);
            let last = ran.stderr.lines().last().unwrap();
            assert!(last.starts_with("[Errno 2] No such file or directory: '/nowhere/"), "{last:?}");
            assert!(!ran.stderr.contains(['\u{1b}', '\r']), "{:?}", ran.stderr);
        }
    }
}

/// The paths in the lists are as Python writes them: the repository as it was given, and the name.
#[test]
fn a_relative_repository_is_written_into_the_lists_as_it_was_given() {
    let (mut oracle, dir) = (Oracle::start(), tempfile::tempdir().unwrap());
    std::fs::write(dir.path().join("Data.fs"), Database::with_transactions(5).bytes()).unwrap();
    for (repo, program) in [("repo", "repo"), ("./repo/", "repo"), ("repo/../repo", "repo"), (".", ".")] {
        let place = dir.path().join(program);
        std::fs::create_dir_all(&place).unwrap();
        let argv = ["-B", "-F", "-r", repo, "-f", "Data.fs"];
        oracle.ask(&json!({"op": "repozo", "argv": argv, "now": EIGHT, "cwd": dir.path().to_str().unwrap()}));
        let pythons = path_in_newest_list(&place);
        clear(&place);
        assert!(binary().args(argv).current_dir(dir.path()).status().unwrap().success());
        assert_eq!(path_in_newest_list(&place), pythons);
        let verified = binary().args(["-V", "-r", repo]).current_dir(dir.path()).output().unwrap();
        assert_eq!((verified.status.code(), verified.stderr.len()), (Some(0), 0));
        clear(&place);
    }
}

/// The path of the last line of the last list, without the time.
fn path_in_newest_list(repo: &Path) -> String {
    let dat = names(repo).into_iter().rfind(|name| name.ends_with(".dat")).unwrap();
    let text = String::from_utf8(content(&repo.join(&dat))).unwrap();
    let path = text.lines().last().unwrap().split(' ').next().unwrap().to_owned();
    path.replace(dat.strip_suffix(".dat").unwrap(), "STAMP")
}

fn clear(repo: &Path) {
    for name in names(repo).iter().filter(|name| name.starts_with("20")) {
        std::fs::remove_file(repo.join(name)).unwrap();
    }
}

#[test]
fn a_symlinked_repository_and_a_symlinked_source_are_followed() {
    let (mut oracle, clock, dir) = (Oracle::start(), TestClock::at(EIGHT), tempfile::tempdir().unwrap());
    let path = |name: &str| dir.path().join(name);
    std::fs::create_dir(path("real")).unwrap();
    std::os::unix::fs::symlink("real", path("link")).unwrap();
    std::os::unix::fs::symlink("real.fs", path("Data.fs")).unwrap();
    std::fs::write(path("real.fs"), "").unwrap();
    let database = back_up_twice(&clock, &path("link"), &path("Data.fs"));
    for repo in ["link", "real"] {
        assert_both_can_use(&mut oracle, &clock, &path(repo), &path("Restored.fs"), &database);
    }
    assert_eq!(names(&path("real")).len(), 5);
    assert!(path("link").is_symlink() && path("Data.fs").is_symlink());
}

/// As when a disk is mounted elsewhere: only the last part of the paths in the lists counts.
#[test]
fn a_repository_can_be_moved() {
    let (mut oracle, clock, dir) = (Oracle::start(), TestClock::at(EIGHT), tempfile::tempdir().unwrap());
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    std::fs::create_dir(&old).unwrap();
    let database = back_up_twice(&clock, &old, &dir.path().join("Data.fs"));
    std::fs::rename(&old, &new).unwrap();
    assert_both_can_use(&mut oracle, &clock, &new, &dir.path().join("Restored.fs"), &database);
    let words = args!["-B", "-Q", "-v", "-r", &new, "-f", dir.path().join("Data.fs")];
    assert!(ours(&clock, &words).stderr.contains("No changes, nothing to do"));
}
