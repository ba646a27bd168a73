use classic::{Event, Phase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

// As wide as the terminal leaves room for: what is longer than a line is drawn as two.
const KNOWN: &str =
    "{msg} [{wide_bar}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}, {eta} left";
const UNKNOWN: &str = "{msg} {decimal_bytes} {decimal_bytes_per_sec}";

/// A progress bar on standard error, while a long piece of work goes on.
#[derive(Default)]
pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Began { phase, total_len } => self.0 = Some(new_bar(*phase, *total_len)),
            Event::Advanced(len) => self.0.iter().for_each(|bar| bar.inc(*len)),
            Event::Ended => self.clear(),
            _ => {}
        }
    }

    /// Prints while the bar is away.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

fn new_bar(phase: Phase, total_len: Option<u64>) -> ProgressBar {
    let template = if total_len.is_some() { KNOWN } else { UNKNOWN };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(total_len, ProgressDrawTarget::stderr_with_hz(5));
    bar.with_style(style.progress_chars("=> ")).with_message(match phase {
        Phase::Comparing => "comparing",
        Phase::BackingUp => "backing up",
        Phase::ReadingAgain => "reading again",
        Phase::Recovering => "recovering",
        Phase::Verifying => "verifying",
        Phase::CopyingBlobs => "copying blobs",
        Phase::LookingInside => "reading",
    })
}
