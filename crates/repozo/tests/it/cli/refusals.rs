//! What cannot be read or written at all.

use super::{Site, assert_fails_with_a_line, last_line};
use crate::common::{args, binary};
use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use testkit::{Oracle, Ran, names};

#[track_caller]
fn assert_both_say_only(site: &Site, oracle: &mut Oracle, line: &str, message: &str) {
    let ran = site.both(oracle, line);
    assert_fails_with_a_line(&ran, &[]);
    assert_eq!(ran.stderr, format!("{message}\n"), "{line}");
    assert_eq!(last_line(&site.pythons(oracle, line).stderr), message, "{line}");
}

#[test]
fn a_missing_repository_is_an_error_of_the_system_in_pythons_words_and_is_not_made() {
    let (mut site, mut oracle) = (Site::new(), Oracle::start());
    std::fs::remove_dir(site.repo()).unwrap();
    let message = format!("[Errno 2] No such file or directory: '{}'", site.repo().display());
    for line in [
        "-B -r REPO -f SOURCE",
        "-B -Q -z -k -r REPO -f SOURCE",
        "-B -r REPO -f nowhere.fs",
        "-R -r REPO",
        "-R -r REPO -o TARGET -w -D 2027-01-15",
        "-V -r REPO",
        "-V -Q -r REPO",
    ] {
        assert_both_say_only(&site, &mut oracle, line, &message);
    }
    site.grow();
    assert_eq!(names(site.dir.path()), ["Data.fs"]);
}

#[test]
fn a_repository_that_is_a_file_is_an_error_of_the_system_in_pythons_words() {
    let (site, mut oracle) = (Site::new(), Oracle::start());
    std::fs::remove_dir(site.repo()).unwrap();
    std::fs::write(site.repo(), "a file").unwrap();
    let message = format!("[Errno 20] Not a directory: '{}'", site.repo().display());
    for line in ["-B -r REPO -f SOURCE", "-R -r REPO", "-R -r REPO -o TARGET", "-V -r REPO"] {
        assert_both_say_only(&site, &mut oracle, line, &message);
    }
}

#[test]
fn a_missing_source_is_an_error_of_the_system_in_pythons_words_and_leaves_nothing() {
    let (site, mut oracle) = (Site::new(), Oracle::start());
    std::fs::remove_file(site.path("Data.fs")).unwrap();
    let message = format!("[Errno 2] No such file or directory: '{}'", site.path("Data.fs").display());
    for line in ["-B -r REPO -f SOURCE", "-B -Q -r REPO -f SOURCE", "-B -F -k -z -r REPO -f SOURCE"] {
        assert_both_say_only(&site, &mut oracle, line, &message);
    }
    assert!(site.names().is_empty());
}

#[test]
fn a_source_that_is_a_directory_is_an_error_of_the_system_in_pythons_words() {
    let (site, mut oracle) = (Site::new(), Oracle::start());
    std::fs::remove_file(site.path("Data.fs")).unwrap();
    std::fs::create_dir(site.path("Data.fs")).unwrap();
    let message = format!("[Errno 21] Is a directory: '{}'", site.path("Data.fs").display());
    for line in ["-B -r REPO -f SOURCE", "-B -F -z -r REPO -f SOURCE"] {
        assert_both_say_only(&site, &mut oracle, line, &message);
    }
    assert!(site.names().is_empty());
}

/// Python's answers are tracebacks.
#[test]
fn a_source_that_is_no_filestorage_is_refused_in_one_line_and_leaves_nothing() {
    let site = Site::new();
    for (bytes, words) in [
        (&b""[..], &["empty", "nothing was backed up"][..]),
        (b"FS", &["nothing was backed up"]),
        (b"PK\x03\x04 a zip file, say", &["nothing was backed up"]),
    ] {
        std::fs::write(site.path("Data.fs"), bytes).unwrap();
        let ran = site.ours("-B -r REPO -f SOURCE");
        assert_fails_with_a_line(&ran, words);
        assert!(ran.stderr.starts_with(site.path("Data.fs").to_str().unwrap()), "{}", ran.stderr);
        assert!(site.names().is_empty());
    }
}

