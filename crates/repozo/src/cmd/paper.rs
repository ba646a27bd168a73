//! What is read beside the program: completions and manual pages, made of the definition of the arguments.

use super::failure::Failure;
use crate::args::modern::{CompletionArgs, ManArgs, Modern};
use clap::CommandFactory;
use clap_mangen::Man;
use std::io::Write;

/// `repozo completion`; the exit status.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn completion(args: &CompletionArgs, out: &mut dyn Write) -> Result<u8, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Modern::command(), "repozo", &mut text);
    out.write_all(&text).map_err(Failure::Output)?;
    Ok(0)
}

/// `repozo man`; the exit status.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn man(args: &ManArgs, mut out: &mut dyn Write) -> Result<u8, Failure> {
    let all = Modern::command();
    let version = env!("CARGO_PKG_VERSION");
    let command = match &args.verb {
        None => all,
        Some(verb) => all
            .find_subcommand(verb)
            .cloned()
            .unwrap_or(all)
            .name(format!("repozo-{verb}"))
            .bin_name(format!("repozo {verb}")),
    };
    Man::new(command.version(version)).render(&mut out).map_err(Failure::Output)?;
    Ok(0)
}
