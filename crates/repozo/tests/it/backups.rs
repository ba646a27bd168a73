//! The verbs that work on a repository, besides `restore`.

mod backup;
mod drill;
mod follow;
mod forget;
mod list;
mod log;
mod profile;
mod quiet;
mod repair;
mod status;
mod verify;

use crate::common::{args, ours};
use crate::safety::Room;
use serde_json::Value;
use std::ffi::OsString;
use testkit::Ran;

impl Room {
    /// A verb with these words.
    fn verb(&self, verb: &str, words: &[&str]) -> Ran {
        let mut all = args![verb, "-r", self.repository()].to_vec();
        all.extend(words.iter().map(OsString::from));
        ours(&self.clock, &all)
    }

    /// The lines of a verb with `--json`.
    fn lines(&self, verb: &str, words: &[&str]) -> Vec<Value> {
        let ran = self.verb(verb, &[words, &["--json"]].concat());
        let text = String::from_utf8(ran.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The lines of this type.
fn of_type<'a>(lines: &'a [Value], message_type: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["message_type"] == message_type).collect()
}

fn text(ran: &Ran) -> String {
    String::from_utf8(ran.stdout.clone()).unwrap()
}
