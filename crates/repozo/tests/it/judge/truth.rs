//! What is in a repository, read without the program.

use classic::Sum;
use filestorage::{Boundary, Index, committed_end};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use vfs::{Fs, ReadAt};

const STAMP_LEN: usize = "2023-11-14-22-13-20".len();
const DATA: [&str; 4] = [".fs", ".fsz", ".deltafs", ".deltafsz"];

/// Names of what is damaged, missing or in no list; `states` are all that the database ever was at a backup.
///
/// A chain that is being removed does not count: a later one is there for which it goes.
pub(crate) fn what_is_wrong(fs: &dyn Fs, repository: &Path, states: &[&[u8]]) -> Vec<String> {
    let names = names(fs, repository);
    let is_removed = |stamp: &str| {
        names.contains(&format!("{stamp}.dat.removed")) && !names.contains(&format!("{stamp}.dat"))
    };
    let mut wrong = BTreeSet::new();
    let mut listed = BTreeSet::new();
    for name in names.iter().filter(|name| name.len() == STAMP_LEN + 4 && name.ends_with(".dat")) {
        wrong.extend(wrong_in_chain(fs, repository, name, states, &mut listed));
    }
    let begins_chain = |name: &&String| is_full(name) || [".dat", ".dat.removed"].contains(&extension(name));
    let chains: BTreeSet<&str> = names.iter().filter(begins_chain).map(|name| stamp(name)).collect();
    for name in names.iter().filter(|name| DATA.contains(&extension(name)) && !listed.contains(*name)) {
        let chain = chains.range(..=stamp(name)).next_back();
        if chain.is_none_or(|chain| !is_removed(chain)) {
            // A chain without its list is told by the list that is missing, or empty.
            let list = format!("{}.dat", chain.copied().unwrap_or_default());
            let has_list = names.contains(&list) && !wrong.contains(&list);
            let has_full = chain.is_some();
            wrong.insert(if has_list || !has_full { name.clone() } else { list });
        }
    }
    wrong.into_iter().collect()
}

/// Names of files that no repository should have, but what was set aside where that may be.
pub(crate) fn litter(fs: &dyn Fs, repository: &Path, sets_aside: bool) -> Vec<String> {
    let names = names(fs, repository);
    let is_data = |stamp: &str| DATA.iter().any(|extension| names.contains(&format!("{stamp}{extension}")));
    // The index of a file that is listed and lost.
    let lists = names.iter().filter(|name| extension(name) == ".dat");
    let listed: Vec<u8> = lists.filter_map(|name| read(fs, &repository.join(name))).flatten().collect();
    let listed = String::from_utf8_lossy(&listed);
    let belongs = |name: &String| match extension(name) {
        ".fs" | ".fsz" | ".deltafs" | ".deltafsz" | ".dat" => true,
        ".index" => is_data(stamp(name)) || listed.contains(stamp(name)),
        other => sets_aside && other.ends_with(".unlisted"),
    };
    names.iter().filter(|name| !belongs(name)).cloned().collect()
}

fn wrong_in_chain(
    fs: &dyn Fs,
    repository: &Path,
    dat: &str,
    states: &[&[u8]],
    listed: &mut BTreeSet<String>,
) -> Vec<String> {
    let text = String::from_utf8(read(fs, &repository.join(dat)).unwrap_or_default()).unwrap_or_default();
    let (mut wrong, mut joined, mut end_pos) = (Vec::new(), Vec::new(), "0");
    for line in text.lines() {
        let [path, start, end, sum] = line.split(' ').collect::<Vec<_>>()[..] else {
            return vec![dat.to_owned()];
        };
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        listed.insert(name.clone());
        let bytes = read_data(fs, &repository.join(&name));
        let len =
            end.parse::<u64>().ok().zip(start.parse().ok()).and_then(|(end, start)| end.checked_sub(start));
        let fits = start == std::mem::replace(&mut end_pos, end)
            && bytes
                .as_ref()
                .is_some_and(|bytes| len == Some(bytes.len() as u64) && sum == Sum::of(bytes).to_string());
        joined.extend(bytes.unwrap_or_default());
        // Behind what is damaged the whole is not what it was; a file may still be what it should be.
        if !fits || wrong.is_empty() && !states.contains(&joined.as_slice()) {
            wrong.push(name);
        } else if let Some(index) = read(fs, &repository.join(format!("{}.index", stamp(&name))))
            && wrong.is_empty()
            && index != true_index(&joined)
        {
            wrong.push(format!("{}.index", stamp(&name)));
        }
    }
    if text.is_empty() {
        wrong.push(dat.to_owned());
    }
    wrong
}

/// The index that belongs to a whole database.
pub(crate) fn true_index(database: &[u8]) -> Vec<u8> {
    let database = database.to_vec();
    let mut index = Index::new();
    let end = Boundary::start(&database).and_then(|start| committed_end(&database, start, &mut index));
    index.save(end.unwrap().end_pos, Vec::new()).unwrap()
}

/// The bytes of a file, if it can be read.
pub(crate) fn read(fs: &dyn Fs, path: &Path) -> Option<Vec<u8>> {
    let file = fs.open(path).ok()?;
    let mut bytes = vec![0; usize::try_from(file.len().ok()?).ok()?];
    file.read_exact_at(0, &mut bytes).ok()?;
    Some(bytes)
}

fn read_data(fs: &dyn Fs, path: &Path) -> Option<Vec<u8>> {
    let bytes = read(fs, path)?;
    if !path.extension()?.to_str()?.ends_with('z') {
        return Some(bytes);
    }
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).ok()?;
    Some(plain)
}

fn names(fs: &dyn Fs, dir: &Path) -> BTreeSet<String> {
    fs.list(dir).unwrap().into_iter().map(|name| name.to_string_lossy().into_owned()).collect()
}

fn stamp(name: &str) -> &str {
    &name[..STAMP_LEN.min(name.len())]
}

fn extension(name: &str) -> &str {
    &name[STAMP_LEN.min(name.len())..]
}

fn is_full(name: &str) -> bool {
    [".fs", ".fsz"].contains(&extension(name))
}
