//! The verbs: `repozo check Data.fs`.

mod backups;
mod blobs;
mod inside;

use crate::config::Profile;
pub use backups::*;
pub use blobs::*;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
pub use inside::*;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Look inside databases and backups, and restore any state. The flags of Python's repozo: repozo --help.
#[derive(Debug, Parser)]
#[command(name = "repozo", disable_version_flag = true)]
pub struct Modern {
    /// What is to be done.
    #[command(subcommand)]
    pub verb: Verb,
    /// Tell on standard error what is done.
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Say nothing when all went well: no bar, and no text of a verb that does something.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Show no bar, also on a terminal.
    #[arg(long, global = true)]
    pub no_progress: bool,
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
    /// List the transactions; with -r those of all chains, each once, and with --at as well those of that state.
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
    /// Back up a database: a full backup or an increment, whichever is right.
    ///
    /// The same as -B. Exit status: 0 all is backed up, 4 refused, 11 another run is at work.
    #[command(after_help = "Example: repozo backup -r /srv/backups /srv/zope/Data.fs --quick --gzip")]
    Backup(BackupArgs),
    /// Restore a database as it was behind any transaction, with its index.
    ///
    /// Of all backups that reach it the oldest ones are used, since packs have removed least from those. Every file is
    /// verified while it is read; the old database stays until the new one is complete. Exit status: 0 restored, 4
    /// refused: the backups do not have that state, or a server has the database open; nothing was changed.
    #[command(
        after_help = "Example: repozo restore -r /srv/backups -o /srv/zope/Data.fs --at 2026-11-24T14:05:00+01:00"
    )]
    Restore(RestoreArgs),
    /// Keep a database at the newest state of the backups: a warm standby.
    ///
    /// What is new is added as with restore --update --quick; where the database was packed, it is replaced. Every byte is
    /// compared when it begins. It goes on until a signal comes, and tells what fails and tries again; but it stops, and
    /// changes nothing, when a server has the database open (exit status 11), or has written to it (4).
    #[command(after_help = "Example: repozo follow -r /srv/backups -o /srv/standby/Data.fs --interval 5m")]
    Follow(FollowArgs),
    /// List the backups: chains, moments, sizes, transactions, whether they were verified, and gaps in time.
    ///
    /// Exit status: 0 listed, 3 something is seen to be wrong.
    #[command(after_help = "Example: repozo list -r /srv/backups")]
    List(ListArgs),
    /// Verify that the backups are what was written, and that they are databases.
    ///
    /// Without --at, --sample or --max-duration all chains are joined and walked through. What was found is remembered
    /// beside the backups, for list and status. Exit status: 0 sound, 3 problems found.
    #[command(after_help = "Example: repozo verify -r /srv/backups --max-duration 30m")]
    Verify(VerifyArgs),
    /// Tell how old the newest backup is, what is not backed up, and what is wrong.
    ///
    /// Exit status: 0 all is well, 3 it is not.
    #[command(after_help = "Example: repozo status -r /srv/backups --file /srv/zope/Data.fs --max-age 26h")]
    Status(StatusArgs),
    /// Prove that a backup restores: restore it into scratch space, check it, and open it with ZODB if a Python is given.
    ///
    /// Exit status: 0 it restores and nothing is wrong with it, 3 something is.
    #[command(
        after_help = "Example: repozo drill -r /srv/backups --scratch /var/tmp --python /srv/zope/bin/python"
    )]
    Drill(DrillArgs),
    /// List the blobs of a state of the backups, or take the file of one out.
    ///
    /// Exit status: 0 listed or taken out, 3 there is no such blob, or some were not there when they were to be backed up, 4 the
    /// backups have no blobs.
    #[command(after_help = "Example: repozo blobs export 0x1f -r /srv/backups -o /tmp/picture.jpg")]
    Blobs(BlobsArgs),
    /// Remove the backups that a policy does not keep: whole chains, and the ends of chains.
    ///
    /// The newest backup stays whatever the policy is, and no chain goes unless a newer one is seen to be sound. Without
    /// --apply it tells what it would do, and asks if it runs on a terminal.
    #[command(
        after_help = "Example: repozo forget -r /srv/backups --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --apply"
    )]
    Forget(ForgetArgs),
    /// Mend a repository whose lists and files do not fit together; nothing is deleted.
    ///
    /// Lists that are missing or damaged are made from what the files prove of themselves; what cannot be used is set
    /// aside. Exit status: 0 nothing is wrong, or it was mended; 3 something is wrong.
    #[command(after_help = "Example: repozo repair -r /srv/backups")]
    Repair(RepairArgs),
    /// Do what a profile says: back up, forget what is not to be kept, and tell the status.
    ///
    /// For cron and timers. It stops at what fails; nothing is forgotten behind a backup that failed.
    #[command(after_help = "Example: repozo run -P plone")]
    Run(RunArgs),
    /// Show the configuration as it was read, and where each value comes from: a file, the environment, or nowhere.
    #[command(after_help = "Example: repozo show-config")]
    ShowConfig(ShowConfigArgs),
    /// Give a backup tags, for forget --keep-tag.
    #[command(after_help = "Example: repozo tag -r /srv/backups newest before-upgrade")]
    Tag(TagArgs),
    /// Hold a backup: neither forget nor -k removes it until it is let go.
    #[command(after_help = "Example: repozo hold -r /srv/backups 2026-11-24-03-00-00")]
    Hold(HoldArgs),
    /// Let a backup go that was held.
    #[command(after_help = "Example: repozo unhold -r /srv/backups 2026-11-24-03-00-00")]
    Unhold(HoldArgs),
    /// Print the completions of a shell, to be put where it looks for them.
    #[command(after_help = "Example: repozo completion bash")]
    Completion(CompletionArgs),
    /// Print a manual page: of all, or of a verb.
    #[command(after_help = "Example: repozo man restore")]
    Man(ManArgs),
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

