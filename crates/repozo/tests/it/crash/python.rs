//! Python's repozo, step by step as it writes: index, `tmp.tmp`, data file, a line of the list. Only `tmp.tmp` and
//! the list are synced, the directory never; nothing is removed when it dies.

use super::story::{Act, REPOSITORY, World};
use crate::judge::truth::true_index;
use crate::judge::{Known, State};
use classic::Sum;
use std::io::Write;
use std::path::{Path, PathBuf};
use vfs::Fs;
use vfs::sim::SimFs;

fn path(name: &str) -> PathBuf {
    Path::new(REPOSITORY).join(name)
}

/// A full, and what `-k` does behind it.
pub(super) fn full(world: &mut World, gzip: bool, kill_old: bool) -> Act {
    let (before, new) = (world.states.clone(), world.state());
    let name = format!("{}.{}", new.date, if gzip { "fsz" } else { "fs" });
    let list = path(&format!("{}.dat", new.date));
    write(&world.fs, &name, &new, 0, gzip, &list, true);
    if kill_old {
        delete_older(&world.fs, &name);
    }
    world.states.push(new);
    act(world, before, kill_old)
}

/// An incremental behind the newest chain.
pub(super) fn incremental(world: &mut World, gzip: bool) -> Act {
    let (before, new) = (world.states.clone(), world.state());
    let name = format!("{}.{}", new.date, if gzip { "deltafsz" } else { "deltafs" });
    let lists = world.fs.image().names(Path::new(REPOSITORY));
    let list = lists.iter().rfind(|name| name.ends_with(".dat")).unwrap();
    let start = before.last().unwrap().bytes.len();
    write(&world.fs, &name, &new, start, gzip, &path(list), false);
    world.states.push(new);
    act(world, before, false)
}

/// A full and an incremental of Python's that last, and more in the database.
pub(super) fn chain_and_growth(world: &mut World) {
    full(world, false, false);
    for _ in 0..world.random.u8(0..3) {
        world.pass(60);
        world.grow();
        incremental(world, false);
    }
    world.pass(60);
    world.grow();
    // Python's own syncs do not make names last; here time did.
    world.fs.sync_dir(Path::new(REPOSITORY)).unwrap();
}

/// Nobody is told that a run of Python's lasts: it does not see to that.
fn act(world: &World, before: Vec<State>, kill_old: bool) -> Act {
    let in_flight = world.states.last().cloned();
    let (acknowledged, deletable) = if kill_old { (Vec::new(), before) } else { (before, Vec::new()) };
    let during = Known { acknowledged, deletable, in_flight, by_python: true, ..Known::default() };
    Act { during: during.clone(), after: during, target: None }
}

fn write(fs: &SimFs, name: &str, state: &State, start: usize, gzip: bool, list: &Path, truncate: bool) {
    put(fs, &path(&format!("{}.index", state.date)), &true_index(&state.bytes), true, false);
    let bytes = &state.bytes[start..];
    let mut written = bytes.to_vec();
    if gzip {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        written = encoder.finish().unwrap();
    }
    put(fs, &path("tmp.tmp"), &written, true, true);
    fs.rename_over(&path("tmp.tmp"), &path(name)).unwrap();
    let end = state.bytes.len();
    let line = format!("{REPOSITORY}/{name} {start} {end} {}\n", Sum::of(bytes));
    put(fs, list, line.as_bytes(), truncate, true);
}

fn put(fs: &SimFs, path: &Path, bytes: &[u8], truncate: bool, sync: bool) {
    let mut file = fs.write_in_place(path, truncate).unwrap();
    for piece in bytes.chunks(8192) {
        file.append(piece).unwrap();
    }
    if sync {
        file.sync().unwrap();
    }
}

/// Oldest first, and of each the list first.
fn delete_older(fs: &SimFs, newest: &str) {
    let names = fs.image().names(Path::new(REPOSITORY));
    let is_data = |name: &&String| classic::BackupName::parse(name.as_str().as_ref()).is_some();
    for name in names.iter().filter(is_data).filter(|name| *name != newest) {
        let stamp = name.split('.').next().unwrap();
        for companion in ["dat", "index"] {
            let _ = fs.remove(&path(&format!("{stamp}.{companion}")));
        }
        fs.remove(&path(name)).unwrap();
    }
}
