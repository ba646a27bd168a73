//! Completions and manual pages are what shells and man take.

use crate::common::{args, ours};
use std::io::Write;
use std::process::{Command, Stdio};
use testkit::TestClock;

fn printed(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(std::ffi::OsString::from).collect();
    let ran = ours(&TestClock::at(1_800_000_000), &words).expect_success();
    assert_eq!(ran.stderr, "");
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn bash_completes_a_verb_and_an_option() {
    let script = printed(&["completion", "bash"]);
    let ask = |line: &str, word: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let (last, number) = (words[words.len() - 1], words.len() - 1);
        assert_eq!(last, word);
        let asking = format!(
            "{script}\nCOMP_WORDS=({line}); COMP_CWORD={number}; _repozo repozo '{last}' '{}'; echo \"${{COMPREPLY[@]}}\"\n",
            words[number - 1]
        );
        let mut child = Command::new("bash").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(asking.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
    };
    assert_eq!(ask("repozo resto", "resto"), "restore");
    assert_eq!(ask("repozo restore --even", "--even"), "--even-packed");
}

#[test]
fn each_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(printed(&["completion", shell]).contains("salvage"), "{shell}");
    }
}

#[test]
fn each_verb_has_a_manual_page() {
    let all = printed(&["man"]);
    assert!(all.starts_with(".ie") && all.contains(".TH repozo 1"), "{all}");
    for verb in ["backup", "restore", "forget", "check"] {
        let page = printed(&["man", verb]);
        assert!(page.contains(&format!(".TH repozo-{verb} 1")) && page.contains("Example: repozo"), "{page}");
    }
    let ran = ours(&TestClock::at(1_800_000_000), &args!["man", "nothing"]);
    assert_eq!(ran.status, 2);
}
