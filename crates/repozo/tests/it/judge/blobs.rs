//! Blobs, held against what they were. The bytes of each follow from its oid and its tid, so the bytes of a database
//! say what its blobs are.

use super::truth::read;
use super::{Known, Site, State, Violation, ensure};
use filestorage::{BlobLayout, Oid, Tid};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use testkit::BLOB_RECORD;
use vfs::{FileKind, Fs};

/// So many of the newest states are restored each time.
const NEWEST_COUNT: usize = 1;

/// The oid and the tid of a record that names a blob.
pub(crate) type Revision = (u64, u64);

/// What is known of the blobs of a backup that was acknowledged with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    All,
    /// The file of some was not there, which was told.
    ButHidden,
}

/// What is known of blobs before a repository is looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownBlobs {
    /// Of the backups that were acknowledged with their blobs, by their stamps.
    pub(crate) of: BTreeMap<String, Extent>,
    /// Those whose files were not there, at least for a time.
    pub(crate) hidden: BTreeSet<Revision>,
}

/// The bytes of a revision: of some nothing, of some several blocks.
pub(crate) fn content(revision: Revision) -> Vec<u8> {
    let number = revision.0.wrapping_mul(0x9e37_79b9).wrapping_add(revision.1 >> 16);
    let len = [40, 0, 700, 5000][usize::try_from(number % 4).unwrap()];
    let words = (0..).flat_map(|at: u64| number.wrapping_mul(at * 2 + 3).to_be_bytes());
    words.take(len).collect()
}

/// The revisions that the records of a database name, in their order.
pub(crate) fn revisions_in(database: &[u8]) -> Vec<Revision> {
    let number = |pos: usize, len: usize| {
        database[pos..pos + len].iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte))
    };
    let len_at = |pos, len| usize::try_from(number(pos, len)).unwrap();
    let (mut found, mut pos) = (Vec::new(), 4);
    while pos < database.len() {
        let end = pos + len_at(pos + 8, 8);
        let mut record_pos = pos + 23 + len_at(pos + 17, 2) + len_at(pos + 19, 2) + len_at(pos + 21, 2);
        while record_pos < end {
            let data_len = len_at(record_pos + 34, 8);
            if database[record_pos + 42..][..data_len] == *BLOB_RECORD {
                found.push((number(record_pos, 8), number(record_pos + 8, 8)));
            }
            record_pos += 42 + data_len;
        }
        pos = end + 8;
    }
    found
}

/// Where the file of a revision lies below a blob directory.
pub(crate) fn file_of(layout: BlobLayout, (oid, tid): Revision) -> PathBuf {
    Path::new(&layout.dir_of(Oid::new(oid))).join(BlobLayout::file_of(Tid::new(tid)))
}

/// All that lies below a directory, by its path there; of directories those that are empty.
pub(crate) fn below(fs: &dyn Fs, dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in fs.list(dir).unwrap_or_default() {
        let path = dir.join(&name);
        let is_dir = fs.meta(&path).is_ok_and(|meta| meta.kind == FileKind::Dir);
        let inside = if is_dir { below(fs, &path) } else { Vec::new() };
        if inside.is_empty() {
            found.push(PathBuf::from(name));
        } else {
            found.extend(inside.iter().map(|path| Path::new(&name).join(path)));
        }
    }
    found
}

/// A blob directory has all blobs of `database` but those that may be missing; and whatever has the name of a blob is one,
/// of `database` or of those that it `may_have`.
pub(crate) fn check_dir(
    fs: &dyn Fs,
    dir: &Path,
    database: &[u8],
    may_have: &[u8],
    may_miss: &BTreeSet<Revision>,
) -> Result<(), Violation> {
    let marker = read(fs, &dir.join(BlobLayout::MARKER)).unwrap_or_default();
    let layout = BlobLayout::of_marker(&String::from_utf8_lossy(&marker)).unwrap_or(BlobLayout::Bushy);
    let mut others: BTreeMap<PathBuf, Revision> =
        revisions_in(may_have).into_iter().map(|revision| (file_of(layout, revision), revision)).collect();
    for revision in revisions_in(database) {
        let file = file_of(layout, revision);
        let found = read(fs, &dir.join(&file));
        let is_missing = found.is_none() && may_miss.contains(&revision);
        ensure(is_missing || found == Some(content(revision)), 'g', || {
            format!("the blob {} is {}", file.display(), if found.is_some() { "wrong" } else { "not there" })
        })?;
        others.remove(&file);
    }
    let blobs = below(fs, dir).into_iter().filter(|file| file.extension().is_some_and(|end| end == "blob"));
    for file in
        blobs.filter(|file| !revisions_in(database).iter().any(|known| file_of(layout, *known) == **file))
    {
        let revision = others.get(&file);
        let is_right = revision.is_some_and(|known| read(fs, &dir.join(&file)) == Some(content(*known)));
        ensure(is_right, 'g', || format!("{} is no blob of the state", file.display()))?;
    }
    Ok(())
}

