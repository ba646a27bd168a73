//! What was backed up in truth: kept beside the programs, which know nothing of it.

use crate::interop::cell::Program;
use crate::interop::deciding::Files;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// The committed bytes of the database at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) bytes: Vec<u8>,
    /// The index that ZODB makes of them.
    pub(crate) index: Vec<u8>,
}

impl Snapshot {
    /// Where transactions begin, and their tids.
    fn transactions(&self) -> BTreeMap<usize, u64> {
        let number = |at: usize| u64::from_be_bytes(self.bytes[at..at + 8].try_into().unwrap());
        let (mut transactions, mut pos) = (BTreeMap::new(), 4);
        while pos < self.bytes.len() {
            transactions.insert(pos, number(pos));
            pos += usize::try_from(number(pos + 8)).unwrap() + 8;
        }
        transactions
    }

    pub(crate) fn tids(&self) -> BTreeSet<u64> {
        self.transactions().into_values().collect()
    }

    /// Whether a transaction begins at each of these positions, or the database does.
    pub(crate) fn has_boundaries(&self, positions: Vec<usize>) -> bool {
        let transactions = self.transactions();
        positions.into_iter().all(|pos| pos == 0 || transactions.contains_key(&pos))
    }
}

/// That a run said that a state is backed up.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) date: String,
    pub(crate) snapshot: Arc<Snapshot>,
    /// The data file that holds it.
    holder: String,
    /// The full of its chain.
    full: String,
    /// Who said so.
    pub(crate) by: Program,
    /// Python's repozo spoilt it, and ours refuses it.
    pub(crate) is_lost: bool,
}

impl fmt::Display for Acknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = if self.is_lost { ", lost" } else { "" };
        write!(f, "{} ({:?}, {} bytes{lost})", self.date, self.by, self.snapshot.bytes.len())
    }
}

/// All that was backed up and not deleted since.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// The database when each data file was made.
    pub(crate) made: BTreeMap<String, Arc<Snapshot>>,
    pub(crate) acknowledged: Vec<Acknowledged>,
}

/// Whether this is the name of a data file.
pub(crate) fn is_data(name: &str) -> bool {
    [".fs", ".fsz", ".deltafs", ".deltafsz"].iter().any(|ending| name.len() > 19 && &name[19..] == *ending)
}

/// Whether this is the name of a full.
pub(crate) fn is_full(name: &str) -> bool {
    name[19..].starts_with(".fs")
}

pub(crate) fn data_names(files: &Files) -> impl Iterator<Item = &String> {
    files.0.keys().filter(|name| is_data(name))
}

/// The newest data file: within one second a full stands before an increment.
pub(crate) fn newest_data(files: &Files) -> Option<&String> {
    data_names(files).max_by_key(|name| (&name[..19], !is_full(name), name.len()))
}

/// The stamp of the newest data file.
pub(crate) fn newest_stamp(files: &Files) -> Option<&str> {
    newest_data(files).map(|name| &name[..19])
}

/// The newest stamp in the repository; a run of Python that failed may have left an index alone.
pub(crate) fn newest_name(files: &Files) -> Option<&str> {
    files.0.keys().filter(|name| name.as_str() != TEMPORARY).map(|name| &name[..19]).max()
}

/// What Python writes before it is renamed, and leaves behind where it fails.
pub(crate) const TEMPORARY: &str = "tmp.tmp";

impl Ledger {
    /// Notes what a backup run did.
    pub(crate) fn note(
        &mut self,
        before: &Files,
        after: &Files,
        snapshot: &Arc<Snapshot>,
        said_so: bool,
        now: &str,
        by: Program,
    ) {
        let new = data_names(after).find(|name| !before.0.contains_key(*name)).cloned();
        self.made.retain(|name, _| after.0.contains_key(name));
        // Where `-k` of Python met two files of one second, it may leave half a chain.
        let is_there = |acknowledged: &Acknowledged| {
            let is_whole = by == Program::Ours || after.0.contains_key(&acknowledged.holder);
            is_whole && after.0.contains_key(&acknowledged.full)
        };
        self.acknowledged.retain(is_there);
        if let Some(name) = &new {
            self.made.insert(name.clone(), snapshot.clone());
        }
        let date = match &new {
            Some(name) => name[..19].to_owned(),
            // Nothing was new. While the clock is behind, its time names another state.
            None if newest_stamp(after).is_some_and(|newest| newest <= now) => now.to_owned(),
            None => return,
        };
        if new.is_some() {
            self.forget_times_of_nothing_from(&date);
        }
        let holder = new.or_else(|| newest_data(after).cloned());
        if let Some(holder) = holder.filter(|_| said_so)
            && let Some(full) = full_of(after, &holder)
        {
            let snapshot = snapshot.clone();
            self.acknowledged.push(Acknowledged { date, snapshot, holder, full, by, is_lost: false });
        }
    }

    /// No file tells when there was nothing to do. Behind a clock that went back a new backup may get an earlier
    /// stamp than such a moment, and is what is restored for it then: what was acknowledged is found by its stamp.
    fn forget_times_of_nothing_from(&mut self, date: &str) {
        for acknowledged in &mut self.acknowledged {
            if acknowledged.date.as_str() >= date {
                acknowledged.date = acknowledged.holder[..19].to_owned();
            }
        }
    }

    /// The state that must be restored for a limit.
    pub(crate) fn truth(&self, limit: Option<&str>) -> Option<&Acknowledged> {
        let included = |date: &str| limit.is_none_or(|limit| date <= limit);
        self.acknowledged
            .iter()
            .filter(|acknowledged| included(&acknowledged.date))
            .max_by(|one, other| one.date.cmp(&other.date))
    }
}

/// The full of the chain of a data file: of the newest list that names it.
fn full_of(files: &Files, name: &str) -> Option<String> {
    if is_full(name) {
        return Some(name.to_owned());
    }
    let lists = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().any(|line| line.contains(name));
    let (_, bytes) = files.0.iter().rfind(|(dat, bytes)| dat.ends_with(".dat") && lists(bytes))?;
    let first = std::str::from_utf8(bytes).unwrap().split_whitespace().next()?;
    Some(first.rsplit('/').next()?.to_owned())
}
