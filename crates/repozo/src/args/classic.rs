//! The flags of Python's repozo, with its defaults, its order of checks and its messages.

use super::blob_dir;
use super::getopt::{self, Spec, Value};
use classic::{
    BackupRequest, BlobsRequest, BlobsSource, QuickCheck, RecoverRequest, TargetCheck, Update, VerifyRequest,
};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What a command line asks for.
#[derive(Debug)]
pub struct Invocation {
    /// What is to be done.
    pub action: Action,
    /// Whether to say what is done.
    pub verbose: bool,
    /// What the verbose lines say of options that do not belong to the mode.
    pub ignored: Vec<String>,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Print the help text.
    Help,
    /// Print the version.
    Version,
    /// `-B`
    Backup(BackupRequest),
    /// `-R`, into a file or to standard output.
    Recover(RecoverRequest, Option<PathBuf>),
    /// `-V`
    Verify(VerifyRequest),
}

/// A command line that cannot be meant.
#[derive(Debug, PartialEq, Eq)]
pub struct ArgumentError {
    /// The line below the help text.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Id {
    Backup,
    Recover,
    Verify,
    Verbose,
    Help,
    Repository,
    File,
    Full,
    Quick,
    Gzip,
    KillOldOnFull,
    Date,
    Output,
    WithVerify,
    Force,
    Wait,
    Update,
    Blobs,
    Containers,
    Version,
}

const fn flag(id: Id, short: u8, long: &'static str) -> Spec<Id> {
    Spec { id, short: Some(short), long, value: Value::None }
}

const fn valued(id: Id, short: u8, long: &'static str) -> Spec<Id> {
    Spec { id, short: Some(short), long, value: Value::Required }
}

const SPECS: [Spec<Id>; 20] = [
    flag(Id::Backup, b'B', "backup"),
    flag(Id::Recover, b'R', "recover"),
    flag(Id::Verify, b'V', "verify"),
    flag(Id::Verbose, b'v', "verbose"),
    flag(Id::Help, b'h', "help"),
    valued(Id::Repository, b'r', "repository"),
    valued(Id::File, b'f', "file"),
    flag(Id::Full, b'F', "full"),
    Spec { id: Id::Quick, short: Some(b'Q'), long: "quick", value: Value::Optional },
    flag(Id::Gzip, b'z', "gzip"),
    flag(Id::KillOldOnFull, b'k', "kill-old-on-full"),
    valued(Id::Date, b'D', "date"),
    valued(Id::Output, b'o', "output"),
    flag(Id::WithVerify, b'w', "with-verify"),
    Spec { id: Id::Force, short: None, long: "force", value: Value::None },
    Spec { id: Id::Wait, short: None, long: "wait", value: Value::Required },
    Spec { id: Id::Update, short: None, long: "update", value: Value::None },
    Spec { id: Id::Blobs, short: None, long: "blobs", value: Value::Required },
    Spec { id: Id::Containers, short: None, long: "containers", value: Value::None },
    Spec { id: Id::Version, short: None, long: "version", value: Value::None },
];

/// The options as given, before it is known which of them the mode has.
#[derive(Default)]
struct Given {
    mode: Option<Id>,
    flags: Vec<Id>,
    repository: Option<OsString>,
    file: Option<OsString>,
    date: Option<OsString>,
    output: Option<OsString>,
    wait: Option<OsString>,
    blobs: Option<OsString>,
    /// Given, perhaps with a value.
    quick: Option<Option<OsString>>,
}

/// Parses the arguments behind the program's name.
///
/// # Errors
/// The message that Python's repozo prints below its help text.
pub fn parse(args: &[OsString]) -> Result<Invocation, ArgumentError> {
    let (options, operands) = getopt::parse(&SPECS, args).map_err(usage)?;
    let mut given = Given::default();
    for (id, value) in options {
        match id {
            Id::Help => return Ok(Invocation { action: Action::Help, verbose: false, ignored: Vec::new() }),
            Id::Version => {
                return Ok(Invocation { action: Action::Version, verbose: false, ignored: Vec::new() });
            }
            Id::Backup | Id::Recover | Id::Verify => {
                if given.mode.replace(id).is_some() {
                    return Err(usage("-B, -R, and -V are mutually exclusive"));
                }
            }
            Id::Repository => given.repository = value,
            Id::File => given.file = value,
            Id::Date => given.date = value,
            Id::Output => given.output = value,
            Id::Wait => given.wait = value,
            Id::Blobs => given.blobs = value,
            Id::Quick => given.quick = Some(value),
            flag => given.flags.push(flag),
        }
    }
    if !operands.is_empty() {
        let operands: Vec<_> = operands.iter().map(|operand| operand.to_string_lossy()).collect();
        return Err(usage(format!("Invalid arguments: {}", operands.join(", "))));
    }
    given.interpret()
}

fn usage(message: impl Into<String>) -> ArgumentError {
    ArgumentError { message: message.into() }
}

