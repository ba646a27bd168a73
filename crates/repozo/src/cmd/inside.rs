//! The verbs that look inside a database, or backups as one.

mod check;
mod failure;
mod log;
mod opened;
mod refs;

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
    let source = match verb {
        Verb::Check(args) => &args.source,
        Verb::Refs(args) => &args.source,
        Verb::Log(args) => &args.source,
    };
    let looked = look(&ctx, source, |watched| match verb {
        Verb::Check(args) => check::run(args, &ctx, watched, &mut output),
        Verb::Refs(args) => refs::run(args, watched, &mut output),
        Verb::Log(args) => log::run(args, watched, &mut output),
    });
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
fn look(
    ctx: &Context<'_>,
    source: &Source,
    work: impl FnOnce(&dyn ReadAt) -> Result<u8, inspect::Error>,
) -> Result<u8, Failure> {
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
