use crate::Session;
use crate::args::moment::Now;
use crate::ui::Ui;
use classic::Context;

/// What a verb works with, besides its arguments.
pub(crate) struct Desk<'a> {
    pub(crate) ctx: Context<'a>,
    /// When it began.
    pub(crate) now: Now,
}

impl<'a> Desk<'a> {
    /// One where `ui` is told what happens.
    pub(crate) fn new(session: &Session<'a>, ui: &'a Ui<'_>) -> Desk<'a> {
        let ctx =
            Context { fs: session.fs, clock: session.clock, observer: ui, interrupt: session.interrupt };
        Desk { ctx, now: Now { time: session.clock.now(), zone: session.zone.clone() } }
    }
}
