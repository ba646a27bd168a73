use super::{Site, assert_fails_with_a_line, assert_succeeds_in_silence, assert_tidy, last_line};
use crate::common::{args, run_binary};
use testkit::Oracle;

const PYTHONS_OPTIONS: [&str; 28] = [
    "-B",
    "--backup",
    "-R",
    "--recover",
    "-V",
    "--verify",
    "-v",
    "--verbose",
    "-h",
    "--help",
    "-r",
    "--repository",
    "-f",
    "--file",
    "-F",
    "--full",
    "-Q",
    "--quick",
    "-z",
    "--gzip",
    "-k",
    "--kill-old-on-full",
    "-D",
    "--date",
    "-o",
    "--output",
    "-w",
    "--with-verify",
];
const OUR_OPTIONS: [&str; 3] = ["--version", "--force", "--wait"];

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '-').any(|other| other == word)
}

#[test]
fn help_goes_to_stdout_with_status_0_and_names_every_option() {
    let mut oracle = Oracle::start();
    for line in ["-h", "--help", "-B -h", "-V -h some words", "-hB"] {
        let ran = run_binary(&line.split(' ').collect::<Vec<_>>());
        assert_succeeds_in_silence(&ran);
        let help = String::from_utf8(ran.stdout).unwrap();
        let pythons = oracle.repozo(&line.split(' ').collect::<Vec<_>>(), 0);
        assert_eq!((pythons.status, pythons.stderr.as_str()), (0, ""));
        let pythons = String::from_utf8(pythons.stdout).unwrap();
        assert!(help.contains("Usage:") && pythons.contains("Usage:"));
        for option in PYTHONS_OPTIONS {
            assert!(has_word(&help, option) && has_word(&pythons, option), "{option}");
        }
        for option in OUR_OPTIONS {
            assert!(has_word(&help, option), "{option}");
        }
    }
}

#[test]
fn every_usage_error_ends_with_pythons_line_below_the_help_and_status_1() {
    let mut oracle = Oracle::start();
    for line in [
        "",
        "--nope",
        "-x",
        "-Bx",
        "-h --nope",
        "-h -x",
        "-B -r",
        "-B -f",
        "--file",
        "-R --date",
        "-R -D",
        "-o",
        "--ver",
        "--f x",
        "--re",
        "--full=1",
        "--backup=yes",
        "--with-verify=",
        "-B -R",
        "-BB",
        "-B -V -h",
        "-R -V foo",
        "foo bar",
        "-B foo -r repo -f x",
        "-B - x",
        "-- -B",
        "-r repo",
        "-v",
        "-B",
        "-R",
        "-V",
        "-B -f Data.fs",
        "-B -r repo",
        "-B -r repo --file=",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (ran, pythons) = (run_binary(&words), oracle.repozo(&words, 0));
        assert_tidy(&ran);
        assert_eq!((ran.status, pythons.status), (1, 1), "{line:?}");
        assert_eq!((ran.stdout.len(), pythons.stdout.len()), (0, 0), "{line:?}");
        assert!(ran.stderr.contains("Usage:"), "{line:?}");
        assert_eq!(last_line(&ran.stderr), last_line(&pythons.stderr), "{line:?}");
    }
}

#[test]
fn options_of_another_mode_are_named_under_v_and_only_there() {
    let (site, mut oracle) = (Site::new(), Oracle::start());
    for line in [
        "-B -r REPO/nowhere -f SOURCE -D 2027 -o TARGET -w",
        "-R -r REPO -f SOURCE -k -F -Q -z",
        "-V -r REPO -w -k -f SOURCE -z -F -o TARGET -D 2027",
        "-V -r REPO",
    ] {
        let ignored = |stderr: &str| -> Vec<String> {
            stderr.lines().filter(|line| line.contains("ignored")).map(str::to_owned).collect()
        };
        let verbose = format!("{line} -v");
        let pythons = site.pythons(&mut oracle, &verbose);
        assert_eq!(ignored(&site.ours(&verbose).stderr), ignored(&pythons.stderr), "{line}");
        assert_eq!(ignored(&site.ours(line).stderr), Vec::<String>::new(), "{line}");
        assert!(!site.target().exists());
    }
}

#[test]
fn version_is_one_line_on_stdout() {
    let ran = run_binary(&args!["--version"]);
    assert_succeeds_in_silence(&ran);
    assert_eq!(ran.stdout, format!("repozo {}\n", env!("CARGO_PKG_VERSION")).into_bytes());
}

#[test]
fn wait_takes_seconds_and_force_takes_nothing() {
    let site = Site::new();
    assert_succeeds_in_silence(&site.ours("-B -r REPO -f SOURCE --wait=3 --force -k"));
    assert_succeeds_in_silence(&site.ours("-B -r REPO -f SOURCE --wait 3"));
    for (line, message) in [
        ("-B -r REPO -f SOURCE --wait soon", "--wait takes a whole number of seconds"),
        ("-B -r REPO -f SOURCE --wait=-1", "--wait takes a whole number of seconds"),
        ("-B -r REPO -f SOURCE --wait", "option --wait requires argument"),
        ("-B -r REPO -f SOURCE --force=1", "option --force must not have an argument"),
        ("-B -r REPO -f SOURCE --quick=sha1", "--quick has no value but md5"),
        ("-B -r REPO -f SOURCE --quick=", "--quick has no value but md5"),
        ("-V -r REPO --quick=md5", "option --quick must not have an argument"),
        ("-R -r REPO --quick=md5", "option --quick must not have an argument"),
    ] {
        let ran = site.ours(line);
        assert_eq!((ran.status, last_line(&ran.stderr)), (1, message), "{line}");
    }
}

#[test]
fn a_locked_repository_is_waited_for_as_long_as_was_said_and_no_longer() {
    use vfs::Fs as _;
    let site = Site::with_backups("", 0);
    let lock = vfs::OsFs.try_lock(&site.repo(), vfs::LockKind::Exclusive).unwrap().unwrap();
    for (line, waited) in [("-B -r REPO -f SOURCE", 0), ("-B -r REPO -f SOURCE --wait 7", 7)] {
        let before = site.clock.seconds();
        let ran = site.ours(line);
        assert_fails_with_a_line(&ran, &[site.repo().to_str().unwrap(), "another repozo", "--wait"]);
        assert_eq!(site.clock.seconds() - before, waited, "{line}");
    }
    for line in ["-R -r REPO -o TARGET", "-V -r REPO"] {
        assert_succeeds_in_silence(&site.ours(line));
    }
    drop(lock);
    assert_succeeds_in_silence(&site.ours("-B -r REPO -f SOURCE"));
}
