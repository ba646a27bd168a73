//! Events on the screen: Python's verbose lines, notices, problems, and a bar on a terminal.

mod bar;
pub(crate) mod figures;
pub(crate) mod table;
pub(crate) mod time;
mod verbose;

use crate::report::{one_line, problem_text};
use bar::Bar;
use classic::{Event, Observer};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Everything that a run prints goes to standard error, through one of these.
pub(crate) struct Ui<'a> {
    verbose: bool,
    screen: Mutex<Screen<'a>>,
}

struct Screen<'a> {
    stderr: &'a mut (dyn Write + Send),
    bar: Option<Bar>,
}

impl<'a> Ui<'a> {
    pub(crate) fn new(stderr: &'a mut (dyn Write + Send), verbose: bool, is_terminal: bool) -> Ui<'a> {
        Ui { verbose, screen: Mutex::new(Screen { stderr, bar: is_terminal.then(Bar::default) }) }
    }

    /// Prints a line, above the bar if there is one.
    pub(crate) fn line(&self, text: &str) {
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        let Screen { stderr, bar } = &mut *screen;
        let mut print = || {
            // Where standard error is closed there is nobody to tell.
            let _ = writeln!(stderr, "{text}");
        };
        match bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Prints a line if lines were asked for.
    pub(crate) fn verbose_line(&self, text: &str) {
        if self.verbose {
            self.line(text);
        }
    }

    fn bar(&self, event: &Event<'_>) {
        if let Some(bar) = &mut self.screen.lock().unwrap_or_else(PoisonError::into_inner).bar {
            bar.event(event);
        }
    }
}

/// Who takes lines for people.
pub(crate) trait Lines {
    /// Prints a line.
    fn line(&self, text: &str);
}

impl Lines for Ui<'_> {
    fn line(&self, text: &str) {
        Ui::line(self, text);
    }
}

impl Observer for Ui<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Began { .. } | Event::Advanced(_) | Event::Ended => self.bar(event),
            Event::Notice(notice) => self.line(&format!("warning: {}", one_line(&notice.to_string()))),
            Event::Problem(problem) => self.line(&problem_text(problem)),
            event if self.verbose => verbose::lines(event).iter().for_each(|line| self.line(line)),
            _ => {}
        }
    }
}
