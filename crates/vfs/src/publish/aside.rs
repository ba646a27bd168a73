//! Files that are in the way, moved to where nobody looks for them. What a crash leaves is each file at its old place or at
//! its new one.

use super::dirs::Dirs;
use super::{Synced, parent_dir, sync_dir};
use crate::{Error, Fs, Grant, Op};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Moves each file to a name that nothing has yet, whose directories are made like `dirs`, and removes the directories below
/// `base` that have nothing left in them.
///
/// # Errors
/// The system's; some may have been moved.
pub fn set_aside(
    fs: &dyn Fs,
    moves: impl Iterator<Item = (PathBuf, PathBuf)>,
    base: &Path,
    dirs: Grant,
) -> Result<Synced, Error> {
    let (mut to_dirs, mut left) = (Dirs::below(fs, base, dirs), BTreeSet::new());
    for (from, to) in moves {
        to_dirs.make(parent_dir(&to))?;
        fs.rename_new(&from, &to).map_err(Error::at(Op::Rename, &to))?;
        left.insert(parent_dir(&from).to_owned());
    }
    // A move is over when both its ends are on the disk; the new one comes first.
    let mut synced = to_dirs.sync()?;
    for dir in &left {
        synced = synced.and(sync_dir(fs, dir)?);
    }
    for mut dir in left.iter().map(PathBuf::as_path) {
        // One that is not empty ends it, and so does one that cannot be removed: it does no harm.
        while dir != base && fs.remove_dir(dir).is_ok() {
            dir = parent_dir(dir);
        }
    }
    Ok(synced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Image, SimFs};

    #[test]
    fn what_is_put_aside_takes_its_empty_directories_along_and_leaves_the_others() {
        let fs = SimFs::on(Image::default());
        let dirs = Grant { mode: 0o755, gid: 0, uid: None };
        let mut made = Dirs::below(&fs, Path::new("/"), dirs);
        for name in ["/b/1/x", "/b/1/2/y", "/b/3/z"] {
            made.make(parent_dir(Path::new(name))).unwrap();
            fs.create(Path::new(name)).unwrap().append(name.as_bytes()).unwrap();
        }
        let moves =
            ["1/2/y", "3/z"].map(|name| (Path::new("/b").join(name), Path::new("/b/.old").join(name)));
        let synced = set_aside(&fs, moves.into_iter(), Path::new("/b"), dirs).unwrap();
        assert_eq!(synced, Synced::Yes);
        assert_eq!(fs.image().names(Path::new("/b")), [".old", "1"]);
        assert_eq!(fs.image().names(Path::new("/b/1")), ["x"]);
        assert_eq!(fs.image().content(Path::new("/b/.old/1/2/y")), Some(b"/b/1/2/y".as_slice()));
        assert_eq!(fs.image().content(Path::new("/b/.old/3/z")), Some(b"/b/3/z".as_slice()));
    }

    #[test]
    fn nothing_is_replaced_by_what_is_put_aside() {
        let fs = SimFs::on(Image::default());
        let dirs = Grant { mode: 0o755, gid: 0, uid: None };
        for name in ["/x", "/y"] {
            fs.create(Path::new(name)).unwrap().append(name.as_bytes()).unwrap();
        }
        let moves = [(PathBuf::from("/x"), PathBuf::from("/y"))];
        let error = set_aside(&fs, moves.into_iter(), Path::new("/"), dirs).unwrap_err();
        assert_eq!(error.path, Path::new("/y"));
        assert_eq!(fs.image().content(Path::new("/y")), Some(b"/y".as_slice()));
    }
}
