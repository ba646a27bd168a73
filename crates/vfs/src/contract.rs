//! The contract of [`Fs`]: what every implementation must do, the simulated ones included.

use crate::{Access, FileKind, Fs, Grant, LockKind};
use std::io::ErrorKind;
use std::path::Path;

/// Runs the whole suite on `fs` in the existing empty directory `dir`.
///
/// # Panics
/// Where the implementation breaks the contract.
#[expect(clippy::unwrap_used, reason = "a test suite speaks by panicking")]
pub fn check(fs: &dyn Fs, dir: &Path) {
    creates_only_what_is_new(fs, dir);
    an_open_file_stays_itself_when_its_name_moves_on(fs, dir);
    renames_with_and_without_replacing(fs, dir);
    lists_and_removes(fs, dir);
    changes_what_is_there_in_its_place(fs, dir);
    has_directories_between_which_files_move(fs, dir);
    locks_exclude_each_other(fs, dir);
    fs.sync_dir(dir).unwrap();
    assert!(fs.free_len(dir).unwrap() > 0);
    assert_ne!(fs.unique(), fs.unique());
}

#[expect(clippy::unwrap_used, reason = "a test suite speaks by panicking")]
fn put(fs: &dyn Fs, path: &Path, bytes: &[u8]) {
    let mut file = fs.create(path).unwrap();
    file.append(bytes).unwrap();
    file.sync().unwrap();
    file.close().unwrap();
}

