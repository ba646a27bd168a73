//! What the documents say is so.

mod json;
mod lines;
mod readme;
mod schema;

use crate::common::{args, ours};
use std::collections::BTreeSet;
use std::path::Path;
use testkit::TestClock;

fn test_names(dir: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            test_names(&path, names);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let functions = text.lines().filter_map(|line| line.trim().strip_prefix("fn "));
            names.extend(functions.filter_map(|rest| rest.split_once('(')).map(|(name, _)| name.to_owned()));
        }
    }
}

/// Code words of three words and more are names of tests, unless they hold anything but letters.
fn named_tests(text: &str) -> BTreeSet<String> {
    let code = text.split('`').skip(1).step_by(2);
    let is_test = |word: &&str| {
        word.matches('_').count() >= 3
            && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
    };
    code.filter(is_test).map(str::to_owned).collect()
}

#[test]
fn every_test_that_the_list_of_differences_names_exists() {
    let root = testkit::root();
    let mut known = BTreeSet::new();
    test_names(&root.join("crates"), &mut known);
    let text = std::fs::read_to_string(root.join("docs/COMPAT.md")).unwrap();
    let named = named_tests(&text);
    assert!(named.len() > 40, "{}", named.len());
    let missing: Vec<_> = named.difference(&known).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The commands of a page with what they print, in the order of the page.
fn examples(text: &str) -> Vec<(String, String)> {
    let blocks = text.split("```").skip(1).step_by(2);
    let mut examples: Vec<(String, String)> = Vec::new();
    for line in blocks.filter(|block| block.starts_with("\n$ ")).flat_map(|block| block[1..].lines()) {
        match (line.strip_prefix("$ "), examples.last_mut()) {
            (Some(command), _) => examples.push((command.to_owned(), String::new())),
            (None, Some((_, printed))) => *printed += &format!("{line}\n"),
            (None, None) => unreachable!("a block begins with a command"),
        }
    }
    examples
}

/// In a directory with a database of ZODB's, `Data.fs`, and its backup of 14 November 2023, 22:40, in `backups`, each command
/// of the pages prints what they say; the configuration of a page is `repozo.toml`.
#[test]
fn the_commands_of_the_pages_print_what_they_say() {
    for page in ["RESTORE", "MONITORING", "RETENTION", "REPAIR", "CONFIG"] {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir(path("backups")).unwrap();
        std::fs::copy(testkit::data("samples").join("undo.fs"), path("Data.fs")).unwrap();
        let clock = TestClock::at(1_700_001_600);
        ours(&clock, &args!["-B", "-r", path("backups"), "-f", path("Data.fs")]).expect_success();
        let text = std::fs::read_to_string(testkit::root().join(format!("docs/{page}.md"))).unwrap();
        let configuration = text.split("```").find(|block| block.starts_with("\n[profile."));
        std::fs::write(path("repozo.toml"), configuration.unwrap_or_default()).unwrap();
        let examples = examples(&text);
        assert!(!examples.is_empty(), "{page}");
        for (command, expected) in examples {
            let (variable, words) =
                command.split_once("repozo ").unwrap_or_else(|| panic!("{page}: {command}"));
            let variable = variable.trim_end().split_once('=');
            let mut run = crate::common::binary();
            run.args(words.split(' ')).current_dir(dir.path()).env_remove("REPOZO_REPOSITORY");
            run.env("TZ", "UTC").envs(variable);
            let ran = run.output().unwrap();
            let printed = String::from_utf8(ran.stdout).unwrap() + str::from_utf8(&ran.stderr).unwrap();
            let expected: Vec<&str> = expected.trim_end().lines().collect();
            assert_eq!(printed.trim_end().lines().collect::<Vec<_>>(), expected, "{page}: {command}");
        }
    }
}
