use crate::args::moment::Moment;
use crate::args::parse_duration;
use crate::config::Profile;
use clap::{Args, ValueEnum};
use classic::Stamp;
use filestorage::Tid;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A repository.
#[derive(Debug, Args)]
pub struct RepositoryArgs {
    /// The directory of the backups; without it, what REPOZO_REPOSITORY says, or the profile.
    #[arg(short, long, value_name = "DIR")]
    pub repository: Option<PathBuf>,
    /// What is not given is as this profile of the configuration says.
    #[arg(short = 'P', long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Read this configuration instead of /etc/repozo.toml and ~/.config/repozo.toml.
    #[arg(long, value_name = "FILE", requires = "profile")]
    pub config: Option<PathBuf>,
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
    /// Restore the blobs of that state, too, before the database, into this blob directory; it is made, or is empty, or is
    /// completed with --update.
    #[arg(long, value_name = "DIR", requires = "output")]
    pub blobs: Option<PathBuf>,
    /// Also where a pack took objects of that state before it was backed up.
    #[arg(long)]
    pub even_packed: bool,
    /// Add to the database that is there what it lacks, or cut off what it has too much, if all else of it agrees with the
    /// backups, byte by byte; if not, it is replaced.
    #[arg(long)]
    pub update: bool,
    /// Compare with the database that is there only the last of the files that it has, and a few places of the others.
    #[arg(long, requires = "update")]
    pub quick: bool,
    /// Put aside what is in the blob directory and belongs to no blob of that state, when the database is restored.
    #[arg(long, requires_all = ["update", "blobs"])]
    pub prune_extra: bool,
    /// Tell what would be restored, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `repozo follow`
#[derive(Debug, Args)]
pub struct FollowArgs {
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// The database that is kept at the newest state of the backups.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Look for new backups every TIME, as 30s or 5m.
    #[arg(long, value_name = "TIME", value_parser = parse_interval, default_value = "60s")]
    pub interval: Duration,
    /// Keep the blobs of that state, too, in this blob directory.
    #[arg(long, value_name = "DIR")]
    pub blobs: Option<PathBuf>,
    /// Do not compare every byte of the database that is there when it begins, but as with restore --update --quick.
    #[arg(long)]
    pub quick: bool,
    /// One JSON object for each change.
    #[arg(long)]
    pub json: bool,
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval.is_zero() { Err("it has to be a second or more".to_owned()) } else { Ok(interval) }
}

/// `repozo backup`
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The database; without it, that of the profile.
    #[arg(value_name = "DATAFS")]
    pub source: Option<PathBuf>,
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// Make a full backup in any case.
    #[arg(long)]
    pub full: bool,
    /// Compare only the last backup with the database, and a few places of the others.
    #[arg(long)]
    pub quick: bool,
    /// Compress.
    #[arg(long)]
    pub gzip: bool,
    /// Back up the blobs that the backups name and the repository lacks, too, from this blob directory.
    #[arg(long, value_name = "DIR")]
    pub blobs: Option<PathBuf>,
    /// Put blobs under 64 KiB together in a few files, instead of one each.
    #[arg(long)]
    pub containers: bool,
    /// Wait up to SECONDS for another run to end.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
    pub wait: u64,
    /// Run this in a shell first; if it fails, nothing is backed up.
    #[arg(long, value_name = "COMMAND")]
    pub hook_before: Option<String>,
    /// Run this in a shell behind a backup; if it fails, so does the run, and the backup is made.
    #[arg(long, value_name = "COMMAND")]
    pub hook_after: Option<String>,
    /// Run this in a shell if the backup fails, or the command before it.
    #[arg(long, value_name = "COMMAND")]
    pub hook_failed: Option<String>,
    /// Stop a command that takes longer than TIME, as 10m, or 1h without it; it has failed then.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub hook_timeout: Option<Duration>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `repozo status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// The live database: tell what it has that is not backed up.
    #[arg(short, long, value_name = "DATAFS")]
    pub file: Option<PathBuf>,
    /// It is a problem if what is not backed up, or without --file the newest backup, is older than TIME, as 26h.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_age: Option<Duration>,
    /// The database has blobs, in this directory: it is a problem if the newest chain was made without.
    #[arg(long, value_name = "DIR")]
    pub blobs: Option<PathBuf>,
    /// For a program that watches.
    #[arg(long, conflicts_with = "json")]
    pub format: Option<StatusFormat>,
    /// Write a page as well, with the backups along time; it needs no network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Whose text is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    /// A line and an exit status as of a plugin of Nagios: 0 all is well, 2 it is not, 3 it cannot be told.
    Nagios,
    /// Metrics, for the textfile collector of Prometheus' node exporter.
    Prometheus,
}

