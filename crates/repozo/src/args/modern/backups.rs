use crate::args::duration::parse_duration;
use crate::args::moment::Moment;
use clap::Args;
use filestorage::Tid;
use std::path::PathBuf;
use std::time::Duration;

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

/// `repozo list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `repozo verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// Only what the state of this moment needs, a date, "2 hours ago", or a tid; or the backup with this name.
    #[arg(long, value_name = "WHEN", conflicts_with_all = ["quick", "sample", "max_duration"])]
    pub at: Option<Moment>,
    /// Compare sizes only; nothing is read.
    #[arg(long, conflicts_with_all = ["sample", "max_duration"])]
    pub quick: bool,
    /// So much of the bytes of all backups, those first that were not verified for the longest time.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub sample: Option<f64>,
    /// Begin no further file after so long, as 30m or 2h; the next time it goes on with the others.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_duration: Option<Duration>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// A part of one, from a percentage.
fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<f64>().ok();
    let number = number.filter(|number| *number > 0.0 && *number <= 100.0);
    number.map(|number| number / 100.0).ok_or_else(|| "a part is a percentage up to 100%".to_owned())
}

fn parse_tid(text: &str) -> Result<Tid, String> {
    let number = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.map(Tid::new).ok_or_else(|| "a tid is 0x and up to 16 hex digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_percentage_of_something() {
        assert_eq!(parse_percent("10%"), Ok(0.1));
        assert_eq!(parse_percent("100"), Ok(1.0));
        for text in ["", "0", "0%", "101", "-5", "NaN", "inf", "ten"] {
            assert!(parse_percent(text).is_err(), "{text}");
        }
    }
}
