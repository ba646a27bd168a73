//! What Python's repozo makes of a repository when two backups fall into one second, or the clock went back.
//! Found from names, lists and the ledger alone: our program is not asked.

use super::ledger::{Ledger, data_names, is_full};
use crate::interop::deciding::Files;
use std::collections::{BTreeMap, BTreeSet};

/// A way in which a repository is not what its lists say. Python joins files by name, so it restores nonsense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mess {
    /// Two data files have one stamp, and perhaps one index.
    SharedStamp,
    /// A list is not in the order of the names, or its lines overlap, leave a hole, or
    /// name what is gone.
    OutOfOrder,
    /// By its name, an incremental follows the full of another chain than that of its list.
    Interleaved,
    /// No list names a data file.
    Unlisted,
    /// The files of a chain are of two databases: behind an increment of no bytes nothing is compared.
    Mixed,
}

pub(crate) fn messes_of(files: &Files, ledger: &Ledger) -> BTreeSet<Mess> {
    let mut messes = BTreeSet::new();
    let names: Vec<&String> = data_names(files).collect();
    let stamps: BTreeSet<&str> = names.iter().map(|name| &name[..19]).collect();
    if stamps.len() < names.len() {
        messes.insert(Mess::SharedStamp);
    }
    let mut listed: BTreeMap<&str, usize> = BTreeMap::new();
    for (dat, bytes) in files.0.iter().filter(|(name, _)| name.ends_with(".dat")) {
        let text = std::str::from_utf8(bytes).unwrap();
        let lines: Vec<Line<'_>> = text.lines().map(Line::of).collect();
        for line in &lines {
            *listed.entry(line.name).or_default() += 1;
            let full_by_name = names.iter().rev().find(|name| is_full(name) && name[..19] <= line.name[..19]);
            if full_by_name.is_none_or(|full| full[..19] != dat[..19]) {
                messes.insert(Mess::Interleaved);
            }
        }
        look_at_list(&lines, ledger, &mut messes);
    }
    if names.iter().any(|name| listed.get(name.as_str()) != Some(&1)) {
        messes.insert(Mess::Unlisted);
    }
    messes
}

struct Line<'a> {
    name: &'a str,
    start_pos: usize,
    end_pos: usize,
}

impl Line<'_> {
    fn of(text: &str) -> Line<'_> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let name = fields[0].rsplit('/').next().unwrap();
        Line { name, start_pos: fields[1].parse().unwrap(), end_pos: fields[2].parse().unwrap() }
    }
}

fn look_at_list(lines: &[Line<'_>], ledger: &Ledger, messes: &mut BTreeSet<Mess>) {
    // A full stands before an increment of its second.
    let key = |line: &Line<'_>| (line.name[..19].to_owned(), !is_full(line.name), line.name.len());
    if lines.windows(2).any(|pair| key(&pair[0]) >= key(&pair[1])) {
        messes.insert(Mess::OutOfOrder);
    }
    let mut joined = Vec::new();
    for line in lines {
        let made = ledger.made.get(line.name);
        let Some(made) = made.filter(|_| line.start_pos == joined.len()) else {
            messes.insert(Mess::OutOfOrder);
            return;
        };
        // Ours may have put an increment of no bytes where its name belongs: then it is of another length.
        if line.end_pos == line.start_pos && made.bytes.len() != line.end_pos {
            continue;
        }
        joined.extend_from_slice(&made.bytes[line.start_pos..line.end_pos]);
        if joined != made.bytes {
            messes.insert(Mess::Mixed);
        }
    }
}
