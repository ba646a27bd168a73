use super::notes::Notes;
use crate::args::moment::Now;
use crate::ui::figures::count_of;
use crate::ui::time::seconds;
use classic::{BackupName, Inventory};
use std::collections::BTreeSet;

/// What is seen to be wrong with the lists, and the sizes and the ends of files.
pub(super) fn seen(found: &Inventory) -> Vec<String> {
    let mut problems = Vec::new();
    for chain in &found.chains {
        problems.extend(chain.fault.as_ref().map(|fault| format!("{}.dat: {fault}", chain.full.stamp)));
        problems.extend(chain.unusable.iter().map(|name| format!("{name} cannot be used")));
        problems.extend(chain.backups.iter().filter_map(|backup| backup.problem.clone()));
    }
    problems.extend(found.strays.iter().map(|name| format!("{name}: its full backup is missing")));
    // The chain of the latest name is what is built upon and restored; where the clock went back it is not the newest.
    let latest = found.chains.iter().max_by_key(|chain| chain.last_tid());
    if let (Some(newest), Some(latest)) = (found.newest(), latest)
        && newest.last_tid() < latest.last_tid()
    {
        let text =
            format!("{} has later transactions than {}, whose name is later", latest.full, newest.full);
        problems.push(text + ": the clock was set back, or the database was");
    }
    problems
}

/// What is wrong with the blobs of the newest chain, where any are backed up, or the database is said to have some.
pub(super) fn of_blobs(found: &Inventory, has_blobs: bool) -> Vec<String> {
    let has_blobs = has_blobs || found.backups().any(|backup| backup.blobs.is_some());
    let Some(newest) = found.chains.last().filter(|_| has_blobs) else { return Vec::new() };
    let mut problems = Vec::new();
    let without_count = newest.backups.iter().filter(|backup| backup.blobs.is_none()).count();
    // Somebody left --blobs out; the next backup with them makes up for it.
    if without_count > 0 {
        let backups = count_of(without_count as u64, "backup", "backups");
        problems.push(format!("{backups} of the newest chain made without blobs"));
    }
    let missing_count = newest.blobs().map_or(0, |blobs| blobs.missing_count);
    if missing_count > 0 {
        let blobs = count_of(missing_count, "blob", "blobs");
        problems.push(format!("{blobs} of the newest chain not there when backed up"));
    }
    problems
}

/// What verifications found wrong, and nothing found right since.
pub(super) fn remembered(found: &Inventory, notes: &Notes, now: &Now) -> Vec<String> {
    let wrong = found.backups().filter_map(|backup| Some((backup.part.name, notes.wrong(&backup.part)?)));
    wrong
        .map(|(name, time)| format!("{name} was found to be damaged on {}", seconds(time, &now.zone)))
        .collect()
}

/// Backups without a list of their blobs.
pub(super) fn without_blobs(found: &Inventory) -> impl Iterator<Item = BackupName> {
    found.backups().filter(|backup| backup.blobs.is_none()).map(|backup| backup.part.name)
}

/// The files that verifications found wrong.
pub(super) fn wrong_files(found: &Inventory, notes: &Notes) -> BTreeSet<BackupName> {
    found
        .backups()
        .map(|backup| backup.part)
        .filter(|part| notes.wrong(part).is_some())
        .map(|part| part.name)
        .collect()
}
