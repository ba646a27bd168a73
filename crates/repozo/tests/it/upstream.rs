//! ZODB's own tests of repozo, judging our program. `tests/oracle/upstream.py` says which of them are run, which
//! are not and why, and where ours differs on purpose.

use crate::common::ours;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use testkit::{TestClock, python, root};

/// The exact numbers: a test that is skipped, or new in ZODB, must not go by unnoticed.
#[test]
fn zodbs_own_tests_pass_but_for_the_listed_differences() {
    let report = tempfile::NamedTempFile::new().unwrap();
    let mut child = Command::new(python())
        .arg(root().join("tests/oracle/upstream.py"))
        .env("REPOZO_BINARY", env!("CARGO_BIN_EXE_repozo"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(report.reopen().unwrap())
        .spawn()
        .unwrap();
    let mut answers = child.stdin.take().unwrap();
    let mut counts = Value::Null;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if request["argv"].is_null() {
            counts = request;
        } else {
            writeln!(answers, "{}", answer(&request)).unwrap();
        }
    }
    let status = child.wait().unwrap();
    let report = std::fs::read_to_string(report.path()).unwrap();
    let expected = json!({"ran": 40, "different": 8, "left_out": 32, "failed": 0});
    assert_eq!((status.code(), &counts), (Some(0), &expected), "{report}");
}

/// Runs a backup at the time that the test wants it at.
fn answer(request: &Value) -> Value {
    let argv: Vec<&str> =
        request["argv"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let clock = TestClock::at(request["now"].as_u64().unwrap());
    let ran = ours(&clock, &argv);
    json!({"status": ran.status, "stderr": ran.stderr})
}
