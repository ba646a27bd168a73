//! The cells of the matrix: who writes, and how.

use crate::common::args;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

/// The two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Python,
    Ours,
}

impl Program {
    pub(crate) const ALL: [Program; 2] = [Program::Python, Program::Ours];
}

/// Who makes the backups.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Writer {
    Always(Program),
    InTurns { first: Program },
}

impl Writer {
    pub(crate) fn at(self, step: usize) -> Program {
        match (self, step % 2) {
            (Writer::Always(program), _) | (Writer::InTurns { first: program }, 0) => program,
            (Writer::InTurns { first: Program::Python }, _) => Program::Ours,
            (Writer::InTurns { first: Program::Ours }, _) => Program::Python,
        }
    }
}

/// How the database is compared with the backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Full,
    Quick,
    Thorough,
    /// Thorough, quick, quick, thorough, full, and again: no period in common with [`Writer`]'s.
    Varied,
}

/// Which backups are compressed. The period is no divisor of [`Writer`]'s.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    TwoPlainThenTwoGzip,
    TwoGzipThenTwoPlain,
}

/// How a replay makes its backups.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) writer: Writer,
    pub(crate) scope: Scope,
    pub(crate) packing: Packing,
    /// `-k`
    pub(crate) kill_old: bool,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cell { writer, scope, packing, kill_old } = self;
        write!(f, "writer {writer:?}, scope {scope:?}, packing {packing:?}, kill old {kill_old}")
    }
}

impl Cell {
    /// All cells of one writer.
    pub(crate) fn all(writer: Writer) -> impl Iterator<Item = Cell> {
        use Packing::{Gzip, Plain, TwoGzipThenTwoPlain, TwoPlainThenTwoGzip};
        let scopes = [Scope::Full, Scope::Quick, Scope::Thorough, Scope::Varied];
        let packings = [Plain, Gzip, TwoPlainThenTwoGzip, TwoGzipThenTwoPlain];
        scopes.into_iter().flat_map(move |scope| {
            packings.into_iter().flat_map(move |packing| {
                [false, true].map(|kill_old| Cell { writer, scope, packing, kill_old })
            })
        })
    }

    /// The scope of a step; never [`Scope::Varied`].
    pub(crate) fn scope_at(&self, step: usize) -> Scope {
        const VARIED: [Scope; 5] =
            [Scope::Thorough, Scope::Quick, Scope::Quick, Scope::Thorough, Scope::Full];
        if self.scope == Scope::Varied { VARIED[step % VARIED.len()] } else { self.scope }
    }

    pub(crate) fn gzip_at(&self, step: usize) -> bool {
        match self.packing {
            Packing::Plain => false,
            Packing::Gzip => true,
            Packing::TwoPlainThenTwoGzip => step % 4 >= 2,
            Packing::TwoGzipThenTwoPlain => step % 4 < 2,
        }
    }

    /// The arguments of a step's backup.
    pub(crate) fn backup_args(&self, step: usize, repository: &Path, source: &Path) -> Vec<OsString> {
        let mut flags = "-B".to_owned();
        flags.push_str(match self.scope_at(step) {
            Scope::Full => "F",
            Scope::Quick => "Q",
            Scope::Thorough | Scope::Varied => "",
        });
        if self.gzip_at(step) {
            flags.push('z');
        }
        if self.kill_old {
            flags.push('k');
        }
        args![flags, "-r", repository, "-f", source].to_vec()
    }
}
