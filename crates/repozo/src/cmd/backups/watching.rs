use crate::report::problem_text;
use classic::{BackupName, Event, Inventory, Observer, Sum};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// An observer that keeps what a verification finds, and hands on all else.
pub(super) struct Watching<'a> {
    observer: &'a dyn Observer,
    seen: Mutex<Seen>,
}

/// What a verification found.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// In the order in which they were met.
    pub(super) problems: Vec<String>,
    /// Names of files of which the reading began.
    pub(super) begun: BTreeSet<String>,
    /// Files that are right: their sums, and how many transactions they have, if that was counted.
    pub(super) verified: BTreeMap<BackupName, (Sum, Option<u64>)>,
}

impl<'a> Watching<'a> {
    pub(super) fn over(observer: &'a dyn Observer) -> Watching<'a> {
        Watching { observer, seen: Mutex::default() }
    }

    /// A problem that was told as an error.
    pub(super) fn note_problem(&self, text: String) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).problems.push(text);
    }

    pub(super) fn into_seen(self) -> Seen {
        self.seen.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watching<'_> {
    fn event(&self, event: &Event<'_>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Problem(problem) => seen.problems.push(problem_text(problem)),
            Event::Verified { name, sum, transaction_count } => {
                seen.verified.insert(*name, (*sum, *transaction_count));
            }
            // A file that is right, and of no use without its blobs.
            Event::BlobsWrong(name) => drop(seen.verified.remove(name)),
            Event::Verifying(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                seen.begun.insert(name);
                self.observer.event(event);
            }
            event => self.observer.event(event),
        }
    }
}

impl Seen {
    /// Adds problems that are seen in another way, unless they were told of the same file.
    pub(super) fn add(&mut self, problems: Vec<String>) {
        let is_told = |problem: &String| {
            let name = problem.split([' ', ':']).next().unwrap_or_default();
            self.problems.iter().any(|told| told.contains(name))
        };
        let new: Vec<String> = problems.into_iter().filter(|problem| !is_told(problem)).collect();
        self.problems.extend(new);
    }

    pub(super) fn problem_count(&self) -> u64 {
        self.problems.len() as u64
    }

    /// How many bytes of the database the files that are right have.
    pub(super) fn len(&self, found: &Inventory) -> u64 {
        let right = found.backups().filter(|backup| self.verified.contains_key(&backup.part.name));
        right.fold(0, |len, backup| backup.part.len().saturating_add(len))
    }
}
