//! What a newcomer copies from the README works.

use super::examples;
use crate::common::binary;
use std::path::Path;
use std::process::Command;

fn section(heading: &str) -> String {
    let text = std::fs::read_to_string(testkit::root().join("README.md")).unwrap();
    let (_, behind) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    behind.split_once("\n## ").map_or(behind, |(section, _)| section).to_owned()
}

/// In a shell as they stand, but for the two lines that build the program and say where it is.
#[test]
fn the_first_steps_can_be_taken_in_a_clone() {
    let section = section("First steps");
    let block = section.split("```").nth(1).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let steps: Vec<&str> = block.lines().filter(|line| line.starts_with("repozo ")).collect();
    assert!(steps.len() >= 5, "{steps:?}");
    let steps = steps.join("\n").replace("/tmp/", &format!("{}/", dir.path().display()));
    let program = Path::new(env!("CARGO_BIN_EXE_repozo")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let repository = dir.path().join("backups");
    std::fs::create_dir(&repository).unwrap();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-eu", "-c", &steps]).current_dir(testkit::root());
    let ran = shell.env("PATH", path).env("REPOZO_REPOSITORY", repository).output().unwrap();
    let [told, wrong] = [&ran.stdout, &ran.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(ran.status.success() && wrong.is_empty(), "{told}{wrong}");
    for expected in ["the first one", "1 chain, 1 backup", "all verified", "no problem"] {
        assert!(told.contains(expected), "no \"{expected}\" in {told}");
    }
    let sample = std::fs::read(testkit::data("samples").join("undo.fs")).unwrap();
    assert_eq!(std::fs::read(dir.path().join("Restored.fs")).unwrap(), sample);
}

/// In the root of a clone, those that name samples.
#[test]
fn the_looks_inside_print_what_they_say() {
    let examples = examples(&section("Looking inside"));
    let examples: Vec<_> = examples.iter().filter(|(command, _)| command.contains("samples/")).collect();
    assert!(examples.len() >= 3, "{examples:?}");
    for (command, expected) in examples {
        let words = command.strip_prefix("repozo ").unwrap().split(' ');
        let ran = binary().args(words).current_dir(testkit::root()).env("TZ", "UTC").output().unwrap();
        let printed = String::from_utf8(ran.stdout).unwrap() + str::from_utf8(&ran.stderr).unwrap();
        assert_eq!(printed.trim_end(), expected.trim_end(), "{command}");
    }
}
