//! The verbs: `repozo check Data.fs`.

use super::moment::Moment;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use filestorage::{Oid, Tid};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Look inside databases and backups. Backing up and recovering: repozo --help.
#[derive(Debug, Parser)]
#[command(name = "repozo", disable_version_flag = true)]
pub struct Modern {
    /// What is to be done.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Check every rule of the format, and whether the data of each object can be read.
    ///
    /// Goes on behind damage. Exit status: 0 sound, 3 problems found, 1 it cannot be checked.
    #[command(after_help = "Example: repozo check -r /srv/backups --at 2026-11-24")]
    Check(CheckArgs),
    /// Find references to objects that are not there.
    ///
    /// Exit status: 0 none, 3 some, or objects that cannot be read, or blobs without their file, 1 it cannot be looked at.
    #[command(after_help = "Example: repozo refs /srv/zope/Data.fs --blobs /srv/zope/blobstorage")]
    Refs(RefsArgs),
    /// Show how one comes to an object from the root.
    ///
    /// Exit status: 0 there is a way, 3 there is none, or no such object.
    #[command(after_help = "Example: repozo why 0x1f /srv/zope/Data.fs")]
    Why(ObjectArgs),
    /// List the objects that refer to an object.
    #[command(after_help = "Example: repozo referrers 0x1f /srv/zope/Data.fs")]
    Referrers(ObjectArgs),
    /// List the revisions of an object, and the records of others that refer to it.
    ///
    /// Exit status: 0 there are some, 3 there is no such object, or something is lost.
    #[command(after_help = "Example: repozo history 0x1f /srv/zope/Data.fs")]
    History(ObjectArgs),
    /// Show the data of an object: the opcodes of its pickles, and what it refers to.
    ///
    /// Exit status: 0 shown, 3 it is not there, cannot be read, or something is lost.
    #[command(after_help = "Example: repozo cat 0x1f /srv/zope/Data.fs --at 2026-11-24-18-30")]
    Cat(CatArgs),
    /// List the transactions.
    #[command(after_help = "Example: repozo log /srv/zope/Data.fs --since 2026-11-24 --user admin")]
    Log(LogArgs),
    /// List the last transactions, newest first.
    #[command(after_help = "Example: repozo tail -n 20 /srv/zope/Data.fs")]
    Tail(TailArgs),
    /// List every transaction and every data record.
    #[command(after_help = "Example: repozo dump --format=fsdump /srv/zope/Data.fs")]
    Dump(DumpArgs),
    /// Tell what a database is made of: by class, by size, by day, and what a pack would free.
    #[command(after_help = "Example: repozo stats /srv/zope/Data.fs --html /tmp/stats.html")]
    Stats(StatsArgs),
    /// Make a new database of what can be read of a damaged one.
    ///
    /// Every sound transaction is copied; what is skipped is told. The old file is only read. Exit status: 0 all was
    /// copied, 3 something was skipped.
    #[command(after_help = "Example: repozo salvage Damaged.fs Data.fs")]
    Salvage(SalvageArgs),
    /// Verify Data.fs.index, or make it anew.
    ///
    /// Exit status of --check: 0 it is right, 3 it is not, or not there. A server that starts without a right index
    /// scans the whole database first.
    #[command(after_help = "Example: repozo index --rebuild /srv/zope/Data.fs")]
    Index(IndexArgs),
}

/// What is looked into.
#[derive(Debug, Args)]
pub struct Source {
    /// The database, live or not.
    #[arg(value_name = "DATAFS", required_unless_present = "repository", conflicts_with = "repository")]
    pub file: Option<PathBuf>,
    /// Look into the backups in DIR instead, without recovering them.
    #[arg(short, long, value_name = "DIR")]
    pub repository: Option<PathBuf>,
    /// With -r: the state of this moment, YYYY-MM-DD-hh-mm-ss in UTC or the beginning of it.
    #[arg(long, value_name = "WHEN", requires = "repository", conflicts_with = "file")]
    pub at: Option<String>,
}

impl Source {
    /// The database at `path`.
    pub fn of_file(path: &Path) -> Source {
        Source { file: Some(path.to_owned()), repository: None, at: None }
    }

