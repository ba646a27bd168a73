use crate::args::moment::Now;
use crate::cmd::failure::Failure;
use crate::config::Config;
use crate::report::one_line;
use crate::ui::{Lines, Ui};
use crate::{Ask, Session};
use classic::Context;
use std::path::{Path, PathBuf};

/// What a verb works with, besides its arguments.
pub(crate) struct Desk<'a> {
    pub(crate) ctx: Context<'a>,
    /// When it began.
    pub(crate) now: Now,
    /// Whether nobody wants to hear that all went well.
    pub(crate) is_quiet: bool,
    ui: &'a dyn Lines,
    ask: Option<Ask<'a>>,
    config_paths: &'a [PathBuf],
    /// The repository, of the environment.
    pub(crate) repository: Option<&'a Path>,
}

impl<'a> Desk<'a> {
    /// One where `ui` is told what happens.
    pub(crate) fn new<'s>(session: &'a Session<'a>, ui: &'a Ui<'s>, is_quiet: bool) -> Desk<'a>
    where
        's: 'a,
    {
        let ctx =
            Context { fs: session.fs, clock: session.clock, observer: ui, interrupt: session.interrupt };
        Desk {
            ctx,
            now: Now { time: session.clock.now(), zone: session.zone.clone() },
            is_quiet,
            ui,
            ask: session.ask,
            config_paths: &session.config_paths,
            repository: session.repository.as_deref(),
        }
    }

    /// The configuration, at `named` or where it may be.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    pub(crate) fn config(&self, named: Option<&Path>) -> Result<Config, Failure> {
        Config::read(self.ctx.fs, self.config_paths, named).map_err(Failure::Command)
    }

    /// Whether there is somebody to be asked.
    pub(crate) fn asks(&self) -> bool {
        self.ask.is_some()
    }

    /// Asks a question; whether the answer is yes.
    pub(crate) fn ask(&self, question: &str) -> bool {
        self.ask.is_some_and(|ask| ask(question))
    }

    /// Tells what the user has to know, and what is no failure of this run.
    pub(crate) fn warn(&self, text: &str) {
        self.ui.line(&format!("warning: {}", one_line(text)));
    }
}
