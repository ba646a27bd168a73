//! What each mode does: arguments to a request, a request to a call.

mod backups;
mod desk;
mod failure;
mod hush;
mod inside;
mod json_line;
mod paper;

use crate::args::classic::{Action, Invocation};
use crate::args::modern::{Modern, Verb};
use crate::ui::Ui;
use crate::{Session, report};
use classic::{Context, Error, Target};
use desk::Desk;
use failure::Failure;
use hush::Hush;
use std::io::{BufWriter, Write};

/// Does what is asked; the exit status.
pub(crate) fn execute(
    invocation: &Invocation,
    session: &Session<'_>,
    stdout: &mut dyn Write,
    stderr: &mut (dyn Write + Send),
) -> u8 {
    let ui = Ui::new(stderr, invocation.verbose, session.is_terminal);
    for line in &invocation.ignored {
        ui.verbose_line(line);
    }
    let ctx = Context { fs: session.fs, clock: session.clock, observer: &ui, interrupt: session.interrupt };
    match dispatch(&ctx, &invocation.action, stdout) {
        Ok(status) => status,
        Err(error) => {
            ui.line(&report::text(&error));
            report::exit_status(&error)
        }
    }
}

fn dispatch(ctx: &Context<'_>, action: &Action, stdout: &mut dyn Write) -> Result<u8, Error> {
    let is_complete = match action {
        Action::Backup(request) => classic::backup(ctx, request)?.blobs.map(|blobs| blobs.is_complete()),
        Action::Recover(request, path) => {
            let target = path.as_ref().map_or(Target::Stream(stdout), |path| Target::File(path));
            classic::recover(ctx, request, target)?.map(|blobs| blobs.is_complete())
        }
        Action::Verify(request) => classic::verify(ctx, request).map(|()| None)?,
        // Answered before anything is set up.
        Action::Help | Action::Version => None,
    };
    Ok(report::status_of_blobs(is_complete))
}

/// Does what a verb says; the exit status.
pub(crate) fn execute_verb(
    modern: &Modern,
    session: &Session<'_>,
    stdout: &mut dyn Write,
    stderr: &mut (dyn Write + Send),
) -> u8 {
    let Modern { verb, verbose, quiet, no_progress } = modern;
    let ui = Ui::new(stderr, *verbose, session.is_terminal && !no_progress && !quiet);
    let desk = Desk::new(session, &ui, *quiet);
    let hush = if *quiet { Hush::of(verb) } else { Hush::Nothing };
    let mut output = BufWriter::new(stdout);
    let done = match verb {
        Verb::Completion(args) => paper::completion(args, &mut output),
        Verb::Man(args) => paper::man(args, &mut output),
        verb => hush.over(&mut output, |output| {
            inside::execute(verb, &desk, output).unwrap_or_else(|| backups::execute(verb, &desk, output))
        }),
    };
    let flushed = output.flush();
    match done.and_then(|status| flushed.map(|()| status).map_err(Failure::Output)) {
        Ok(status) => status,
        Err(failure) => {
            if failure.status() != 0 {
                ui.line(&failure.text());
            }
            failure.status()
        }
    }
}