    /// What it is, for titles.
    pub fn shown(&self) -> String {
        let path = self.file.as_ref().or(self.repository.as_ref());
        let at = self.at.as_ref().map_or_else(String::new, |at| format!(" at {at}"));
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
    #[arg(value_name = "DATAFS", required_unless_present = "repository", conflicts_with = "repository")]
    file: Option<PathBuf>,
    /// Look into the backups in DIR instead, without recovering them.
    #[arg(short, long, value_name = "DIR")]
    repository: Option<PathBuf>,
    /// As the object was at this moment, a date or a tid; with -r as it was in the state of this moment, a date.
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    at: Option<(String, Moment)>,
    /// The bytes of the data as they are stored, and nothing else.
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

impl CatArgs {
    /// What is looked into.
    pub fn source(&self) -> Source {
        let at = self.at.as_ref().map(|(text, _)| text.clone()).filter(|_| self.repository.is_some());
        Source { file: self.file.clone(), repository: self.repository.clone(), at }
    }

    /// The moment, where a database is looked into; of backups, the state is that of the moment.
    pub fn until(&self) -> Option<Tid> {
        self.at.as_ref().map(|(_, moment)| moment.0).filter(|_| self.repository.is_none())
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

/// Whether these arguments begin with a verb. Nothing that Python's repozo accepts does.
pub fn has_verb(args: &[OsString]) -> bool {
    let is_verb = |word: &OsStr| word == "help" || Modern::command().find_subcommand(word).is_some();
    args.first().is_some_and(|word| is_verb(word))
}

/// Parses the arguments behind the program's name.
///
/// # Errors
/// What cannot be meant, and requests for help.
pub fn parse(args: &[OsString]) -> Result<Modern, clap::Error> {
    Modern::try_parse_from(std::iter::once(OsString::from("repozo")).chain(args.iter().cloned()))
}

fn parse_oid(text: &str) -> Result<Oid, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map(Oid::new).map_err(|_| "an oid is 0x and up to 16 hex digits, or a number".to_owned())
}

fn parse_when(text: &str) -> Result<(String, Moment), String> {
    text.parse().map(|moment| (text.to_owned(), moment))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_definition_of_the_verbs_holds_together() {
        Modern::command().debug_assert();
    }

    /// They are what people copy.
    #[test]
    fn the_example_of_each_verb_can_be_given() {
        for verb in Modern::command().get_subcommands() {
            let example = verb.get_after_help().unwrap().to_string();
            let line = example.strip_prefix("Example: repozo ").unwrap();
            assert!(line.starts_with(verb.get_name()), "{example}");
            parse(&words(line)).unwrap();
        }
    }

    #[test]
    fn only_verbs_are_taken_from_the_old_face() {
        for line in [
            "check x",
            "refs",
            "why",
            "referrers",
            "log",
            "tail",
            "dump",
            "stats",
            "salvage",
            "index",
            "help",
        ] {
            assert!(has_verb(&words(line)), "{line}");
        }
        for line in ["-B", "--help", "-V -r check", "backups", "Check"] {
            assert!(!has_verb(&words(line)), "{line}");
        }
        assert!(!has_verb(&[]));
    }

    #[test]
    fn a_source_is_a_file_or_a_repository() {
        for (line, is_right) in [
            ("check Data.fs", true),
            ("check -r DIR", true),
            ("check -r DIR --at 2026-01-01", true),
            ("check", false),
            ("check Data.fs -r DIR", false),
            ("check Data.fs --at 2026-01-01", false),
            ("refs Data.fs --json --format=fsrefs", false),
            ("why 0x1f Data.fs", true),
            ("why 31 -r DIR", true),
            ("why Data.fs", false),
            ("why 31", false),
            ("cat 31 Data.fs --at 2026-01-01", true),
            ("cat 31 -r DIR --at 2026-01-01", true),
            ("cat 31 Data.fs -r DIR", false),
            ("cat 31", false),
            ("cat 31 Data.fs --raw --json", false),
            ("cat 31 Data.fs --at soon", false),
            ("index Data.fs", false),
            ("index Data.fs --check", true),
            ("index Data.fs --check --rebuild", false),
        ] {
            assert_eq!(parse(&words(line)).is_ok(), is_right, "{line}");
        }
    }

    #[test]
    fn an_oid_is_hex_or_decimal() {
        assert_eq!(parse_oid("0x1f"), Ok(Oid::new(31)));
        assert_eq!(parse_oid("31"), Ok(Oid::new(31)));
        for text in ["", "0x", "1f", "-1", "0x10000000000000000"] {
            assert!(parse_oid(text).is_err(), "{text}");
        }
    }
}
