//! What a backup run does, decided from facts alone: no file is touched here.
//!
//! The order of the questions is that of Python's repozo, so that both decide alike on one repository:
//!
//! | asked | answer | decision |
//! |---|---|---|
//! | is a full wanted, or is there no file? | yes | full |
//! | quick: is there a list? | no | full |
//! | can the chain be built upon? | no | full |
//! | is the source shorter than the backups? | yes | full |
//! | does it begin with what is backed up? | no | full |
//! | does it go on behind it? | no | nothing |
//! | | yes | incremental |

use crate::Fault;
use filestorage::Boundary;
use std::fmt;

/// What a run does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A backup of the whole database.
    Full(FullReason),
    /// A backup of what is behind this position.
    Incremental {
        /// Where the backups end.
        start_pos: u64,
    },
    /// All is backed up.
    Nothing,
}

/// Why a full backup is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FullReason {
    /// It was asked for.
    Requested,
    /// There is no backup.
    NoFiles,
    /// Quick: the list of the chain is missing or empty.
    NoDat,
    /// The source is shorter than the backups.
    Shrunk,
    /// The source does not begin with what is backed up.
    Changed,
    /// The chain has a fault.
    Unsound(Fault),
    /// A data file of the chain is damaged.
    Damaged,
    /// There are incrementals but no full.
    NoFull,
}

impl fmt::Display for Decision {
    /// Python's words where Python has them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decision::Full(FullReason::Requested | FullReason::NoFiles) => f.write_str("doing a full backup"),
            Decision::Full(FullReason::NoDat) => f.write_str("missing or empty .dat file (full backup)"),
            Decision::Full(FullReason::Shrunk) => {
                f.write_str("file shrunk, possibly because of a pack (full backup)")
            }
            Decision::Full(FullReason::Changed) => {
                f.write_str("file changed, possibly because of a pack (full backup)")
            }
            Decision::Full(FullReason::Unsound(_)) => f.write_str("chain is not sound (full backup)"),
            Decision::Full(FullReason::Damaged) => f.write_str("last backups are damaged (full backup)"),
            Decision::Full(FullReason::NoFull) => {
                f.write_str("incrementals without their full (full backup)")
            }
            Decision::Incremental { start_pos } => write!(f, "doing incremental, starting at: {start_pos}"),
            Decision::Nothing => f.write_str("No changes, nothing to do"),
        }
    }
}

/// The newest chain, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainFacts {
    /// No data file at all.
    NoFiles,
    /// Incrementals, but no full.
    NoFull,
    /// A chain without a list, or with an empty one.
    NoLines,
    /// A chain whose list does not fit together or not to the files.
    Faulty(Fault),
    /// A chain that fits together; it holds at least one byte.
    Sound,
}

/// How the source is compared with the backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// With the end of the parts that the list names, and places before it.
    Quick,
    /// With every byte of the parts that the list names.
    Listed,
    /// With every byte of all files of the chain, in the order of their names: the list is of no use.
    ByName,
}

/// The first decision: a full at once, or a comparison before anything is decided.
///
/// # Errors
/// The reason for a full, when no comparison is needed.
pub fn begin(full_requested: bool, quick: bool, chain: &ChainFacts) -> Result<Comparison, FullReason> {
    match chain {
        _ if full_requested => Err(FullReason::Requested),
        ChainFacts::NoFiles => Err(FullReason::NoFiles),
        ChainFacts::NoFull => Err(FullReason::NoFull),
        ChainFacts::NoLines if quick => Err(FullReason::NoDat),
        // A list that cannot be read cannot be written anew, one that names what is gone is the only trace of a
        // backup that was acknowledged, and one that was overtaken is right. Behind a file that no line names nothing
        // may stand: Python's repozo would join both.
        ChainFacts::Faulty(
            fault @ (Fault::Unreadable(_) | Fault::Missing(_) | Fault::Overtaken(_) | Fault::Unlisted(_)),
        ) => Err(FullReason::Unsound(fault.clone())),
        ChainFacts::Faulty(fault) if quick => Err(FullReason::Unsound(fault.clone())),
        ChainFacts::NoLines | ChainFacts::Faulty(_) => Ok(Comparison::ByName),
        ChainFacts::Sound if quick => Ok(Comparison::Quick),
        ChainFacts::Sound => Ok(Comparison::Listed),
    }
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// The source begins with what is backed up, and a transaction ends there.
    Equal(Boundary),
    /// The source is shorter.
    Shorter,
    /// The source is different.
    Different,
    /// The backups cannot be compared: they are damaged.
    Damaged,
    /// The source begins with what is backed up, but no transaction ends there.
    NotABoundary {
        /// Where the backups end.
        end_pos: u64,
    },
}

