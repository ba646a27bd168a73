use crate::{BackupName, Dat, DatLine, Stamp, Sum};
use std::collections::BTreeSet;
use std::fmt;

/// A full backup and the incrementals that build on it, as found in the directory.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The full backup.
    pub full: BackupName,
    /// All data files of the chain that are there, in the order of their names; the full, if it is there, first.
    pub files: Vec<BackupName>,
    /// Its list.
    pub dat: DatState,
}

/// What is known from the list of a chain.
#[derive(Debug, Clone)]
pub enum DatState {
    /// There is no file.
    Missing,
    /// It cannot be read; what the system said.
    Unreadable(String),
    /// Its lines.
    Read(Dat),
}

/// A data file whose place in the database is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: BackupName,
    /// First position that it holds.
    pub start_pos: u64,
    /// Position behind the last.
    pub end_pos: u64,
    /// MD5 of what it holds.
    pub sum: Sum,
}

impl Part {
    /// How many bytes of the database it holds.
    pub fn len(&self) -> u64 {
        self.end_pos - self.start_pos
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.start_pos == self.end_pos
    }
}

/// How the lines of a chain tile the database, from its first byte on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tiling {
    /// The parts that fit together, up to the first fault.
    pub parts: Vec<Part>,
    /// Why it stops there, if it does.
    pub fault: Option<Fault>,
    /// Data files of the chain that no line names.
    pub unlisted: Vec<BackupName>,
}

impl Tiling {
    /// Position behind the last byte that the parts hold.
    pub fn end_pos(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.end_pos)
    }
}

/// Why the lines of a chain do not tile the database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// There is no list, or nothing in it.
    NoLines,
    /// The list cannot be read.
    Unreadable(String),
    /// A line cannot be read.
    BadLine {
        /// Its number, from 1.
        number: usize,
    },
    /// A line names no data file, or one that is not of this chain or not in its place.
    WrongName {
        /// Its number, from 1.
        number: usize,
    },
    /// A file that a line names is not there.
    Missing(BackupName),
    /// Bytes that no file holds.
    Hole {
        /// The file behind the hole.
        name: BackupName,
        /// Where the part before it ends.
        expected_pos: u64,
        /// Where it starts.
        start_pos: u64,
    },
    /// Bytes that two files hold.
    Overlap {
        /// The second of them.
        name: BackupName,
        /// Where the part before it ends.
        expected_pos: u64,
        /// Where it starts.
        start_pos: u64,
    },
    /// A data file has another size than its line says.
    Size {
        /// The file.
        name: BackupName,
        /// What the line says, uncompressed.
        expected_len: u64,
    },
    /// The full of another chain stands between its files.
    Overtaken(BackupName),
    /// A data file that no line names and that could not be settled.
    Unlisted(BackupName),
    /// The parts end where no transaction of the database ends.
    NotABoundary {
        /// Where they end.
        end_pos: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoLines => write!(f, "missing or empty"),
            Fault::Unreadable(reason) => write!(f, "cannot be read ({reason})"),
            Fault::BadLine { number } => write!(f, "line {number} cannot be read"),
            Fault::WrongName { number } => write!(f, "line {number} names no data file that can stand there"),
            Fault::Missing(name) => write!(f, "{name} is missing"),
            Fault::Unlisted(name) => write!(f, "no line names {name}"),
            Fault::Hole { name, expected_pos, start_pos } => {
                write!(
                    f,
                    "{name} starts at {start_pos}, but the files before it end at {expected_pos}: a hole"
                )
            }
            Fault::Overlap { name, expected_pos, start_pos } => {
                write!(
                    f,
                    "{name} starts at {start_pos}, but the files before it end at {expected_pos}: an overlap"
                )
            }
            Fault::Size { name, expected_len } => write!(f, "{name} does not hold {expected_len} bytes"),
            Fault::Overtaken(name) => write!(f, "{name}, of another chain, stands between its files"),
            Fault::NotABoundary { end_pos } => {
                write!(f, "no transaction of the database ends at {end_pos}, where the backups end")
            }
        }
    }
}

