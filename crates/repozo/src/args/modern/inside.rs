use crate::args::moment::Moment;
use clap::{Args, ValueEnum};
use filestorage::Oid;
use std::path::{Path, PathBuf};

/// What is looked into.
#[derive(Debug, Args)]
pub struct Source {
    /// The database, live or not.
    #[arg(value_name = "DATAFS", conflicts_with = "repository")]
    pub file: Option<PathBuf>,
    /// Look into the backups in DIR instead, without recovering them; without DATAFS, in what REPOZO_REPOSITORY says.
    #[arg(short, long, value_name = "DIR")]
    pub repository: Option<PathBuf>,
    /// Of backups: the state of this moment, a date, "2 hours ago", or a tid; or that of the backup with this name.
    #[arg(long, value_name = "WHEN", conflicts_with = "file")]
    pub at: Option<Moment>,
}

impl Source {
    /// Whether a database is named, and where the repository is.
    pub(super) fn named(&mut self) -> (bool, &mut Option<PathBuf>) {
        (self.file.is_some(), &mut self.repository)
    }

    /// The database at `path`.
    pub fn of_file(path: &Path) -> Source {
        Source { file: Some(path.to_owned()), repository: None, at: None }
    }

    /// What it is, for titles.
    pub fn shown(&self) -> String {
        let path = self.file.as_ref().or(self.repository.as_ref());
        let at = self.at.as_ref().map_or_else(String::new, |at| format!(" at {}", at.text()));
        path.map_or_else(String::new, |path| path.display().to_string()) + &at
    }
}

/// `repozo check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// What is looked into.
    #[command(flatten)]
    pub source: Source,
    /// Look into the data of old revisions too.
    #[arg(long)]
    pub deep: bool,
    /// Look for the file of every blob, of all revisions, in this blob directory.
    #[arg(long, value_name = "DIR")]
    pub blobs: Option<PathBuf>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `repozo refs`
#[derive(Debug, Args)]
pub struct RefsArgs {
    /// What is looked into.
    #[command(flatten)]
    pub source: Source,
    /// Tell, by class, the objects that the root does not lead to; a pack removes them.
    #[arg(long, conflicts_with = "format")]
    pub garbage: bool,
    /// Find blobs whose file is not in this blob directory, and files that no record names.
    #[arg(long, value_name = "DIR", conflicts_with = "format")]
    pub blobs: Option<PathBuf>,
    /// One JSON object a line.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// The text of another tool.
    #[arg(long)]
    pub format: Option<RefsFormat>,
}

/// `repozo why`, `repozo referrers`, `repozo history`
#[derive(Debug, Args)]
pub struct ObjectArgs {
    /// The object: 0x and hex digits, or decimal.
    #[arg(value_name = "OID", value_parser = parse_oid)]
    pub oid: Oid,
    /// What is looked into.
    #[command(flatten)]
    pub source: Source,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `repozo cat`
#[derive(Debug, Args)]
pub struct CatArgs {
    /// The object: 0x and hex digits, or decimal.
    #[arg(value_name = "OID", value_parser = parse_oid)]
    pub oid: Oid,
    /// The database, live or not.
    #[arg(value_name = "DATAFS", conflicts_with = "repository")]
    file: Option<PathBuf>,
    /// Look into the backups in DIR instead, without recovering them; without DATAFS, in what REPOZO_REPOSITORY says.
    #[arg(short, long, value_name = "DIR")]
    repository: Option<PathBuf>,
    /// As the object was at this moment: a date, "2 hours ago", or a tid.
    #[arg(long, value_name = "WHEN")]
    at: Option<Moment>,
    /// The bytes of the data as they are stored, and nothing else.
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

impl CatArgs {
    /// Whether a database is named, and where the repository is.
    pub(super) fn named(&mut self) -> (bool, &mut Option<PathBuf>) {
        (self.file.is_some(), &mut self.repository)
    }

