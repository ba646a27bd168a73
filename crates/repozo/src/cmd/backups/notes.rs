//! What verbs remember of a repository, in a small file beside the backups. Whatever is wrong with it costs nothing but
//! what it says: it is told, and the file is written anew.

use crate::cmd::desk::Desk;
use crate::report;
use classic::{BackupName, Context, NOTES_NAME, Part, ReportFile, Sum};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use vfs::ReadAt;

/// How such a file begins, so that nothing else is written over.
const MARK: &[u8] = b"{\"repozo_notes\":";
const VERSION: u32 = 1;
/// A longer file was not written here: it would be of a million backups.
const LEN_LIMIT: u64 = 256 << 20;

/// What is remembered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Notes {
    /// The version of the format; first, as it is the mark.
    repozo_notes: u32,
    /// What became of the last verification of each file.
    #[serde(default)]
    files: BTreeMap<String, FileNote>,
    /// The last verification that read all.
    #[serde(default)]
    pub(super) verify: Option<RunNote>,
    /// The last drill.
    #[serde(default)]
    pub(super) drill: Option<RunNote>,
    /// When a backup ended last that left nothing to be backed up.
    #[serde(default)]
    pub(super) backup: Option<Timestamp>,
}

/// The last verification of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct FileNote {
    time: Timestamp,
    /// Of its bytes: a file of the same name that holds something else was not verified.
    sum: String,
    /// How many transactions it has, once that was counted.
    #[serde(default)]
    transactions: Option<u64>,
    /// Whether it was found to be something else than that, or could not be read.
    #[serde(default)]
    wrong: bool,
}

/// A run that looked at something, and what came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RunNote {
    pub(super) time: Timestamp,
    pub(super) problem_count: u64,
}

impl Notes {
    /// What is remembered of a repository; nothing where that cannot be read, which is told.
    pub(super) fn load(desk: &Desk<'_>, dir: &Path) -> Notes {
        read(&desk.ctx, &path(dir)).unwrap_or_else(|reason| {
            let path = path(dir).display().to_string();
            desk.warn(&format!("{path}: {reason}; what was verified before is not known"));
            Notes::default()
        })
    }

    /// When a file was verified last, if it is still the one that was.
    pub(super) fn verified(&self, part: &Part) -> Option<Timestamp> {
        self.of(part).filter(|note| !note.wrong).map(|note| note.time)
    }

    /// When a file was found to be wrong, if it was not found to be right since.
    pub(super) fn wrong(&self, part: &Part) -> Option<Timestamp> {
        self.of(part).filter(|note| note.wrong).map(|note| note.time)
    }

    /// How many transactions a file has, if they were counted.
    pub(super) fn transaction_count(&self, part: &Part) -> Option<u64> {
        self.of(part)?.transactions
    }

    fn of(&self, part: &Part) -> Option<&FileNote> {
        self.files.get(&part.name.to_string()).filter(|note| note.sum == part.sum.to_string())
    }

    /// A file was found to be right.
    pub(super) fn note_verified(
        &mut self,
        name: BackupName,
        sum: Sum,
        transactions: Option<u64>,
        time: Timestamp,
    ) {
        let (name, sum) = (name.to_string(), sum.to_string());
        let counted = self.files.get(&name).filter(|note| note.sum == sum).and_then(|note| note.transactions);
        let note = FileNote { time, sum, transactions: transactions.or(counted), wrong: false };
        self.files.insert(name, note);
    }

    /// A file was found to be wrong.
    pub(super) fn note_wrong(&mut self, part: &Part, time: Timestamp) {
        let note = FileNote { time, sum: part.sum.to_string(), transactions: None, wrong: true };
        self.files.insert(part.name.to_string(), note);
    }

    /// Forgets files that are not there any more.
    pub(super) fn keep(&mut self, names: impl Iterator<Item = BackupName>) {
        let names: std::collections::BTreeSet<String> = names.map(|name| name.to_string()).collect();
        self.files.retain(|name, _| names.contains(name));
    }

    /// Writes them; where that is not possible, as in a repository that can only be read, it is told.
    pub(super) fn save(mut self, desk: &Desk<'_>, dir: &Path) {
        self.repozo_notes = VERSION;
        let ctx = &desk.ctx;
        let written = ReportFile::find(ctx, &path(dir), MARK).and_then(|file| {
            let text = serde_json::to_vec(&self).map_err(|error| classic::Error::Output(error.into()))?;
            file.write_unlocked(ctx, &text)
        });
        if let Err(error) = written {
            desk.warn(&format!("what was verified cannot be remembered: {}", report::text(&error)));
        }
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(NOTES_NAME)
}

fn read(ctx: &Context<'_>, path: &Path) -> Result<Notes, String> {
    let file = match ctx.fs.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Notes::default()),
        Err(error) => return Err(error.to_string()),
    };
    let len = file.len().map_err(|error| error.to_string())?;
    if len > LEN_LIMIT {
        return Err(format!("{len} bytes, more than {LEN_LIMIT}"));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let read_len = file.read_full_at(0, &mut bytes).map_err(|error| error.to_string())?;
    let notes: Notes =
        serde_json::from_slice(&bytes[..read_len]).map_err(|error| format!("damaged ({error})"))?;
    match notes.repozo_notes {
        VERSION => Ok(notes),
        other => Err(format!("of version {other}, not {VERSION}")),
    }
}
