use crate::args::moment::Moment;
use clap::Args;
use filestorage::Tid;
use std::path::PathBuf;

/// A repository.
#[derive(Debug, Args)]
pub struct RepositoryArgs {
    /// The directory of the backups; without it, what REPOZO_REPOSITORY says.
    #[arg(short, long, value_name = "DIR")]
    pub repository: Option<PathBuf>,
}

/// `repozo restore`
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// Where the database goes; what is there is replaced when the new one is complete.
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    pub output: Option<PathBuf>,
    /// The state of this moment: with the last transaction at or before it, a date, "2 hours ago", or a tid.
    #[arg(long, value_name = "WHEN", conflicts_with = "tid")]
    pub at: Option<Moment>,
    /// The state behind this transaction, which has to be in the backups: 0x and hex digits.
    #[arg(long, value_name = "TID", value_parser = parse_tid)]
    pub tid: Option<Tid>,
    /// Also where a pack took objects of that state before it was backed up.
    #[arg(long)]
    pub even_packed: bool,
    /// Tell what would be restored, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

fn parse_tid(text: &str) -> Result<Tid, String> {
    let number = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.map(Tid::new).ok_or_else(|| "a tid is 0x and up to 16 hex digits".to_owned())
}