#[expect(clippy::unwrap_used, reason = "a test suite speaks by panicking")]
fn content(fs: &dyn Fs, path: &Path) -> Vec<u8> {
    let file = fs.open(path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

#[expect(clippy::unwrap_used, reason = "a test suite speaks by panicking")]
fn creates_only_what_is_new(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("created");
    put(fs, &path, b"abc");
    assert_eq!(content(fs, &path), b"abc");
    assert_eq!(fs.create(&path).err().unwrap().kind(), ErrorKind::AlreadyExists);
    assert_eq!(content(fs, &path), b"abc", "a refused creation touches nothing");
    let meta = fs.meta(&path).unwrap();
    assert_eq!((meta.len, meta.kind, meta.access.mode), (3, FileKind::File, 0o600));
    assert_eq!(fs.meta(dir).unwrap().kind, FileKind::Dir);
    assert_eq!(fs.open(dir).err().unwrap().kind(), ErrorKind::IsADirectory);
    assert_eq!(fs.open(&dir.join("absent")).err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(fs.meta(&dir.join("absent")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs.link_target(&path).unwrap(), None);
    assert_eq!(fs.link_target(&dir.join("absent")).unwrap(), None);
    assert_eq!(fs.link_target(&dir.join("absent/too")).unwrap(), None);
    assert_eq!(fs.link_target(&path.join("in a file")).unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(fs.open(&path).unwrap().meta().unwrap(), meta, "by its name or by itself");
    let modes = dir.join("modes");
    let mut file = fs.create(&modes).unwrap();
    assert!(
        file.set_access(Grant { mode: 0o640, gid: meta.access.gid, uid: Some(meta.access.uid) }).unwrap()
    );
    file.close().unwrap();
    assert_eq!(fs.meta(&modes).unwrap().access, Access { mode: 0o640, ..meta.access });
}

#[expect(clippy::unwrap_used, reason = "a test suite speaks by panicking")]
fn an_open_file_stays_itself_when_its_name_moves_on(fs: &dyn Fs, dir: &Path) {
    let (old, new) = (dir.join("pinned"), dir.join("pinned.new"));
    put(fs, &old, b"old");
    put(fs, &new, b"newer");
    let pinned = fs.open(&old).unwrap();
    let id = pinned.meta().unwrap().id;
    assert_eq!(fs.meta(&old).unwrap().id, id);
    fs.rename_over(&new, &old).unwrap();
    let mut bytes = [0; 3];
    pinned.read_exact_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"old");
    assert_eq!(pinned.len().unwrap(), 3);
    assert_ne!(fs.meta(&old).unwrap().id, id);
}

#[expect(clippy::unwrap_used, reason = "a test suite speaks by panicking")]
fn renames_with_and_without_replacing(fs: &dyn Fs, dir: &Path) {
    let (a, b) = (dir.join("rename.a"), dir.join("rename.b"));
    put(fs, &a, b"a");
    put(fs, &b, b"b");
    assert_eq!(fs.rename_new(&a, &b).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!((content(fs, &a), content(fs, &b)), (b"a".to_vec(), b"b".to_vec()));
    fs.rename_over(&a, &b).unwrap();
    assert_eq!(content(fs, &b), b"a");
    fs.rename_new(&b, &a).unwrap();
    assert_eq!(content(fs, &a), b"a");
    assert_eq!(fs.meta(&b).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs.rename_new(&b, &a).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(content(fs, &a), b"a");
    fs.remove(&a).unwrap();
    assert_eq!(fs.rename_new(&b, &a).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs.rename_over(&b, &a).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs.create(&dir.join("absent/too")).err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(fs.remove(dir).unwrap_err().kind(), ErrorKind::IsADirectory);
    assert_eq!(fs.sync_dir(&dir.join("absent")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[expect(clippy::unwrap_used, reason = "a test suite speaks by panicking")]
fn lists_and_removes(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("listed");
    put(fs, &path, b"");
    assert!(fs.list(dir).unwrap().iter().any(|name| name == "listed"));
    fs.remove(&path).unwrap();
    assert!(!fs.list(dir).unwrap().iter().any(|name| name == "listed"));
    assert_eq!(fs.remove(&path).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs.list(&path).unwrap_err().kind(), ErrorKind::NotFound);
}

#[expect(clippy::unwrap_used, reason = "a test suite speaks by panicking")]
fn locks_exclude_each_other(fs: &dyn Fs, dir: &Path) {
    let file = dir.join("locked");
    put(fs, &file, b"");
    for path in [dir, &file] {
        let held = fs.try_lock(path, LockKind::Exclusive).unwrap();
        assert!(held.is_some());
        assert!(fs.try_lock(path, LockKind::Exclusive).unwrap().is_none());
        assert!(fs.try_lock(path, LockKind::Shared).unwrap().is_none());
        drop(held);
        let shared = fs.try_lock(path, LockKind::Shared).unwrap();
        let again = fs.try_lock(path, LockKind::Shared).unwrap();
        assert!(shared.is_some() && again.is_some());
        assert!(fs.try_lock(path, LockKind::Exclusive).unwrap().is_none());
        let third = fs.try_lock(path, LockKind::Shared).unwrap();
        for held in [shared, again, third] {
            assert!(fs.try_lock(path, LockKind::Exclusive).unwrap().is_none(), "as long as one is held");
            drop(held);
        }
        assert!(fs.try_lock(path, LockKind::Exclusive).unwrap().is_some());
    }
}

#[expect(clippy::unwrap_used, reason = "a test suite speaks by panicking")]
fn changes_what_is_there_in_its_place(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("changed");
    assert_eq!(fs.open_to_change(&path).err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(fs.open_to_change(dir).err().unwrap().kind(), ErrorKind::IsADirectory);
    put(fs, &path, b"abcdef");
    let (before, reader) = (fs.meta(&path).unwrap(), fs.open(&path).unwrap());
    let mut file = fs.open_to_change(&path).unwrap();
    assert_eq!(content(fs, &path), b"abcdef", "opening changes nothing");
    file.write_at(6, b"ghi").unwrap();
    file.write_at(1, b"B").unwrap();
    assert_eq!(content(fs, &path), b"aBcdefghi");
    file.cut(4).unwrap();
    file.write_at(4, b"xyz").unwrap();
    file.cut(6).unwrap();
    file.sync().unwrap();
    file.close().unwrap();
    assert_eq!(content(fs, &path), b"aBcdxy");
    let after = fs.meta(&path).unwrap();
    assert_eq!((after.id, after.access, after.name_count), (before.id, before.access, 1));
    assert_eq!(reader.len().unwrap(), 6, "who has it open sees the change");
}

#[expect(clippy::unwrap_used, reason = "a test suite speaks by panicking")]
fn has_directories_between_which_files_move(fs: &dyn Fs, dir: &Path) {
    let (a, b) = (dir.join("dir.a"), dir.join("dir.b"));
    let access = fs.meta(dir).unwrap().access;
    let grant = Grant { mode: 0o755, gid: access.gid, uid: Some(access.uid) };
    for path in [&a, &b] {
        fs.make_dir(path, grant).unwrap();
        assert_eq!(fs.meta(path).unwrap().kind, FileKind::Dir);
        assert_eq!(fs.make_dir(path, grant).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }
    assert_eq!(fs.make_dir(&dir.join("absent/too"), grant).unwrap_err().kind(), ErrorKind::NotFound);
    put(fs, &a.join("moving"), b"new");
    put(fs, &b.join("there"), b"old");
    fs.rename_over(&a.join("moving"), &b.join("there")).unwrap();
    assert_eq!(content(fs, &b.join("there")), b"new");
    assert!(fs.list(&a).unwrap().is_empty());
    assert_eq!(fs.remove_dir(&b).unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
    fs.remove_dir(&a).unwrap();
    assert_eq!(fs.meta(&a).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs.remove_dir(&a).unwrap_err().kind(), ErrorKind::NotFound);
    fs.sync_all(dir).unwrap();
}

#[cfg(test)]
mod tests;
