//! The verbs that work on a repository.

mod restore;

use super::desk::Desk;
use super::failure::Failure;
use crate::args::modern::Verb;
use std::io::Write;

/// Does what is asked; the exit status.
///
/// # Errors
/// Why it could not be done.
pub(super) fn execute(verb: &Verb, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    match verb {
        Verb::Restore(args) => restore::run(args, desk, out),
        // All others are answered before.
        _ => Ok(0),
    }
}
