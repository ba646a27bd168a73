use classic::Interrupt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Lets SIGINT, SIGTERM and SIGHUP stop the run at the next piece, so that drafts are removed. A second
/// signal of the kind ends the process at once.
pub fn catch_signals(interrupt: &Interrupt) {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let again = Arc::new(AtomicBool::new(false));
        // The order matters: the first signal must not find the flag set that it sets itself.
        let registered = signal_hook::flag::register_conditional_default(signal, Arc::clone(&again))
            .and_then(|_| signal_hook::flag::register(signal, again))
            .and_then(|_| {
                let number = usize::try_from(signal).unwrap_or_default();
                signal_hook::flag::register_usize(signal, interrupt.signal(), number)
            });
        // Without a handler the signal ends the process, and the next run removes the drafts.
        let _ = registered;
    }
    // A file that grows past the limit of its size (`ulimit -f`) is an error of the write then, as for Python,
    // and drafts are removed.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}
