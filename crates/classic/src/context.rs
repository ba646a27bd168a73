use crate::{Clock, Error, Event, Notice, Observer};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use vfs::Fs;
use vfs::publish::Synced;

/// Whether somebody asked the run to stop: the number of the signal, 0 for none.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// The place where a signal's number is stored.
    pub fn signal(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.0)
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once a signal came.
    pub fn check(&self) -> Result<(), Error> {
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => Err(Error::Interrupted { signal }),
        }
    }
}

/// What every operation works with, besides its request.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The disk.
    pub fs: &'a dyn Fs,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Who is told what happens.
    pub observer: &'a dyn Observer,
    /// Whether to stop.
    pub interrupt: &'a Interrupt,
}

impl Context<'_> {
    /// Tells the observer.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        self.observer.event(event);
    }

    /// Tells the observer of something that the user has to know.
    pub(crate) fn notice(&self, notice: Notice) {
        self.observer.event(&Event::Notice(&notice));
    }

    /// How long ago the content of a file was changed; `None` where it is not there, or was changed in the future.
    pub(crate) fn age(&self, path: &Path) -> Option<Duration> {
        let modified = self.fs.meta(path).ok()?.modified;
        self.clock.now().duration_since(modified).ok()
    }

    /// Tells, where that is so, that the names in a directory cannot be made durable.
    pub(crate) fn note_sync(&self, synced: Synced, dir: &Path) {
        if synced == Synced::NotTheDirectory {
            self.tell(&Event::DirectoryNotSynced(dir));
        }
    }
}