/// `repozo drill`
#[derive(Debug, Args)]
pub struct DrillArgs {
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// The state of this moment, a date, "2 hours ago", or a tid; or the backup with this name. The newest without it.
    #[arg(long, value_name = "WHEN")]
    pub at: Option<Moment>,
    /// Restore into a new directory in DIR, which needs room for the database; it is removed at the end.
    #[arg(long, value_name = "DIR")]
    pub scratch: PathBuf,
    /// The database has blobs, in this directory: a state without them does not pass.
    #[arg(long, value_name = "DIR")]
    pub blobs: Option<PathBuf>,
    /// Also open it with ZODB, as this Python has it: nothing of this program takes part in that.
    #[arg(long, value_name = "PYTHON")]
    pub python: Option<PathBuf>,
    /// One JSON object a line.
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
    /// The database has blobs, in this directory: it is a problem if the newest chain was made without, or if one was not there.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["at", "sample", "max_duration"])]
    pub blobs: Option<PathBuf>,
    /// Begin no further file after so long, as 30m or 2h; the next time it goes on with the others.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_duration: Option<Duration>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `repozo forget`
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// Keep the last COUNT backups.
    #[arg(long, value_name = "COUNT")]
    pub keep_last: Option<usize>,
    /// Keep the last backup of each of COUNT hours.
    #[arg(long, value_name = "COUNT")]
    pub keep_hourly: Option<usize>,
    /// Keep the last backup of each of COUNT days.
    #[arg(long, value_name = "COUNT")]
    pub keep_daily: Option<usize>,
    /// Keep the last backup of each of COUNT weeks.
    #[arg(long, value_name = "COUNT")]
    pub keep_weekly: Option<usize>,
    /// Keep the last backup of each of COUNT months.
    #[arg(long, value_name = "COUNT")]
    pub keep_monthly: Option<usize>,
    /// Keep the last backup of each of COUNT years.
    #[arg(long, value_name = "COUNT")]
    pub keep_yearly: Option<usize>,
    /// Keep all that are no older than TIME, as 14d.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub keep_within: Option<Duration>,
    /// Keep all with this tag; may be given several times.
    #[arg(long, value_name = "TAG")]
    pub keep_tag: Vec<String>,
    /// The database has blobs, in this directory: nothing goes for a backup that was made without.
    #[arg(long, value_name = "DIR")]
    pub blobs: Option<PathBuf>,
    /// Whether any rule was given, be it one that keeps nothing.
    #[arg(skip)]
    pub has_rule: bool,
    /// Remove them; without it, and without a terminal to ask on, it is only told.
    #[arg(long)]
    pub apply: bool,
    /// Wait up to SECONDS for another run to end.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
    pub wait: u64,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `repozo repair`
#[derive(Debug, Args)]
pub struct RepairArgs {
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// Do it; without it, and without a terminal to ask on, it is only told.
    #[arg(long)]
    pub apply: bool,
    /// Read every blob, too, and put back those that are damaged, if this blob directory has them as they were.
    #[arg(long, value_name = "DIR")]
    pub blobs: Option<PathBuf>,
    /// Wait up to SECONDS for another run to end.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
    pub wait: u64,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

impl BackupArgs {
    /// Takes from a profile what was not given.
    pub fn complete(&mut self, profile: &Profile) {
        self.source = self.source.take().or_else(|| profile.source.clone());
        self.blobs = self.blobs.take().or_else(|| profile.blobs.clone());
        self.containers |= profile.containers;
        self.quick |= profile.quick;
        self.gzip |= profile.gzip;
        self.wait = if self.wait == 0 { profile.wait } else { self.wait };
        self.hook_before = self.hook_before.take().or_else(|| profile.hook_before.clone());
        self.hook_after = self.hook_after.take().or_else(|| profile.hook_after.clone());
        self.hook_failed = self.hook_failed.take().or_else(|| profile.hook_failed.clone());
        self.hook_timeout = self.hook_timeout.or_else(|| length_of(profile.hook_timeout.as_ref()));
    }

