#![expect(clippy::disallowed_methods, reason = "the tests look at the real disk behind the door's back")]

use super::*;
use crate::OsFs;
use crate::sim::{Image, SimFs};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
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
    assert_eq!(draft_target(draft.path().file_name().unwrap()), Some("a.fs".as_ref()));
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

/// A simulated disk with a directory `/d` and what `files` says in it.
fn sim(files: &[(&str, &[u8])]) -> SimFs {
    let mut image = Image::default();
    image.make_dir(Path::new("/d")).unwrap();
    for (name, bytes) in files {
        image.put(&Path::new("/d").join(name), bytes, std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    SimFs::on(image)
}

/// What may stand under a name after a cut behind so many operations.
fn left(fs: &SimFs, operation_count: usize, path: &Path) -> BTreeSet<Option<Vec<u8>>> {
    let images = fs.wreck(operation_count).outcomes(10_000, 1);
    images.iter().map(|image| image.content(path).map(<[u8]>::to_vec)).collect()
}

#[test]
fn a_cut_at_any_moment_leaves_the_old_file_or_the_new_one_and_at_the_end_the_new_one() {
    let target = Path::new("/d/a.fs");
    let is_over = [true, false];
    for over in is_over {
        let old = over.then(|| b"old".to_vec());
        let fs = if over { sim(&[("a.fs", b"old")]) } else { sim(&[]) };
        let mut draft = Draft::create(&fs, target).unwrap();
        draft.append(b"new ").unwrap();
        draft.write_all(b"and whole").unwrap();
        draft.flush().unwrap();
        let synced = if over { draft.publish_over() } else { draft.publish_new() };
        assert_eq!(synced.unwrap(), Synced::Yes);
        let new = Some(b"new and whole".to_vec());
        let both: BTreeSet<_> = [old, new.clone()].into();
        for operation_count in 0..fs.operation_count() {
            assert!(left(&fs, operation_count, target).is_subset(&both), "behind {operation_count}");
        }
        assert_eq!(left(&fs, fs.operation_count(), target), [new].into());
        assert_eq!(fs.image().names(Path::new("/d")), ["a.fs"]);
    }
}

#[test]
fn what_is_renamed_or_swept_stays_so_after_a_cut() {
    let draft = "a.fs.0123456789abcdef.part";
    let fs = sim(&[("a", b"1"), (draft, b"half")]);
    let (a, b) = (Path::new("/d/a"), Path::new("/d/b"));
    assert_eq!(rename_new(&fs, a, b).unwrap(), Synced::Yes);
    assert_eq!(left(&fs, fs.operation_count(), b), [Some(b"1".to_vec())].into());
    assert_eq!(left(&fs, fs.operation_count(), a), [None].into());
    assert_eq!(sweep(&fs, Path::new("/d"), &|_| true).unwrap().len(), 1);
    assert_eq!(left(&fs, fs.operation_count(), &Path::new("/d").join(draft)), [None].into());
    let before = fs.operation_count();
    assert!(sweep(&fs, Path::new("/d"), &|_| true).unwrap().is_empty());
    assert_eq!(fs.operation_count(), before, "nothing swept, nothing to be synced");
}

#[test]
fn a_draft_takes_a_name_that_no_other_has_and_does_not_try_for_ever() {
    // The numbers of a simulated disk count from 1.
    let fs = sim(&[("a.0000000000000001.part", b"dead"), ("a.0000000000000002.part", b"dead too")]);
    let draft = Draft::create(&fs, Path::new("/d/a")).unwrap();
    assert_eq!(draft.path(), Path::new("/d/a.0000000000000003.part"));
    let finished = draft.finish().unwrap();
    assert_eq!(finished.path(), Path::new("/d/a.0000000000000003.part"));
    let error = Draft::create(&fs, Path::new("/absent/a")).err().unwrap();
    assert_eq!((error.op, error.is_not_found()), (Op::Create, true));
}

#[test]
fn a_removal_tells_whether_there_was_something_and_why_it_failed() {
    let fs = sim(&[("a", b"1")]);
    assert!(remove(&fs, Path::new("/d/a")).unwrap());
    assert!(!remove(&fs, Path::new("/d/a")).unwrap());
    let error = remove(&fs, Path::new("/d")).unwrap_err();
    assert_eq!((error.op, error.source.kind()), (Op::Remove, io::ErrorKind::IsADirectory));
    let error = sync_dir(&fs, Path::new("/absent")).unwrap_err();
    assert_eq!((error.op, error.is_not_found()), (Op::SyncDir, true));
    let error = sweep(&fs, Path::new("/absent"), &|_| true).unwrap_err();
    assert_eq!((error.op, error.is_not_found()), (Op::List, true));
}