impl Given {
    fn has(&self, flag: Id) -> bool {
        self.flags.contains(&flag)
    }

    fn interpret(self) -> Result<Invocation, ArgumentError> {
        let mode = self.mode.ok_or_else(|| usage("Either --backup, --recover or --verify is required"))?;
        let repository = self.repository.as_ref().ok_or_else(|| usage("--repository is required"))?;
        let repository = PathBuf::from(repository);
        let action = match mode {
            Id::Backup => Action::Backup(self.backup(repository)?),
            Id::Recover => Action::Recover(self.recover(repository)?, self.output.clone().map(PathBuf::from)),
            _ => Action::Verify(VerifyRequest {
                repository,
                quick: self.quick_flag()?,
                has_blobs: self.blobs.is_some(),
            }),
        };
        Ok(Invocation { action, verbose: self.has(Id::Verbose), ignored: self.ignored(mode) })
    }

    fn backup(&self, repository: PathBuf) -> Result<BackupRequest, ArgumentError> {
        let file = self.file.as_ref().filter(|file| !file.is_empty());
        let file = file.ok_or_else(|| usage("--file is required in backup mode"))?;
        Ok(BackupRequest {
            repository,
            file: PathBuf::from(file),
            full: self.has(Id::Full),
            quick: self.quick_backup()?,
            gzip: self.has(Id::Gzip),
            kill_old: self.has(Id::KillOldOnFull),
            force: self.has(Id::Force),
            wait: self.wait()?,
            tell_sums: self.has(Id::Verbose),
            blobs: self
                .blobs
                .clone()
                .map(|dir| BlobsSource::of(blob_dir(dir.into()), self.has(Id::Containers))),
        })
    }

    fn quick_backup(&self) -> Result<Option<QuickCheck>, ArgumentError> {
        match &self.quick {
            None => Ok(None),
            Some(None) => Ok(Some(QuickCheck::Places)),
            Some(Some(value)) if value == "md5" => Ok(Some(QuickCheck::Sum)),
            Some(Some(_)) => Err(usage("--quick has no value but md5")),
        }
    }

    fn quick_flag(&self) -> Result<bool, ArgumentError> {
        match &self.quick {
            Some(Some(_)) => Err(usage("option --quick must not have an argument")),
            quick => Ok(quick.is_some()),
        }
    }

    fn recover(&self, repository: PathBuf) -> Result<RecoverRequest, ArgumentError> {
        let check = if self.quick_flag()? { TargetCheck::Quick } else { TargetCheck::Whole };
        for (is_given, needs) in [
            (self.has(Id::Update), "--update needs --output"),
            (self.blobs.is_some(), "--blobs needs --output in recover mode"),
        ] {
            if is_given && self.output.is_none() {
                return Err(usage(needs));
            }
        }
        let blobs = self.blobs.clone().map(|dir| BlobsRequest {
            dir: dir.into(),
            update: self.has(Id::Update),
            quick: check == TargetCheck::Quick,
            prune_extra: false,
        });
        Ok(RecoverRequest {
            repository,
            // What is not UTF-8 is no date, and is told as one that is not.
            date: self.date.as_ref().map(|date| date.to_string_lossy().into_owned()),
            with_verify: self.has(Id::WithVerify),
            tell_sum: self.has(Id::Verbose) && !self.has(Id::WithVerify),
            update: self.has(Id::Update).then_some(Update { check, keeps_unknown: false }),
            blobs,
        })
    }

    fn wait(&self) -> Result<Duration, ArgumentError> {
        let Some(wait) = &self.wait else { return Ok(Duration::ZERO) };
        let seconds = wait.to_str().and_then(|text| text.parse::<u32>().ok());
        let seconds = seconds.ok_or_else(|| usage("--wait takes a whole number of seconds"))?;
        Ok(Duration::from_secs(seconds.into()))
    }

    /// In the order in which Python looks at them.
    fn ignored(&self, mode: Id) -> Vec<String> {
        let (ids, name): (&[Id], _) = match mode {
            Id::Backup => (&[Id::Date, Id::Output, Id::WithVerify, Id::Update], "backup"),
            Id::Recover => (&[Id::File, Id::KillOldOnFull, Id::Containers], "recover"),
            _ => (
                &[
                    Id::Date,
                    Id::Output,
                    Id::Full,
                    Id::Gzip,
                    Id::File,
                    Id::KillOldOnFull,
                    Id::WithVerify,
                    Id::Update,
                    Id::Containers,
                ],
                "verify",
            ),
        };
        let is_given = |id: &Id| match id {
            Id::Date => self.date.is_some(),
            Id::Output => self.output.is_some(),
            Id::File => self.file.is_some(),
            flag => self.has(*flag),
        };
        let long = |id: &Id| SPECS.iter().find(|spec| spec.id == *id).map_or("", |spec| spec.long);
        let ids = ids.iter().filter(|id| is_given(id));
        ids.map(|id| format!("--{} option is ignored in {name} mode", long(id))).collect()
    }
}

#[cfg(test)]
mod tests;
