//! The verbs that look inside a database, or backups as one.

mod cat;
mod check;
mod dump;
mod graph;
mod history;
mod index;
mod index_file;
mod log;
pub(super) mod opened;
mod python;
mod refs;
mod salvage;
mod stats;
mod tail;
mod words;

use crate::args::modern::{CheckArgs, RefsArgs, Source, Verb};
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::report::FOUND;
use classic::Context;
use opened::{Opened, Watched};
use std::io::{self, Write};
use std::path::Path;
use vfs::ReadAt;

/// The exit status of a look that found nothing wrong, or something.
fn status(is_sound: bool) -> u8 {
    if is_sound { 0 } else { FOUND }
}

/// Does what is asked; the exit status. `None` for a verb that is not of these.
///
/// # Errors
/// Why it could not be done.
pub(super) fn execute(verb: &Verb, desk: &Desk<'_>, out: &mut dyn Write) -> Option<Result<u8, Failure>> {
    Some(match verb {
        Verb::Check(args) => look(desk, &args.source, |watched| check::run(args, &desk.ctx, watched, out)),
        Verb::Refs(args) => refs::run(args, desk, out),
        Verb::Why(args) => look(desk, &args.source, |watched| graph::why(args, watched, out)),
        Verb::Referrers(args) => look(desk, &args.source, |watched| graph::referrers(args, watched, out)),
        Verb::History(args) => look(desk, &args.source, |watched| history::run(args, watched, out)),
        Verb::Cat(args) => cat::run(args, desk, out),
        Verb::Log(args) => log::run(args, desk, out),
        Verb::Tail(args) => look(desk, &args.source, |watched| tail::run(args, &desk.now, watched, out)),
        Verb::Dump(args) => look(desk, &args.source, |watched| dump::run(args, watched, out)),
        Verb::Stats(args) => stats::run(args, desk, out),
        Verb::Salvage(args) => salvage::run(args, desk, out),
        Verb::Index(args) => index::run(args, desk, out),
        _ => return None,
    })
}

/// Opens the source and has somebody look at it.
fn look<T>(
    desk: &Desk<'_>,
    source: &Source,
    work: impl FnOnce(&dyn ReadAt) -> Result<T, inspect::Error>,
) -> Result<T, Failure> {
    let ctx = &desk.ctx;
    let repository = opened::repository(ctx, source)?;
    let opened = Opened::open(ctx, &desk.now, source, repository.as_ref())?;
    look_at(ctx, &opened, opened.path(), work)
}

/// Has somebody look at what is at `path`.
pub(super) fn look_at<T>(
    ctx: &Context<'_>,
    source: &dyn ReadAt,
    path: &Path,
    work: impl FnOnce(&dyn ReadAt) -> Result<T, inspect::Error>,
) -> Result<T, Failure> {
    let watched = Watched::new(ctx, source);
    let looked = work(&watched);
    drop(watched);
    // What a signal stopped looks like a failed read.
    ctx.interrupt.check()?;
    looked.map_err(|error| Failure::of(error, path.to_owned()))
}

/// Checks the database at `path` as `check` and `refs` do, and tells what they tell; whether both find nothing.
///
/// # Errors
/// When it cannot be read or the output not written.
pub(super) fn examine(
    path: &Path,
    blobs: Option<&Path>,
    json: bool,
    desk: &Desk<'_>,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    let args = CheckArgs { source: Source::of_file(path), deep: false, blobs: None, json };
    let checked = look(desk, &args.source, |watched| check::run(&args, &desk.ctx, watched, out))?;
    let blobs = blobs.map(Path::to_owned);
    let args = RefsArgs { source: Source::of_file(path), garbage: false, blobs, json, format: None };
    let referred = refs::run(&args, desk, out)?;
    Ok(checked == 0 && referred == 0)
}

fn output(written: io::Result<()>) -> Result<(), inspect::Error> {
    written.map_err(inspect::Error::Output)
}
