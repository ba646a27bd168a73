use super::image::{Image, Ino};
use crate::Access;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::SystemTime;

/// One change of a simulated disk, or a wish that changes last.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    /// A new empty file gets a name, or one that moves here gets another one.
    Create { dir: Ino, name: OsString, ino: Ino },
    /// A new empty directory gets a name.
    MakeDir { dir: Ino, name: OsString, ino: Ino },
    /// Bytes are written, behind what is there or over it.
    Write { ino: Ino, pos: usize, bytes: Arc<[u8]>, modified: SystemTime },
    /// A file of `from_len` bytes becomes shorter.
    Cut { ino: Ino, from_len: usize, len: usize },
    /// Mode and owner.
    SetAccess { ino: Ino, access: Access },
    /// A file gets another name, which another file may have had.
    Rename { dir: Ino, from: OsString, to: OsString, ino: Ino },
    /// A name goes.
    Remove { dir: Ino, name: OsString },
    /// What was done to a file is to last.
    Sync { ino: Ino },
    /// What was done to the names in a directory is to last.
    SyncDir { dir: Ino },
    /// All that was done is to last.
    SyncAll,
    /// Somebody else writes a whole file, which lasts at once.
    Put { dir: Ino, name: OsString, ino: Ino, bytes: Arc<[u8]>, modified: SystemTime },
}

/// How much of an operation is on the disk after a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Survival {
    Lost,
    Whole,
    /// Of a write: the size, with zeros.
    Grown,
    /// Of a write: what is before this position of the file. Of a cut: it came as far as this.
    CutAt(usize),
    /// Of a write: what is before this position of the file, zeros behind it.
    ZerosFrom(usize),
    /// Of a write: zeros before this position of the file, and what is behind it.
    ZerosUpTo(usize),
    /// Of a rename: the file has both names.
    BothNames,
}

impl Operation {
    /// Which file's data or which directory's names it changes.
    fn subject(&self) -> Subject {
        match self {
            Operation::Create { dir, .. }
            | Operation::MakeDir { dir, .. }
            | Operation::Rename { dir, .. }
            | Operation::Remove { dir, .. }
            | Operation::SyncDir { dir }
            | Operation::Put { dir, .. } => Subject::Names(*dir),
            Operation::Write { ino, .. }
            | Operation::Cut { ino, .. }
            | Operation::SetAccess { ino, .. }
            | Operation::Sync { ino } => Subject::Data(*ino),
            Operation::SyncAll => Subject::All,
        }
    }

    /// Whether this is a sync that makes `other` last.
    pub(super) fn makes_last(&self, other: &Operation) -> bool {
        match self {
            Operation::SyncAll => true,
            Operation::Sync { .. } | Operation::SyncDir { .. } => self.subject() == other.subject(),
            _ => false,
        }
    }

    /// The ways in which a cut may leave it, the whole and the nothing first; of a write a few typical tears.
    pub(super) fn survivals(&self) -> Vec<Survival> {
        let mut all = vec![Survival::Lost, Survival::Whole];
        match self {
            Operation::Write { pos, bytes, .. } => {
                all.push(Survival::Grown);
                let edges: Vec<usize> = edges(*pos, bytes.len(), 512).collect();
                let pages: Vec<usize> = edges.iter().copied().filter(|edge| edge % 4096 == 0).collect();
                all.extend(edges.first().map(|edge| Survival::CutAt(*edge)));
                all.extend(pages.last().or(edges.last()).map(|edge| Survival::ZerosFrom(*edge)));
                all.extend(edges.get(edges.len() / 2).map(|edge| Survival::ZerosUpTo(*edge)));
            }
            // Some file systems do it in several steps, from the end on.
            Operation::Cut { from_len, len, .. } => {
                let edges: Vec<usize> = edges(*len, from_len - len, 512).collect();
                all.extend(edges.get(edges.len() / 2).map(|edge| Survival::CutAt(*edge)));
            }
            Operation::Rename { .. } => all.push(Survival::BothNames),
            _ => {}
        }
        all
    }

    /// One of all the ways in which a cut may leave it.
    pub(super) fn any_survival(&self, random: &mut fastrand::Rng) -> Survival {
        let typical = self.survivals();
        let typical = typical[random.usize(..typical.len())];
        let Operation::Write { pos, bytes, .. } = self else { return typical };
        let block_len = if random.bool() { 512 } else { 4096 };
        let edges: Vec<usize> = edges(*pos, bytes.len(), block_len).collect();
        if edges.is_empty() {
            return typical;
        }
        let edge = edges[random.usize(..edges.len())];
        match random.u8(..6) {
            0 => Survival::CutAt(edge),
            1 => Survival::ZerosFrom(edge),
            2 => Survival::ZerosUpTo(edge),
            _ => typical,
        }
    }

    /// Does as much of it as survived.
    pub(super) fn apply(&self, image: &mut Image, survival: Survival) {
        if survival == Survival::Lost {
            return;
        }
        match self {
            Operation::Create { dir, name, ino } => image.set_name(*dir, name, *ino),
            Operation::MakeDir { dir, name, ino } => image.make_dir_at(*dir, name, *ino),
            Operation::Write { ino, pos, bytes, modified } => {
                let file = image.file_mut(*ino);
                file.modified = *modified;
                write(Arc::make_mut(&mut file.bytes), *pos, bytes, survival);
            }
            Operation::Cut { ino, len, .. } => {
                let kept_len = if let Survival::CutAt(edge) = survival { edge } else { *len };
                Arc::make_mut(&mut image.file_mut(*ino).bytes).truncate(kept_len);
            }
            Operation::SetAccess { ino, access } => image.file_mut(*ino).access = *access,
            Operation::Rename { dir, from, to, ino } => {
                if survival == Survival::Whole {
                    image.remove_name(*dir, from);
                }
                image.set_name(*dir, to, *ino);
            }
            Operation::Remove { dir, name } => image.remove_name(*dir, name),
            Operation::Put { dir, name, ino, bytes, modified } => {
                image.set_name(*dir, name, *ino);
                let file = image.file_mut(*ino);
                file.bytes = Arc::new(bytes.to_vec());
                file.modified = *modified;
            }
            Operation::Sync { .. } | Operation::SyncDir { .. } | Operation::SyncAll => {}
        }
    }
}

#[derive(PartialEq, Eq)]
enum Subject {
    Data(Ino),
    Names(Ino),
    All,
}

/// The edges of blocks inside of a write.
fn edges(pos: usize, len: usize, block_len: usize) -> impl Iterator<Item = usize> {
    let first = (pos / block_len + 1) * block_len;
    (first..pos + len).step_by(block_len)
}

/// Where an earlier write was lost, what is before this one is zeros.
fn write(file: &mut Vec<u8>, pos: usize, bytes: &[u8], survival: Survival) {
    let end = match survival {
        Survival::CutAt(edge) => edge,
        _ => pos + bytes.len(),
    };
    if file.len() < end {
        file.resize(end, 0);
    }
    let kept = match survival {
        Survival::Grown => pos..pos,
        Survival::CutAt(edge) | Survival::ZerosFrom(edge) => pos..edge,
        Survival::ZerosUpTo(edge) => edge..end,
        _ => pos..end,
    };
    file[kept.clone()].copy_from_slice(&bytes[kept.start - pos..kept.end - pos]);
}