#[test]
fn a_target_in_a_missing_directory_is_an_error_of_the_system() {
    let (site, mut oracle) = (Site::with_backups("", 0), Oracle::start());
    let target = site.path("nowhere/Data.fs");
    let line = format!("-R -r REPO -o {}", target.display());
    let (ran, pythons) = (site.ours(&line), site.pythons(&mut oracle, &line));
    assert_eq!(pythons.status, 1);
    assert_fails_with_a_line(&ran, &["[Errno 2] No such file or directory: '", "nowhere"]);
    assert!(!site.path("nowhere").exists());
}

#[test]
fn a_target_that_is_a_directory_is_refused() {
    let (site, mut oracle) = (Site::with_backups("", 0), Oracle::start());
    std::fs::create_dir(site.target()).unwrap();
    assert_eq!(site.pythons(&mut oracle, "-R -r REPO -o TARGET").status, 1);
    let ran = site.ours("-R -r REPO -o TARGET");
    assert_fails_with_a_line(&ran, &[site.target().to_str().unwrap(), "not a regular file"]);
    assert!(site.target().is_dir());
}

/// Runs a copy of the binary as a user who is not root: everything is readable for root.
fn run_unprivileged(site: &Site, line: &str) -> Ran {
    let program = site.path("repozo");
    if !program.exists() {
        // Not by this process: a child of another test that has the copy open for writing would keep it busy.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_repozo")).arg(&program).status().unwrap();
        assert!(copied.success());
        set_mode(site.dir.path(), 0o755);
    }
    let mut command = binary();
    if std::fs::metadata(site.dir.path()).unwrap().uid() == 0 {
        command = Command::new(program);
        command.uid(65534).gid(65534);
    }
    let output = command.args(site.args(line)).output().unwrap();
    let status = u8::try_from(output.status.code().unwrap()).unwrap();
    Ran { status, stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap() }
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn what_may_not_be_read_or_written_is_errno_13_with_its_path() {
    let site = Site::of_the_past();
    site.back_up("");
    let name = site.names().into_iter().find(|name| name.ends_with(".fs")).unwrap();
    let full = site.backup(&name);
    let denied = |line: &str, path: &Path, mode: u32| {
        let usual = std::fs::metadata(path).unwrap().permissions();
        set_mode(path, mode);
        let ran = run_unprivileged(&site, line);
        std::fs::set_permissions(path, usual).unwrap();
        ran
    };
    let message = |path: &Path| format!("[Errno 13] Permission denied: '{}'", path.display());
    set_mode(&site.repo(), 0o777);
    let (source, repo) = (site.path("Data.fs"), site.repo());
    for (line, path) in [
        ("-B -r REPO -f SOURCE", &source),
        ("-B -r REPO -f SOURCE", &repo),
        ("-R -r REPO", &repo),
        ("-V -r REPO", &repo),
        ("-R -r REPO", &full),
    ] {
        assert_fails_with_a_line(&denied(line, path, 0o000), &[&message(path)]);
    }
    // Not "is missing", which Python says.
    let ran = denied("-V -r REPO", &full, 0o000);
    assert_eq!((ran.status, ran.stderr.lines().count()), (1, 2), "{}", ran.stderr);
    assert!(ran.stderr.starts_with(&message(&full)), "{}", ran.stderr);
    // The directories of the repository and the target, which may be read only.
    let ran = denied("-B -F -r REPO -f SOURCE", &repo, 0o555);
    assert_fails_with_a_line(&ran, &["[Errno 13] Permission denied: '", repo.to_str().unwrap()]);
    let ran = denied("-R -r REPO -o TARGET", &full, 0o444);
    assert_fails_with_a_line(&ran, &["[Errno 13] Permission denied: '", site.dir.path().to_str().unwrap()]);
}

#[test]
fn a_repository_named_by_nothing_is_an_error_of_the_system() {
    let (site, mut oracle) = (Site::new(), Oracle::start());
    let words: [OsString; 3] = args!["-V", "--repository", ""];
    let pythons = oracle.repozo(&words, site.clock.seconds());
    let ran = crate::common::ours(&site.clock, &words);
    assert_fails_with_a_line(&ran, &[last_line(&pythons.stderr)]);
}