/// The second decision: the place from which an incremental can go on.
///
/// # Errors
/// The reason for a full, when there is none.
pub fn build_on(compared: &Compared) -> Result<Boundary, FullReason> {
    match *compared {
        Compared::Equal(boundary) => Ok(boundary),
        Compared::Shorter => Err(FullReason::Shrunk),
        Compared::Different => Err(FullReason::Changed),
        Compared::Damaged => Err(FullReason::Damaged),
        Compared::NotABoundary { end_pos } => Err(FullReason::Unsound(Fault::NotABoundary { end_pos })),
    }
}

/// The last decision, when `committed_end` is where the source's transactions end.
pub fn go_on(boundary: Boundary, committed_end: u64) -> Decision {
    if committed_end <= boundary.pos() {
        return Decision::Nothing;
    }
    Decision::Incremental { start_pos: boundary.pos() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BackupName;

    #[test]
    fn a_full_is_made_at_once_where_nothing_can_be_compared() {
        let faulty = ChainFacts::Faulty(Fault::BadLine { number: 2 });
        let unreadable = Fault::Unreadable("Is a directory".to_owned());
        let later = BackupName::parse("2023-11-14-22-13-20.fs".as_ref()).unwrap();
        let overtaken = Fault::Overtaken(later);
        let name = BackupName::parse("2023-11-14-22-13-20.deltafs".as_ref()).unwrap();
        let unlisted = Fault::Unlisted(name);
        for (requested, quick, chain, expected) in [
            (true, false, ChainFacts::Sound, Err(FullReason::Requested)),
            (true, true, ChainFacts::NoFiles, Err(FullReason::Requested)),
            (false, false, ChainFacts::NoFiles, Err(FullReason::NoFiles)),
            (false, true, ChainFacts::NoFiles, Err(FullReason::NoFiles)),
            (false, false, ChainFacts::NoFull, Err(FullReason::NoFull)),
            (false, true, ChainFacts::NoLines, Err(FullReason::NoDat)),
            (false, false, ChainFacts::NoLines, Ok(Comparison::ByName)),
            (false, true, faulty.clone(), Err(FullReason::Unsound(Fault::BadLine { number: 2 }))),
            (false, false, faulty, Ok(Comparison::ByName)),
            (false, false, ChainFacts::Faulty(unreadable.clone()), Err(FullReason::Unsound(unreadable))),
            (false, false, ChainFacts::Faulty(overtaken.clone()), Err(FullReason::Unsound(overtaken))),
            (false, false, ChainFacts::Faulty(unlisted.clone()), Err(FullReason::Unsound(unlisted))),
            (false, true, ChainFacts::Sound, Ok(Comparison::Quick)),
            (false, false, ChainFacts::Sound, Ok(Comparison::Listed)),
        ] {
            assert_eq!(begin(requested, quick, &chain), expected, "{requested} {quick} {chain:?}");
        }
    }

    #[test]
    fn only_what_is_equal_up_to_a_boundary_is_built_upon() {
        let boundary = Boundary::start(&b"FS30".to_vec()).unwrap();
        assert_eq!(build_on(&Compared::Equal(boundary)), Ok(boundary));
        assert_eq!(go_on(boundary, 12), Decision::Incremental { start_pos: 4 });
        assert_eq!(go_on(boundary, 4), Decision::Nothing);
        for (compared, reason) in [
            (Compared::Shorter, FullReason::Shrunk),
            (Compared::Different, FullReason::Changed),
            (Compared::Damaged, FullReason::Damaged),
            (Compared::NotABoundary { end_pos: 9 }, FullReason::Unsound(Fault::NotABoundary { end_pos: 9 })),
        ] {
            assert_eq!(build_on(&compared), Err(reason));
        }
    }
}
