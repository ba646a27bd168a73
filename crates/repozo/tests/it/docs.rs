//! The documents speak of tests; those tests exist.

use std::collections::BTreeSet;
use std::path::Path;

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