/// `repozo completion`
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell.
    pub shell: clap_complete::Shell,
}

/// `repozo man`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The verb.
    #[arg(value_parser = parse_verb)]
    pub verb: Option<String>,
}

fn parse_verb(text: &str) -> Result<String, String> {
    let command = Modern::command();
    let found = command.find_subcommand(text).map(|verb| verb.get_name().to_owned());
    found.ok_or_else(|| "there is no such verb; repozo help lists all".to_owned())
}

/// Whether these arguments begin with a verb. Nothing that Python's repozo accepts does.
pub fn has_verb(args: &[OsString]) -> bool {
    let is_verb = |word: &OsStr| word == "help" || Modern::command().find_subcommand(word).is_some();
    args.first().is_some_and(|word| is_verb(word))
}

/// Finds the profile of a name, in a configuration if one is named; or a line that says what is wrong.
pub type FindProfile<'a> = dyn Fn(&str, Option<&Path>) -> Result<Profile, String> + 'a;

/// What stands in for what is not given.
pub struct Surroundings<'a> {
    /// The repository, of the environment.
    pub repository: Option<&'a Path>,
    /// Finds a profile.
    pub profile: &'a FindProfile<'a>,
}

/// Parses the arguments behind the program's name. What is given there goes before the environment, and that before the
/// profile.
///
/// # Errors
/// What cannot be meant, and requests for help.
pub fn parse(args: &[OsString], surroundings: &Surroundings<'_>) -> Result<Modern, clap::Error> {
    let words = std::iter::once(OsString::from("repozo")).chain(args.iter().cloned());
    let mut modern = Modern::try_parse_from(words)?;
    let wrong = |kind, text: &str| Modern::command().error(kind, text);
    let mut profile = Profile::default();
    if let Some(RepositoryArgs { profile: Some(name), config, .. }) = modern.verb.place() {
        profile = (surroundings.profile)(name, config.as_deref())
            .map_err(|text| wrong(ErrorKind::InvalidValue, &text))?;
    }
    if let Some(named) = modern.verb.unnamed() {
        *named = surroundings.repository.map(Path::to_owned).or_else(|| profile.repository.clone());
        if named.is_none() {
            let text = "neither a database nor a repository is named: give DATAFS, or -r DIR, or set REPOZO_REPOSITORY";
            return Err(wrong(ErrorKind::MissingRequiredArgument, text));
        }
    }
    match &mut modern.verb {
        Verb::Backup(args) => {
            args.complete(&profile);
            if args.source.is_none() {
                let text = "no database is named: give DATAFS, or -P with a profile that has a source";
                return Err(wrong(ErrorKind::MissingRequiredArgument, text));
            }
        }
        Verb::Forget(args) => {
            args.complete(&profile);
            if !args.has_rule {
                let text =
                    "no rule is given: --keep-last, --keep-daily, ..., or -P with a profile that has one";
                return Err(wrong(ErrorKind::MissingRequiredArgument, text));
            }
        }
        Verb::Status(args) => args.complete(&profile),
        Verb::Verify(args) => args.blobs = args.blobs.take().or(profile.blobs),
        Verb::Drill(args) => args.blobs = args.blobs.take().or(profile.blobs),
        _ => {}
    }
    Ok(modern)
}

impl Verb {
    /// Where the repository is to be noted, if nothing was named that it could work on.
    fn unnamed(&mut self) -> Option<&mut Option<PathBuf>> {
        let (file, repository) = match self {
            Verb::Check(args) => args.source.named(),
            Verb::Refs(args) => args.source.named(),
            Verb::Why(args) | Verb::Referrers(args) | Verb::History(args) => args.source.named(),
            Verb::Cat(args) => args.named(),
            Verb::Log(args) => args.source.named(),
            Verb::Tail(args) => args.source.named(),
            Verb::Dump(args) => args.source.named(),
            Verb::Stats(args) => args.source.named(),
            verb => (false, &mut verb.place()?.repository),
        };
        (!file && repository.is_none()).then_some(repository)
    }

    /// The repository that it works on, if it does on one.
    fn place(&mut self) -> Option<&mut RepositoryArgs> {
        Some(match self {
            Verb::Backup(args) => &mut args.place,
            Verb::Restore(args) => &mut args.place,
            Verb::Follow(args) => &mut args.place,
            Verb::List(args) => &mut args.place,
            Verb::Verify(args) => &mut args.place,
            Verb::Drill(args) => &mut args.place,
            Verb::Status(args) => &mut args.place,
            Verb::Forget(args) => &mut args.place,
            Verb::Blobs(args) => args.place(),
            Verb::Repair(args) => &mut args.place,
            Verb::Tag(args) => &mut args.place,
            Verb::Hold(args) | Verb::Unhold(args) => &mut args.place,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where nothing stands in for anything.
    fn nowhere() -> Surroundings<'static> {
        Surroundings { repository: None, profile: &|name, _| Err(format!("no profile {name}")) }
    }

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
            let profile = Profile { repository: Some("/srv/backups".into()), ..Profile::default() };
            let surroundings = Surroundings { repository: None, profile: &|_, _| Ok(profile.clone()) };
            parse(&words(line), &surroundings).unwrap();
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
            assert_eq!(parse(&words(line), &nowhere()).is_ok(), is_right, "{line}");
        }
    }
}
