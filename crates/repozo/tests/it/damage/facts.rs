//! What is wrong with a damaged repository, found out by comparing it with what it was, without the program.

use super::harm::is_ours;
use super::world::{REPOSITORY, World, extension, in_repository, is_data, stamp};
use crate::judge::truth::{self, ListLine};
use std::collections::BTreeSet;
use std::path::Path;
use vfs::Fs;
use vfs::sim::SimFs;

/// The truth about one damaged repository.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Names of what is not what it was, or should not be there: what verify has to find.
    pub(super) wrong: BTreeSet<String>,
    /// Those whose size or structure is another one: what verify has to find with -Q.
    pub(super) wrong_in_size: BTreeSet<String>,
    /// Those that a quick backup, which decompresses nothing, has to see: gzip's own word for its length counts.
    pub(super) wrong_at_a_glance: BTreeSet<String>,
    /// The newest state that the repository can be known to hold: it looks just as it did behind that one.
    pub(super) newest_at: usize,
}

impl Facts {
    pub(super) fn of(world: &World, fs: &SimFs) -> Facts {
        let mut facts = Facts { newest_at: world.states.len() - 1, ..Facts::default() };
        let now = fs.image().names(Path::new(REPOSITORY));
        let names: BTreeSet<&String> = world.files.iter().chain(&now).filter(|name| is_ours(name)).collect();
        for name in names {
            let was = world.files.contains(name).then(|| world.content(name));
            facts.compare(fs, name, was);
        }
        if let Some(at) = earlier_repository(world, fs, &now) {
            facts = Facts { newest_at: at, ..Facts::default() };
        }
        facts
    }

    fn compare(&mut self, fs: &SimFs, name: &str, was: Option<&[u8]>) {
        let path = in_repository(name);
        let (is_wrong, is_in_size) = match extension(name) {
            ".index" => {
                // One that is not there is made anew; one of nothing is not looked at.
                let is_gone = fs.meta(&path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
                if is_gone || was.is_none() {
                    return;
                }
                let now = truth::read(fs, &path).unwrap_or_default();
                let ends = |bytes: &[u8]| (truth::index_end(bytes), bytes.ends_with(b"N."));
                let was = was.unwrap_or_default();
                (truth::index_entries(&now) != truth::index_entries(was), ends(&now) != ends(was))
            }
            ".dat" => {
                let was = was.and_then(truth::list_lines);
                let now = truth::read(fs, &path).and_then(|bytes| truth::list_lines(&bytes));
                let without_sums = |lines: &Option<Vec<ListLine>>| {
                    let lines = lines.as_ref()?.iter();
                    Some(lines.map(|line| (line.name.clone(), line.start, line.end)).collect::<Vec<_>>())
                };
                (now.is_none() || now != was, now.is_none() || without_sums(&now) != without_sums(&was))
            }
            _ => {
                let was = was.and_then(|bytes| truth::plain(name, bytes));
                let read = truth::read(fs, &path);
                let now = read.as_ref().and_then(|bytes| truth::plain(name, bytes));
                let was_len = was.as_ref().map(Vec::len);
                // Nobody decompresses blocks for their length.
                let told_len =
                    read.filter(|_| name.ends_with('z')).as_deref().and_then(truth::promised_by_blocks);
                let now_len = told_len.or(now.as_ref().map(Vec::len));
                let is_in_size = was.is_none() || was_len != now_len;
                if is_in_size && !(name.ends_with('z') && is_promised(fs, name, was_len)) {
                    self.wrong_at_a_glance.insert(name.to_owned());
                }
                (was.is_none() || now != was, is_in_size)
            }
        };
        if is_wrong {
            self.wrong.insert(name.to_owned());
        }
        if is_in_size {
            self.wrong_in_size.insert(name.to_owned());
            if name.ends_with(".dat") {
                self.wrong_at_a_glance.insert(name.to_owned());
            }
        }
    }
}

/// Whether the last four bytes of a compressed file say that it holds so many.
fn is_promised(fs: &SimFs, name: &str, len: Option<usize>) -> bool {
    let bytes = truth::read(fs, &in_repository(name)).unwrap_or_default();
    let promised = bytes.last_chunk().map(|bytes| u32::from_le_bytes(*bytes) as usize);
    promised.is_some() && promised == len
}

/// The state behind which the repository looked as it looks now, if that was before the newest one: nobody can
/// tell then that there was more.
fn earlier_repository(world: &World, fs: &SimFs, now: &[String]) -> Option<usize> {
    let data = |names: &[String]| names.iter().filter(|name| is_data(name)).cloned().collect::<Vec<_>>();
    let now_data = data(now);
    let at = now_data.len().checked_sub(1)?;
    let then_data = data(&world.files).into_iter().take(at + 1).collect::<Vec<_>>();
    if at + 1 >= world.states.len() || now_data != then_data {
        return None;
    }
    let lists =
        |names: &[String]| names.iter().filter(|name| name.ends_with(".dat")).cloned().collect::<Vec<_>>();
    let then_lists: Vec<String> = lists(&world.files)
        .into_iter()
        .filter(|list| stamp(list) <= world.states[at].date.as_str())
        .collect();
    let is_same_list = |list: &String| {
        let then = truth::list_lines(world.content(list))?;
        let then: Vec<ListLine> = then.into_iter().filter(|line| then_data.contains(&line.name)).collect();
        let now = truth::list_lines(&truth::read(fs, &in_repository(list))?)?;
        Some(now == then)
    };
    let is_same_data = |name: &String| {
        let now = truth::read(fs, &in_repository(name)).and_then(|bytes| truth::plain(name, &bytes));
        now == truth::plain(name, world.content(name))
    };
    let is_same = lists(now) == then_lists
        && then_lists.iter().all(|list| is_same_list(list) == Some(true))
        && then_data.iter().all(is_same_data);
    is_same.then_some(at)
}
