use classic::Clock;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// A clock that stands still, except when it is set or waited for.
#[derive(Debug)]
pub struct TestClock(Mutex<SystemTime>);

impl TestClock {
    /// A clock at so many seconds since 1970.
    pub fn at(seconds: u64) -> TestClock {
        TestClock(Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
    }

    /// Sets it forward.
    pub fn pass(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }

    /// Sets it back.
    pub fn go_back(&self, duration: Duration) {
        *self.0.lock().unwrap() -= duration;
    }

    /// Seconds since 1970.
    pub fn seconds(&self) -> u64 {
        self.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }

    fn wait(&self, duration: Duration) {
        self.pass(duration);
    }
}
