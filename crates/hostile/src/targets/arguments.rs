//! The command line.

use crate::within;
use repozo::args::classic::{Action, Invocation, parse};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

pub(super) fn run(data: &[u8]) {
    let args: Vec<OsString> =
        data.split(|byte| *byte == 0).map(|arg| OsString::from_vec(arg.to_vec())).collect();
    let (text, found) = within(super::allowed(4000, 200, data.len()), || {
        let parsed = parse(&args);
        (format!("{parsed:?}"), parsed)
    });
    let Ok(invocation) = found else { return };
    check(&invocation);
    // The same in other words is the same.
    assert_eq!(format!("{:?}", parse(&in_words(&args))), text);
    if !matches!(invocation.action, Action::Help | Action::Version) {
        // All values are there, so what comes now is too much.
        let with_operand: Vec<OsString> = args.into_iter().chain(["--".into(), "x".into()]).collect();
        assert!(parse(&with_operand).is_err());
    }
}

fn check(invocation: &Invocation) {
    match &invocation.action {
        Action::Backup(request) => assert!(!request.file.as_os_str().is_empty()),
        Action::Recover(request, _) => assert!(!(request.with_verify && request.tell_sum)),
        Action::Verify(_) | Action::Help | Action::Version => {}
    }
}

/// `--name=value` as two words, and joined letters as words of one letter, as far as the options go.
fn in_words(args: &[OsString]) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let bytes = arg.as_bytes();
        match bytes {
            b"" | b"-" | b"--" => {
                words.push(arg.clone());
                break;
            }
            [b'-', b'-', long @ ..] => match long.iter().position(|byte| *byte == b'=') {
                // The one value that is had in no other way.
                Some(at) if at > 0 && b"quick".starts_with(&long[..at]) => words.push(arg.clone()),
                Some(at) => {
                    words.push(OsString::from_vec(bytes[..at + 2].to_vec()));
                    words.push(OsString::from_vec(long[at + 1..].to_vec()));
                }
                None => {
                    words.push(arg.clone());
                    if takes_value(long) {
                        words.extend(args.next().cloned());
                    }
                }
            },
            [b'-', letters @ ..] => letters_as_words(letters, &mut args, &mut words),
            _ => {
                words.push(arg.clone());
                break;
            }
        }
    }
    words.extend(args.cloned());
    words
}

fn letters_as_words(letters: &[u8], args: &mut std::slice::Iter<'_, OsString>, words: &mut Vec<OsString>) {
    for (at, letter) in letters.iter().enumerate() {
        words.push(OsString::from_vec(vec![b'-', *letter]));
        if b"rfDo".contains(letter) {
            match &letters[at + 1..] {
                b"" => words.extend(args.next().cloned()),
                value => words.push(OsString::from_vec(value.to_vec())),
            }
            return;
        }
    }
}

/// Of the names that begin so; where it is not unique the line is an error anyway, but for what was unique in Python.
fn takes_value(long: &[u8]) -> bool {
    let names: [&[u8]; 6] = [b"repository", b"file", b"date", b"output", b"wait", b"blobs"];
    let is_of_python = [&b"w"[..], b"b"].contains(&long);
    !is_of_python && names.iter().any(|name| name.starts_with(long))
}