impl Chain {
    /// The stamp of its full backup, which is also that of its list.
    pub fn stamp(&self) -> Stamp {
        self.full.stamp
    }

    /// Whether its full is there.
    pub fn has_full(&self) -> bool {
        self.files.contains(&self.full)
    }

    /// The lines of the list, as far as they can be read.
    pub fn lines(&self) -> &[DatLine] {
        match &self.dat {
            DatState::Read(dat) => &dat.lines,
            _ => &[],
        }
    }

    /// Whether nothing is known of what the chain should be: no list, or an empty one.
    pub fn has_no_lines(&self) -> bool {
        match &self.dat {
            DatState::Missing => true,
            DatState::Unreadable(_) => false,
            DatState::Read(dat) => dat.lines.is_empty() && dat.bad_line.is_none_or(|_| dat.torn),
        }
    }

    /// Whether the list begins with a full of its own stamp.
    pub(crate) fn has_own_list(&self) -> bool {
        let first = self.lines().first().and_then(DatLine::name);
        first.is_some_and(|name| name.is_full() && name.stamp == self.stamp())
    }

    /// Whether the last line of the list was cut short.
    pub fn is_torn(&self) -> bool {
        matches!(&self.dat, DatState::Read(dat) if dat.torn)
    }

    /// Lays the lines end to end. Pure: presence is that of the listing, sizes are not looked at.
    pub fn tile(&self) -> Tiling {
        let mut tiling = Tiling::default();
        let present: BTreeSet<BackupName> = self.files.iter().copied().collect();
        tiling.fault = self.lay(&present, &mut tiling.parts).err();
        let listed: BTreeSet<BackupName> = self.lines().iter().filter_map(DatLine::name).collect();
        tiling.unlisted = self.files.iter().copied().filter(|name| !listed.contains(name)).collect();
        tiling
    }

    fn lay(&self, present: &BTreeSet<BackupName>, parts: &mut Vec<Part>) -> Result<(), Fault> {
        if self.has_no_lines() {
            return Err(Fault::NoLines);
        }
        let dat = match &self.dat {
            DatState::Read(dat) => dat,
            DatState::Unreadable(reason) => return Err(Fault::Unreadable(reason.clone())),
            DatState::Missing => return Err(Fault::NoLines),
        };
        for (at, line) in dat.lines.iter().enumerate() {
            // Two runs of Python's repozo at once can append one line twice.
            if at > 0 && dat.lines[at - 1] == *line {
                continue;
            }
            parts.push(self.lay_line(at + 1, line, parts.last(), present)?);
        }
        // A last line that was cut short is an append that was never acknowledged.
        match dat.bad_line {
            Some(number) if !dat.torn => Err(Fault::BadLine { number }),
            _ => Ok(()),
        }
    }

    fn lay_line(
        &self,
        number: usize,
        line: &DatLine,
        before: Option<&Part>,
        present: &BTreeSet<BackupName>,
    ) -> Result<Part, Fault> {
        let expected_pos = before.map_or(0, |part| part.end_pos);
        let name = line.name().ok_or(Fault::WrongName { number })?;
        let in_place = match before {
            None => name == self.full || line.start_pos != 0,
            Some(before) => before.name < name && !name.is_full(),
        };
        if !in_place {
            return Err(Fault::WrongName { number });
        }
        let start_pos = line.start_pos;
        if start_pos > expected_pos {
            return Err(Fault::Hole { name, expected_pos, start_pos });
        }
        if start_pos < expected_pos {
            return Err(Fault::Overlap { name, expected_pos, start_pos });
        }
        if !present.contains(&name) {
            return Err(Fault::Missing(name));
        }
        Ok(Part { name, start_pos, end_pos: line.end_pos, sum: line.sum })
    }
}

#[cfg(test)]
mod tests;
