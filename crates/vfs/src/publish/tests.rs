#![expect(clippy::disallowed_methods, reason = "the tests look at the real disk behind the door's back")]

use super::*;
use crate::OsFs;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn names(dir: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn a_published_file_is_private_and_complete_and_leaves_no_draft() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("a.fs");
    let mut draft = Draft::create(&OsFs, &target).unwrap();
    assert!(is_draft(draft.path().file_name().unwrap()));
    draft.append(b"one ").unwrap();
    draft.append(b"two").unwrap();
    assert!(!target.exists(), "no name before the bytes are durable");
    assert_eq!(draft.publish_new().unwrap(), Synced::Yes);
    assert_eq!(fs::read(&target).unwrap(), b"one two");
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(dir.path()), ["a.fs"]);
}

#[test]
fn a_new_file_never_replaces_an_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("a.fs");
    fs::write(&target, "old").unwrap();
    let mut draft = Draft::create(&OsFs, &target).unwrap();
    draft.append(b"new").unwrap();
    let error = draft.publish_new().unwrap_err();
    assert_eq!((error.op, error.source.kind()), (Op::Rename, io::ErrorKind::AlreadyExists));
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(names(dir.path()), ["a.fs"], "the draft is removed");
}

#[test]
fn a_replaced_file_is_replaced_whole() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("a.dat");
    fs::write(&target, "old and longer").unwrap();
    let mut draft = Draft::create(&OsFs, &target).unwrap();
    draft.append(b"new").unwrap();
    let gid = OsFs.meta(&target).unwrap().access.gid;
    assert!(draft.set_access(Grant { mode: 0o640, uid: None, gid }).unwrap());
    assert_eq!(draft.publish_over().unwrap(), Synced::Yes);
    assert_eq!(fs::read(&target).unwrap(), b"new");
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_dropped_draft_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let mut draft = Draft::create(&OsFs, &dir.path().join("a.fs")).unwrap();
    draft.append(b"half").unwrap();
    assert_eq!(names(dir.path()).len(), 1);
    drop(draft);
    assert!(names(dir.path()).is_empty());
    drop(Draft::create(&OsFs, &dir.path().join("a.fs")).unwrap().finish().unwrap());
    assert!(names(dir.path()).is_empty());
}

#[test]
fn only_drafts_have_draft_names() {
    assert_eq!(draft_target("a.fs.0123456789abcdef.part".as_ref()), Some("a.fs".as_ref()));
    for name in ["Data.fs.part", "a.0123456789ABCDEF.part", ".0123456789abcdef.part", "0123456789abcdef.part"]
    {
        assert_eq!(draft_target(name.as_ref()), None, "{name}");
    }
}

#[test]
fn sweeping_removes_dead_drafts_of_ours_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = ("a.fs.0123456789abcdef.part", "b.fs.0123456789abcdef.part");
    for name in [ours, theirs, "a.fs", "a.fs.part"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    let swept = sweep(&OsFs, dir.path(), &|target| target == "a.fs").unwrap();
    assert_eq!(swept.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [ours]);
    assert_eq!(names(dir.path()), ["a.fs", "a.fs.part", theirs]);
}

#[test]
fn a_bare_name_lives_in_the_current_directory() {
    assert_eq!(parent_dir(Path::new("Data.fs")), Path::new("."));
    assert_eq!(parent_dir(Path::new("a/Data.fs")), Path::new("a"));
    assert_eq!(parent_dir(Path::new("/Data.fs")), Path::new("/"));
}
