//! The documents speak of tests; those tests exist.

use crate::common::{args, ours};
use std::collections::{BTreeMap, BTreeSet};
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

/// What every line has.
const COMMON: [&str; 2] = ["message_type", "schema_version"];

/// The fields of each kind of line that a verb gives, by the table in JSON.md.
fn documented_fields(text: &str) -> BTreeMap<(String, String), BTreeSet<String>> {
    let code = |cell: &str| {
        // What stands in brackets says something of the field before it.
        let outside: String =
            cell.split('(').map(|part| part.split_once(')').map_or(part, |(_, rest)| rest)).collect();
        outside.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows = rows.filter_map(|(verb, rest)| Some((verb, rest.split_once(" | ")?)));
    rows.map(|(verb, (kind, fields))| {
        let kind = code(kind).pop().unwrap_or_else(|| "finding".to_owned());
        ((verb.to_owned(), kind), code(fields).into_iter().collect())
    })
    .collect()
}

/// Backups of three days, of a day a week later, and a file that is damaged.
fn repository_with_gaps(dir: &Path) -> std::path::PathBuf {
    let (repository, file) = (dir.join("gaps"), dir.join("Data.fs"));
    std::fs::create_dir(&repository).unwrap();
    let clock = TestClock::at(1_800_000_000);
    let mut database = testkit::Database::with_transactions(3);
    for days in [1, 1, 7, 1] {
        database.commit(&[(1, 9)]);
        std::fs::write(&file, database.bytes()).unwrap();
        ours(&clock, &args!["-B", "-r", &repository, "-f", &file]).expect_success();
        clock.pass(std::time::Duration::from_secs(86_400 * days));
    }
    let last = testkit::names(&repository).into_iter().rfind(|name| name.ends_with(".deltafs")).unwrap();
    std::fs::write(repository.join(last), b"something else").unwrap();
    repository
}

#[test]
fn every_field_of_every_line_is_documented_and_no_other() {
    let text = std::fs::read_to_string(testkit::root().join("docs/JSON.md")).unwrap();
    let mut documented = documented_fields(&text);
    let of_dump = documented[&("dump".to_owned(), "record".to_owned())].clone();
    documented.insert(("history".to_owned(), "record".to_owned()), of_dump);
    let of_restored = documented[&("restore".to_owned(), "restored".to_owned())].clone();
    documented.insert(("restore".to_owned(), "plan".to_owned()), of_restored);
    let of_tag = documented[&("tag".to_owned(), "tags".to_owned())].clone();
    // Its lines are those of three other verbs, and two of its own.
    documented.remove(&("drill".to_owned(), "finding".to_owned()));
    for verb in ["hold", "unhold"] {
        documented.insert((verb.to_owned(), "tags".to_owned()), of_tag.clone());
    }
    let findings = documented.remove(&("check".to_owned(), "finding".to_owned())).unwrap();
    let (all, mut seen) = (documented.len(), BTreeSet::new());
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("blobs")).unwrap();
    std::fs::create_dir(dir.path().join("repository")).unwrap();
    let sample = testkit::data("samples").join("undo.fs");
    let clock = TestClock::at(1_800_000_000);
    ours(&clock, &args!["-B", "-r", dir.path().join("repository"), "-f", sample]).expect_success();
    let gaps = repository_with_gaps(dir.path());
    for words in [
        "check bad-plen.fs",
        "check status-u.fs",
        "refs --garbage --blobs BLOBS refs.fs",
        "refs --blobs BLOBS blobs.fs",
        "refs bad-plen.fs",
        "refs refs-broken.fs",
        "why 0 undo.fs",
        "why 1 undo.fs",
        "why 3 undo.fs",
        "why 0x77 undo.fs",
        "referrers 1 refs.fs",
        "history 1 refs.fs",
        "history 0x77 bad-plen.fs",
        "cat 0 refs.fs",
        "cat 3 undo.fs",
        "cat 1 bad-back-oid.fs",
        "cat 0x77 bad-plen.fs",
        "log bad-plen.fs",
        "tail -n 99 bad-plen.fs",
        "dump bad-plen.fs",
        "stats bad-plen.fs",
        "salvage bad-plen.fs NEW",
        "backup -r REPOSITORY undo.fs",
        "status -r REPOSITORY --file undo.fs",
        "drill -r REPOSITORY --scratch SCRATCH",
        "drill -r GAPS --scratch SCRATCH",
        "repair -r REPOSITORY",
        "tag -r REPOSITORY newest a-tag",
        "hold -r REPOSITORY newest",
        "unhold -r REPOSITORY newest",
        "forget -r REPOSITORY --keep-last 1",
        "list -r REPOSITORY",
        "list -r GAPS",
        "verify -r REPOSITORY",
        "verify -r GAPS",
        "restore -r REPOSITORY --dry-run",
        "restore -r REPOSITORY -o RESTORED",
    ] {
        let verb = words.split(' ').next().unwrap();
        let word = |word: &str| match word {
            "BLOBS" => dir.path().join("blobs").into_os_string(),
            "GAPS" => gaps.clone().into_os_string(),
            "SCRATCH" => dir.path().as_os_str().to_owned(),
            "REPOSITORY" => dir.path().join("repository").into_os_string(),
            "RESTORED" => dir.path().join("Restored.fs").into_os_string(),
            "NEW" => dir.path().join("New.fs").into_os_string(),
            name if name.ends_with(".fs") => testkit::data("samples").join(name).into_os_string(),
            other => other.into(),
        };
        let line: Vec<_> = words.split(' ').map(word).chain(["--json".into()]).collect();
        let ran = ours(&TestClock::at(1_900_000_000), &line);
        assert_eq!(ran.stderr, "", "{words}");
        for told in str::from_utf8(&ran.stdout).unwrap().lines() {
            let told: serde_json::Map<String, serde_json::Value> = serde_json::from_str(told).unwrap();
            let kind = told["message_type"].as_str().unwrap().to_owned();
            let mut fields: BTreeSet<String> =
                told.keys().filter(|key| !COMMON.contains(&key.as_str())).cloned().collect();
            let all_verbs = ["check", "refs", "restore"].map(|other| (other.to_owned(), kind.clone()));
            let mut key = (verb.to_owned(), kind);
            if verb == "drill" && !documented.contains_key(&key) {
                let mut known = all_verbs.into_iter().filter(|key| documented.contains_key(key));
                key = known.find(|key| documented[key] == fields).unwrap_or(key);
            }
            if let Some(expected) = documented.get(&key) {
                assert_eq!(&fields, expected, "{words}");
                seen.insert(key);
            } else {
                assert!(
                    verb == "check" && text.contains(&format!("`{}`", key.1)),
                    "{key:?} is not documented"
                );
                fields.insert("end_pos".to_owned());
                assert_eq!(fields, findings, "{words}");
            }
        }
    }
    let never: Vec<_> = documented.keys().filter(|key| !seen.contains(*key)).collect();
    // Those need a damaged index, a stray file, an old ZODB.
    let rare = ["index", "unnamed-blob", "skipped-undone"];
    assert!(never.iter().all(|(_, kind)| rare.contains(&kind.as_str())) && all > 30, "{never:?} of {all}");
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
/// of the pages prints what they say.
#[test]
fn the_commands_of_the_pages_print_what_they_say() {
    for page in ["RESTORE", "MONITORING", "RETENTION", "REPAIR"] {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir(path("backups")).unwrap();
        std::fs::copy(testkit::data("samples").join("undo.fs"), path("Data.fs")).unwrap();
        let clock = TestClock::at(1_700_001_600);
        ours(&clock, &args!["-B", "-r", path("backups"), "-f", path("Data.fs")]).expect_success();
        let text = std::fs::read_to_string(testkit::root().join(format!("docs/{page}.md"))).unwrap();
        let examples = examples(&text);
        assert!(!examples.is_empty(), "{page}");
        for (command, expected) in examples {
            let words = command.strip_prefix("repozo ").unwrap_or_else(|| panic!("{page}: {command}"));
            let ran = crate::common::binary()
                .args(words.split(' '))
                .current_dir(dir.path())
                .env("TZ", "UTC")
                .output()
                .unwrap();
            let printed = String::from_utf8(ran.stdout).unwrap() + str::from_utf8(&ran.stderr).unwrap();
            let expected: Vec<&str> = expected.trim_end().lines().collect();
            assert_eq!(printed.trim_end().lines().collect::<Vec<_>>(), expected, "{page}: {command}");
        }
    }
}
