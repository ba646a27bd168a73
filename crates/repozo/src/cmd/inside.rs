//! The verbs that look inside a database, or backups as one.

mod cat;
mod check;
mod dump;
mod failure;
mod graph;
mod history;
mod index;
mod index_file;
mod log;
mod opened;
mod python;
mod refs;
mod salvage;
mod stats;
mod tail;
mod words;

use crate::Session;
use crate::args::modern::{Source, Verb};
use crate::ui::Ui;
use classic::Context;
use failure::Failure;
use opened::{Opened, Watched};
use std::io::{self, BufWriter, Write};
use vfs::ReadAt;

/// Problems were found.
const FOUND: u8 = 3;

/// The exit status of a look that found nothing wrong, or something.
fn status(is_sound: bool) -> u8 {
    if is_sound { 0 } else { FOUND }
}

/// Does what is asked; the exit status.
pub(crate) fn execute(
    verb: &Verb,
    session: &Session<'_>,
    stdout: &mut dyn Write,
    stderr: &mut (dyn Write + Send),
) -> u8 {
    let ui = Ui::new(stderr, false, session.is_terminal);
    let ctx = Context { fs: session.fs, clock: session.clock, observer: &ui, interrupt: session.interrupt };
    let mut output = BufWriter::new(stdout);
    let out = &mut output;
    let looked = match verb {
        Verb::Check(args) => look(&ctx, &args.source, |watched| check::run(args, &ctx, watched, out)),
        Verb::Refs(args) => refs::run(args, &ctx, out),
        Verb::Why(args) => look(&ctx, &args.source, |watched| graph::why(args, watched, out)),
        Verb::Referrers(args) => look(&ctx, &args.source, |watched| graph::referrers(args, watched, out)),
        Verb::History(args) => look(&ctx, &args.source, |watched| history::run(args, watched, out)),
        Verb::Cat(args) => cat::run(args, &ctx, out),
        Verb::Log(args) => look(&ctx, &args.source, |watched| log::run(args, watched, out)),
        Verb::Tail(args) => look(&ctx, &args.source, |watched| tail::run(args, watched, out)),
        Verb::Dump(args) => look(&ctx, &args.source, |watched| dump::run(args, watched, out)),
        Verb::Stats(args) => stats::run(args, &ctx, out),
        Verb::Salvage(args) => salvage::run(args, &ctx, out),
        Verb::Index(args) => index::run(args, &ctx, out),
    };
    let flushed = output.flush();
    match looked.and_then(|status| flushed.map(|()| status).map_err(Failure::Output)) {
        Ok(status) => status,
        Err(failure) => {
            if failure.status() != 0 {
                ui.line(&failure.text());
            }
            failure.status()
        }
    }
}

/// Opens the source and has somebody look at it.
fn look<T>(
    ctx: &Context<'_>,
    source: &Source,
    work: impl FnOnce(&dyn ReadAt) -> Result<T, inspect::Error>,
) -> Result<T, Failure> {
    let repository = opened::repository(ctx, source)?;
    let opened = Opened::open(ctx, source, repository.as_ref())?;
    let watched = Watched::new(ctx, &opened);
    let looked = work(&watched);
    drop(watched);
    // What a signal stopped looks like a failed read.
    ctx.interrupt.check()?;
    looked.map_err(|error| Failure::of(error, opened.path().to_owned()))
}

fn output(written: io::Result<()>) -> Result<(), inspect::Error> {
    written.map_err(inspect::Error::Output)
}