/// Drafts, and what else is neither the marker nor a blob, below a blob directory.
pub(crate) fn litter(fs: &dyn Fs, dir: &Path) -> Vec<PathBuf> {
    let is_known = |file: &PathBuf| {
        *file == Path::new(BlobLayout::MARKER) || file.extension().is_some_and(|end| end == "blob")
    };
    below(fs, dir).into_iter().filter(|file| !is_known(file)).collect()
}

/// Restores states with their blobs, each into a directory of its own below `scratch`: those that were acknowledged with
/// blobs have them; of all others no database comes without them. The newest ones and, by the number `pick`, one of the
/// others: all of them would cost much, and what is wrong with one is so on many disks.
pub(crate) fn some_restore(
    site: &Site<'_>,
    known: &Known,
    scratch: &Path,
    pick: u64,
) -> Result<(), Violation> {
    let nothing = BTreeSet::new();
    let mut states: Vec<&State> = known.states().collect();
    states.sort_unstable_by_key(|state| std::cmp::Reverse(&state.date));
    let picked = usize::try_from(pick).unwrap() % states.len().max(1);
    let states = states.iter().enumerate().filter(|(at, _)| *at < NEWEST_COUNT || *at == picked);
    for State { date, .. } in states.map(|(_, state)| *state) {
        let target = scratch.join(date).join("Data.fs");
        let ran = site.recover_with_blobs(date, &target);
        let extent =
            known.blobs.of.get(date).filter(|_| known.acknowledged.iter().any(|state| state.date == *date));
        let allowed: &[u8] = match extent {
            Some(Extent::All) => &[0],
            Some(Extent::ButHidden) => &[0, 3],
            None => &[0, 1, 3],
        };
        ensure(allowed.contains(&ran.status), 'g', || {
            format!("{date} does not restore with its blobs: status {}, {}", ran.status, ran.stderr)
        })?;
        let data = read(site.fs, &target);
        ensure(data.is_none() == (ran.status == 1), 'g', || format!("{date}: status {}", ran.status))?;
        if let Some(data) = data {
            let any: BTreeSet<Revision> = revisions_in(&data).into_iter().collect();
            let may_miss = match (ran.status, extent) {
                // One that could not be read was told when it was backed up, and is now.
                (3, None) => &any,
                (3, Some(_)) => &known.blobs.hidden,
                _ => &nothing,
            };
            check_dir(site.fs, &target.with_file_name("blobs"), &data, &[], may_miss)
                .map_err(|violation| violation.of(date))?;
        }
    }
    Ok(())
}

/// The stamp of the newest full.
pub(crate) fn newest_full(site: &Site<'_>) -> Option<String> {
    let names = site.fs.list(site.repository).unwrap();
    let fulls =
        names.iter().filter_map(|name| classic::BackupName::parse(name)).filter(|name| name.is_full());
    fulls.map(|name| name.stamp.to_string()).max()
}

/// The blobs of the backups of the newest chain were acknowledged, all that there is.
pub(crate) fn acknowledge(site: &Site<'_>, known: &mut Known) {
    let Some(newest) = newest_full(site) else { return };
    let dates = known.acknowledged.iter().map(|state| &state.date).filter(|date| **date >= newest);
    let dates: Vec<String> = dates.cloned().collect();
    known.blobs.of.extend(dates.into_iter().map(|date| (date, Extent::All)));
}

/// Puts the blobs of a database that are not there into a blob directory, as a server has them; what `put` writes lasts.
pub(crate) fn put_blobs(
    fs: &dyn Fs,
    dir: &Path,
    database: &[u8],
    layout: BlobLayout,
    put: &dyn Fn(&Path, &[u8]) -> std::io::Result<()>,
) {
    let marker = dir.join(BlobLayout::MARKER);
    make_dirs(fs, dir);
    if fs.meta(&marker).is_err() {
        put(&marker, layout.marker().as_bytes()).unwrap();
    }
    for revision in revisions_in(database) {
        let path = dir.join(file_of(layout, revision));
        if fs.meta(&path).is_err() {
            make_dirs(fs, path.parent().unwrap());
            put(&path, &content(revision)).unwrap();
        }
    }
}

fn make_dirs(fs: &dyn Fs, dir: &Path) {
    let missing: Vec<&Path> = dir.ancestors().take_while(|dir| fs.meta(dir).is_err()).collect();
    for dir in missing.into_iter().rev() {
        fs.make_dir(dir, vfs::Grant { mode: 0o700, gid: 0, uid: None }).unwrap();
        fs.sync_dir(dir.parent().unwrap()).unwrap();
    }
}
