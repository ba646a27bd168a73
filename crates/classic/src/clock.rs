use std::time::{Duration, SystemTime};

/// Time, as a parameter: the binary has the real one, tests have theirs.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> SystemTime;

    /// Lets `duration` pass.
    fn wait(&self, duration: Duration);
}
