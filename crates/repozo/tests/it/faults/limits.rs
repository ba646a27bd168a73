//! A limit of the size of files (`ulimit -f`): the kernel makes the write that reaches it short, a real short write,
//! and fails the next one.

use super::judging::{End, judge};
use super::scenario::{Prepared, SCENARIOS, Verb};
use crate::common::dir_in_memory;
use std::process::Command;

/// Of every file that is written, each limit falls into the first part, the middle or the end.
const LIMITS: [u64; 7] = [0, 1, 60, 100, 400, 1000, 2500];

/// Without the handler SIGXFSZ ends the program at once: no word of what is wrong, and drafts stay.
#[test]
fn a_file_that_may_not_grow_is_an_error_with_its_name() {
    let mut failed_count = 0;
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.always.is_empty()) {
        let prepared = Prepared::new(scenario, 0);
        for limit in LIMITS {
            let dir = dir_in_memory();
            let places = prepared.copy(&dir.path().join("site"));
            let mut command = Command::new("prlimit");
            command.arg(format!("--fsize={limit}")).arg("--").arg(env!("CARGO_BIN_EXE_repozo"));
            command.args(places.args(scenario));
            if scenario.verb == Verb::RecoverToStdout {
                command.stdout(std::fs::File::create(places.stdout()).unwrap());
            }
            let output = command.output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            let place = format!("{}, limit {limit}: {stderr}", scenario.name);
            let acknowledged = output.status.success();
            if !acknowledged {
                failed_count += 1;
                assert_eq!(output.status.code(), Some(1), "{place}");
                let last = stderr.lines().last().unwrap();
                assert!(last.contains("[Errno 27] File too large: "), "{place}");
                let named = last.contains(&*dir.path().to_string_lossy());
                assert!(named || last.contains("'standard output'"), "{place}");
            }
            judge(scenario, &prepared, &places, End { acknowledged, tidies: true })
                .unwrap_or_else(|violation| panic!("{place}: {violation}"));
        }
    }
    assert!(failed_count > 40, "only {failed_count} runs met their limit");
}