    /// What is looked into.
    pub fn source(&self) -> Source {
        let at = self.at.clone().filter(|_| self.repository.is_some());
        Source { file: self.file.clone(), repository: self.repository.clone(), at }
    }

    /// The moment, where a database is looked into; of backups, the state is that of the moment.
    pub fn until(&self) -> Option<&Moment> {
        self.at.as_ref().filter(|_| self.repository.is_none())
    }
}

/// A text of another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RefsFormat {
    /// That of ZODB's fsrefs.
    Fsrefs,
}

/// `repozo log`
#[derive(Debug, Args)]
pub struct LogArgs {
    /// What is looked into.
    #[command(flatten)]
    pub source: Source,
    /// Not the transactions before this moment: a date, or a tid.
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Moment>,
    /// Not the transactions behind this moment.
    #[arg(long, value_name = "WHEN")]
    pub until: Option<Moment>,
    /// Only transactions with a record of this object: 0x and hex digits, or decimal.
    #[arg(long, value_name = "OID", value_parser = parse_oid)]
    pub oid: Option<Oid>,
    /// Only transactions of a user whose name has TEXT in it.
    #[arg(long, value_name = "TEXT")]
    pub user: Option<String>,
    /// No more than COUNT: the first ones, or with --reverse the last ones.
    #[arg(long, value_name = "COUNT")]
    pub limit: Option<usize>,
    /// Newest first.
    #[arg(long)]
    pub reverse: bool,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `repozo tail`
#[derive(Debug, Args)]
pub struct TailArgs {
    /// What is looked into.
    #[command(flatten)]
    pub source: Source,
    /// How many.
    #[arg(short = 'n', long = "count", value_name = "COUNT", default_value_t = 10)]
    pub count: usize,
    /// One JSON object a line.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// The text of another tool.
    #[arg(long)]
    pub format: Option<TailFormat>,
}

/// A text of another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TailFormat {
    /// That of ZODB's fstail.
    Fstail,
}

/// `repozo dump`
#[derive(Debug, Args)]
pub struct DumpArgs {
    /// What is looked into.
    #[command(flatten)]
    pub source: Source,
    /// One JSON object a line.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// The text of another tool.
    #[arg(long)]
    pub format: Option<DumpFormat>,
}

/// A text of another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DumpFormat {
    /// That of ZODB's fsdump.
    Fsdump,
}

/// `repozo stats`
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// What is looked into.
    #[command(flatten)]
    pub source: Source,
    /// How many classes are told one by one, the largest ones.
    #[arg(long, value_name = "COUNT", default_value_t = 20, conflicts_with = "json")]
    pub limit: usize,
    /// Write a page with plots as well; it needs no network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `repozo salvage`
#[derive(Debug, Args)]
pub struct SalvageArgs {
    /// The damaged database.
    #[arg(value_name = "IN")]
    pub file: PathBuf,
    /// The new one, which must not be there.
    #[arg(value_name = "OUT")]
    pub target: PathBuf,
    /// Nothing behind this moment: a date, or a tid.
    #[arg(long, value_name = "WHEN")]
    pub until: Option<Moment>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `repozo index`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("action").required(true).multiple(false))]
pub struct IndexArgs {
    /// The database; the index is beside it.
    #[arg(value_name = "DATAFS")]
    pub file: PathBuf,
    /// Compare it with the database.
    #[arg(long, group = "action")]
    pub check: bool,
    /// Write it anew. Not while a server has the database open.
    #[arg(long, group = "action")]
    pub rebuild: bool,
}

pub(super) fn parse_oid(text: &str) -> Result<Oid, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map(Oid::new).map_err(|_| "an oid is 0x and up to 16 hex digits, or a number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oid_is_hex_or_decimal() {
        assert_eq!(parse_oid("0x1f"), Ok(Oid::new(31)));
        assert_eq!(parse_oid("31"), Ok(Oid::new(31)));
        for text in ["", "0x", "1f", "-1", "0x10000000000000000"] {
            assert!(parse_oid(text).is_err(), "{text}");
        }
    }
}
