//! The verbs that work on a repository.

mod backup;
mod blobs;
mod drill;
mod follow;
mod forget;
mod hook;
mod list;
mod notes;
mod problems;
mod repair;
mod restore;
mod run;
mod status;
mod tags;
mod timeline;
mod verify;
mod watching;

use super::desk::Desk;
use super::failure::Failure;
use crate::args::modern::{RepositoryArgs, Verb};
use classic::BackupName;
use std::io::Write;
use std::path::Path;

/// Does what is asked; the exit status.
///
/// # Errors
/// Why it could not be done.
pub(super) fn execute(verb: &Verb, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    match verb {
        Verb::Restore(args) => restore::run(args, desk, out),
        Verb::Follow(args) => follow::run(args, desk, out),
        Verb::List(args) => list::run(args, desk, out),
        Verb::Blobs(args) => blobs::run(args, desk, out),
        Verb::Verify(args) => verify::run(args, desk, out),
        Verb::Forget(args) => forget::run(args, desk, out),
        Verb::Tag(args) => tags::tag(args, desk, out),
        Verb::Hold(args) => tags::hold(args, true, desk, out),
        Verb::Unhold(args) => tags::hold(args, false, desk, out),
        Verb::Backup(args) => backup::run(args, desk, out),
        Verb::Status(args) => status::run(args, desk, out),
        Verb::Drill(args) => drill::run(args, desk, out),
        Verb::Repair(args) => repair::run(args, desk, out),
        Verb::Run(args) => run::run(args, desk, out),
        Verb::ShowConfig(args) => run::show_config(args, desk, out),
        // All others are answered before.
        _ => Ok(0),
    }
}

/// What a backup is, in a table: increments stand a little to the right.
fn kind(name: BackupName) -> &'static str {
    if name.is_full() { "full" } else { "  +" }
}

impl RepositoryArgs {
    /// The directory; the parser sees to it that there is one.
    fn dir(&self) -> &Path {
        self.repository.as_deref().unwrap_or(Path::new("."))
    }
}