    /// The database; the parser sees to it that there is one.
    pub fn file(&self) -> &Path {
        self.source.as_deref().unwrap_or(Path::new(""))
    }
}

impl ForgetArgs {
    /// Takes the rules of a profile, if none was given; those of both together would keep what nobody asked for.
    pub fn complete(&mut self, profile: &Profile) {
        let counts = [
            &mut self.keep_last,
            &mut self.keep_hourly,
            &mut self.keep_daily,
            &mut self.keep_weekly,
            &mut self.keep_monthly,
            &mut self.keep_yearly,
        ];
        let is_given = counts.iter().any(|count| count.is_some());
        self.has_rule = is_given || self.keep_within.is_some() || !self.keep_tag.is_empty();
        if !self.has_rule && profile.has_policy() {
            let of_profile = [
                profile.keep_last,
                profile.keep_hourly,
                profile.keep_daily,
                profile.keep_weekly,
                profile.keep_monthly,
                profile.keep_yearly,
            ];
            counts.into_iter().zip(of_profile).for_each(|(count, of_profile)| *count = Some(of_profile));
            self.keep_within = length_of(profile.keep_within.as_ref());
            self.keep_tag.clone_from(&profile.keep_tag);
            self.has_rule = true;
        }
        self.blobs = self.blobs.take().or_else(|| profile.blobs.clone());
        self.wait = if self.wait == 0 { profile.wait } else { self.wait };
    }
}

impl StatusArgs {
    /// Takes from a profile what was not given.
    pub fn complete(&mut self, profile: &Profile) {
        self.blobs = self.blobs.take().or_else(|| profile.blobs.clone());
        self.file = self.file.take().or_else(|| profile.source.clone());
        self.max_age = self.max_age.or_else(|| length_of(profile.max_age.as_ref()));
    }
}

/// A length of time of a profile, which was checked when it was read.
fn length_of(text: Option<&String>) -> Option<Duration> {
    text.and_then(|text| parse_duration(text).ok())
}

/// `repozo run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The profile.
    #[arg(short = 'P', long, value_name = "NAME")]
    pub profile: String,
    /// Read this configuration instead of /etc/repozo.toml and ~/.config/repozo.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `repozo show-config`
#[derive(Debug, Args)]
pub struct ShowConfigArgs {
    /// Read this configuration instead of /etc/repozo.toml and ~/.config/repozo.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `repozo tag`
#[derive(Debug, Args)]
pub struct TagArgs {
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// The backup: the name of its file, with or without what stands behind the dot, or newest.
    #[arg(value_name = "BACKUP", value_parser = parse_backup)]
    pub backup: NamedBackup,
    /// Letters, digits, dots, hyphens and underscores.
    #[arg(value_name = "TAG", required = true)]
    pub tags: Vec<String>,
    /// Take these tags away.
    #[arg(long)]
    pub remove: bool,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `repozo hold`, `repozo unhold`
#[derive(Debug, Args)]
pub struct HoldArgs {
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// The backup: the name of its file, with or without what stands behind the dot, or newest.
    #[arg(value_name = "BACKUP", value_parser = parse_backup)]
    pub backup: NamedBackup,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// A backup as somebody names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBackup {
    /// The newest one.
    Newest,
    /// That of this stamp.
    Of(Stamp),
}

impl NamedBackup {
    /// Its stamp, unless it is the newest one.
    pub fn stamp(self) -> Option<Stamp> {
        match self {
            NamedBackup::Newest => None,
            NamedBackup::Of(stamp) => Some(stamp),
        }
    }
}

fn parse_backup(text: &str) -> Result<NamedBackup, String> {
    if text == "newest" {
        return Ok(NamedBackup::Newest);
    }
    let stamp = text.split_once('.').map_or(text, |(stamp, _)| stamp);
    let stamp = Stamp::parse(stamp.as_bytes());
    stamp.map(NamedBackup::Of).ok_or_else(|| "a backup is YYYY-MM-DD-hh-mm-ss, or newest".to_owned())
}

/// A part of one, from a percentage.
fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<f64>().ok();
    let number = number.filter(|number| *number > 0.0 && *number <= 100.0);
    number.map(|number| number / 100.0).ok_or_else(|| "a part is a percentage up to 100%".to_owned())
}

pub(super) fn parse_tid(text: &str) -> Result<Tid, String> {
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
