//! What each mode does: arguments to a request, a request to a call.

pub(crate) mod inside;

use crate::args::classic::{Action, Invocation};
use crate::ui::Ui;
use crate::{Session, report};
use classic::{Context, Error, Target};
use std::io::Write;

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
        Ok(()) => 0,
        Err(error) => {
            ui.line(&report::text(&error));
            report::exit_status(&error)
        }
    }
}

fn dispatch(ctx: &Context<'_>, action: &Action, stdout: &mut dyn Write) -> Result<(), Error> {
    match action {
        Action::Backup(request) => classic::backup(ctx, request).map(|_| ()),
        Action::Recover(request, Some(path)) => classic::recover(ctx, request, Target::File(path)),
        Action::Recover(request, None) => classic::recover(ctx, request, Target::Stream(stdout)),
        Action::Verify(request) => classic::verify(ctx, request),
        // Answered before anything is set up.
        Action::Help | Action::Version => Ok(()),
    }
}
