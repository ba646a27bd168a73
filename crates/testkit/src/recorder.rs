use classic::{Event, Observer};
use std::sync::Mutex;

/// An observer that remembers notices and problems as their texts, and everything as its debug form.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Mutex<Vec<String>>,
    notices: Mutex<Vec<String>>,
    problems: Mutex<Vec<String>>,
}

impl Recorder {
    /// The texts of the notices so far.
    pub fn notices(&self) -> Vec<String> {
        self.notices.lock().unwrap().clone()
    }

    /// The texts of the problems so far.
    pub fn problems(&self) -> Vec<String> {
        self.problems.lock().unwrap().clone()
    }

    /// The debug forms of all events so far.
    pub fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }
}

impl Observer for Recorder {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Notice(notice) => self.notices.lock().unwrap().push(notice.to_string()),
            Event::Problem(problem) => self.problems.lock().unwrap().push(problem.to_string()),
            _ => {}
        }
        self.events.lock().unwrap().push(format!("{event:?}"));
    }
}
