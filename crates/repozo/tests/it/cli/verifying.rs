use super::{Site, assert_fails_with_a_line, assert_succeeds_in_silence};
use std::time::Duration;
use testkit::Oracle;

const FULL: &str = "2027-01-15-08-00-00";
const INCREMENTAL: &str = "2027-01-15-09-00-00";

/// Status 1 and these problems, each a line, in this order; then how many.
#[track_caller]
fn assert_problems(site: &Site, line: &str, problems: &[String]) {
    let ran = site.ours(line);
    let mut lines: Vec<&str> = ran.stderr.lines().collect();
    let verdict = lines.pop().unwrap_or_default();
    assert_eq!(lines, problems, "{line}");
    let plural = if problems.len() == 1 { "" } else { "s" };
    assert_eq!(verdict, format!("{} problem{plural} found in {}", problems.len(), site.repo().display()));
    assert_eq!((ran.status, ran.stdout.len()), (1, 0));
}

#[test]
fn a_sound_repository_is_verified_in_silence_as_by_python() {
    let mut oracle = Oracle::start();
    for options in ["", "-z"] {
        let site = Site::with_backups(options, 2);
        for line in ["-V -r REPO", "-V -Q -r REPO"] {
            assert_succeeds_in_silence(&site.both(&mut oracle, line));
        }
    }
}

#[test]
fn a_missing_file_and_a_wrong_size_are_told_in_pythons_words_also_when_quick() {
    let mut oracle = Oracle::start();
    for (options, suffix, words) in [("", "", ""), ("-z", "z", " (when uncompressed)")] {
        for line in ["-V -r REPO", "-V -Q -r REPO"] {
            let site = Site::with_backups(options, 2);
            let path = site.backup(&format!("{INCREMENTAL}.deltafs{suffix}"));
            std::fs::remove_file(&path).unwrap();
            site.both(&mut oracle, line);
            assert_problems(&site, line, &[format!("{} is missing", path.display())]);
            // Another backup's file under this name: whole in itself, but of another size.
            std::fs::copy(site.backup(&format!("{FULL}.fs{suffix}")), &path).unwrap();
            let len =
                std::fs::metadata(Site::with_backups("", 0).backup(&format!("{FULL}.fs"))).unwrap().len();
            site.both(&mut oracle, line);
            let message = format!("{} is {len} bytes{words}, should be 649 bytes", path.display());
            assert_problems(&site, line, &[message]);
        }
    }
}

#[test]
fn a_wrong_checksum_is_told_in_pythons_words_but_not_when_quick() {
    let mut oracle = Oracle::start();
    for (options, suffix, words) in [("", "", ""), ("-z", "z", " (when uncompressed)")] {
        let site = Site::with_backups(options, 1);
        // The line is wrong, or the file is: nobody can tell which.
        site.damage(&format!("{FULL}.dat"), |bytes| {
            let at = bytes.len() - 2;
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        });
        let ran = site.both(&mut oracle, "-V -r REPO");
        let expected = format!("{INCREMENTAL}.deltafs{suffix} has checksum ");
        assert!(ran.stderr.contains(&expected) && ran.stderr.contains(&format!("{words} instead of ")));
        assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
        assert_succeeds_in_silence(&site.both(&mut oracle, "-V -Q -r REPO"));
    }
}

#[test]
fn a_flipped_byte_in_a_data_file_is_found() {
    let site = Site::with_backups("", 1);
    site.damage(&format!("{FULL}.fs"), |bytes| bytes[1000] ^= 1);
    let ran = site.both(&mut Oracle::start(), "-V -r REPO");
    assert!(ran.stderr.contains(&format!("{FULL}.fs has checksum ")), "{}", ran.stderr);
}

/// Python ends in tracebacks, or says that the file is missing.
#[test]
fn damaged_gzip_is_called_that() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage, &str); 5] = [
        ("cut in the middle", |bytes| bytes.truncate(bytes.len() / 2), "it is cut short"),
        ("cut in the trailer", |bytes| bytes.truncate(bytes.len() - 3), "it is cut short"),
        ("no gzip at all", |bytes| bytes[0] = b'X', ""),
        ("a flipped byte", |bytes| *bytes.last_mut().unwrap() ^= 0x40, ""),
        (
            "a wrong check sum",
            |bytes| {
                let at = bytes.len() - 6;
                bytes[at] ^= 1
            },
            "",
        ),
    ];
    let mut oracle = Oracle::start();
    for (what, damage, reason) in damages {
        let site = Site::with_backups("-z", 1);
        let name = format!("{FULL}.fsz");
        site.damage(&name, damage);
        assert_eq!(site.pythons(&mut oracle, "-V -r REPO").status, 1, "{what}");
        let ran = site.ours("-V -r REPO");
        let message = format!("{} is not sound gzip: {reason}", site.backup(&name).display());
        assert!(ran.stderr.starts_with(&message), "{what}: {}", ran.stderr);
        assert_eq!((ran.status, ran.stderr.lines().count()), (1, 2), "{what}: {}", ran.stderr);
        assert!(!ran.stderr.contains("missing"), "{what}: {}", ran.stderr);
    }
}

#[test]
fn a_missing_list_is_an_error_of_the_system_in_pythons_words() {
    let (site, mut oracle) = (Site::with_backups("", 1), Oracle::start());
    site.remove(&format!("{FULL}.dat"));
    for line in ["-V -r REPO", "-V -Q -r REPO"] {
        site.both(&mut oracle, line);
        let dat = site.backup(&format!("{FULL}.dat"));
        assert_problems(&site, line, &[format!("[Errno 2] No such file or directory: '{}'", dat.display())]);
    }
}

/// Python passes an empty list, and ends in a traceback at a line that it cannot read.
#[test]
fn an_empty_list_and_a_line_of_junk_are_problems() {
    let site = Site::with_backups("", 1);
    let dat = site.backup(&format!("{FULL}.dat"));
    let sound = std::fs::read(&dat).unwrap();
    std::fs::write(&dat, "").unwrap();
    let problem = format!("{} is empty: what its chain should be is not known", dat.display());
    assert_problems(&site, "-V -r REPO", &[problem]);
    std::fs::write(&dat, [b"junk\n", sound.as_slice()].concat()).unwrap();
    let ran = site.ours("-V -r REPO");
    assert!(ran.stderr.contains(&format!("{}: line 1 cannot be read", dat.display())), "{}", ran.stderr);
    assert_eq!(ran.status, 1);
}

/// Python looks at the newest chain only, and stops at the first problem.
#[test]
fn all_problems_of_all_chains_are_told_in_one_run() {
    let mut site = Site::with_backups("", 2);
    site.back_up("-F");
    site.grow();
    site.back_up("-z");
    let (first, second, third) = (FULL, INCREMENTAL, "2027-01-15-10-00-00");
    let (full, last) = ("2027-01-15-11-00-00", "2027-01-15-12-00-00");
    let path = |name: &str| site.backup(name).display().to_string();
    site.damage(&format!("{first}.fs"), |bytes| bytes.truncate(100));
    site.remove(&format!("{second}.deltafs"));
    site.damage(&format!("{third}.index"), |bytes| bytes.truncate(20));
    site.damage(&format!("{full}.fs"), |bytes| bytes[900] ^= 1);
    site.damage(&format!("{last}.deltafsz"), |bytes| bytes.truncate(40));
    let ran = site.ours("-V -r REPO");
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let expected = [
        format!("{} is 100 bytes, should be ", path(&format!("{first}.fs"))),
        format!("{} is missing", path(&format!("{second}.deltafs"))),
        format!("{}: ", path(&format!("{third}.index"))),
        format!("{} has checksum ", path(&format!("{full}.fs"))),
        format!("{} is not sound gzip: it is cut short", path(&format!("{last}.deltafsz"))),
        format!("5 problems found in {}", site.repo().display()),
    ];
    assert_eq!((ran.status, lines.len()), (1, expected.len()), "{}", ran.stderr);
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(&expected), "{line:?} does not begin with {expected:?}");
    }
}

/// All of these pass Python's verification.
#[test]
fn files_that_belong_to_no_chain_are_problems() {
    let site = Site::with_backups("", 1);
    let (stray, unlisted) = ("2027-01-15-07-00-00.deltafs", "2027-01-15-09-30-00.deltafs");
    let lone = "2027-01-14-00-00-00.dat";
    std::fs::write(site.backup(stray), "abc").unwrap();
    std::fs::write(site.backup(unlisted), "abc").unwrap();
    std::fs::write(site.backup(lone), "").unwrap();
    let path = |name: &str| site.backup(name).display().to_string();
    assert_succeeds_in_silence(&site.pythons(&mut Oracle::start(), "-V -r REPO"));
    let problems = [
        format!("{}: the full backup that it builds on is missing", path(stray)),
        format!("{}: the full backup that it lists is missing", path(lone)),
        format!(
            "{} is not listed in {}: a run that died, or a damaged list; the next backup settles it",
            path(unlisted),
            path(&format!("{FULL}.dat"))
        ),
    ];
    assert_problems(&site, "-V -r REPO", &problems);
    assert_problems(&site, "-V -Q -r REPO", &problems);
}

#[test]
fn a_hole_between_two_files_is_a_problem() {
    let site = Site::with_backups("", 2);
    site.remove(&format!("{INCREMENTAL}.deltafs"));
    site.damage(&format!("{FULL}.dat"), |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains(INCREMENTAL)).collect();
        *bytes = format!("{}\n", lines.join("\n")).into_bytes();
    });
    assert_succeeds_in_silence(&site.pythons(&mut Oracle::start(), "-V -r REPO"));
    let ran = site.ours("-V -r REPO");
    assert!(ran.stderr.contains("a hole"), "{}", ran.stderr);
    assert_eq!((ran.status, ran.stderr.lines().count()), (1, 2), "{}", ran.stderr);
}

#[test]
fn verifying_writes_nothing_and_needs_no_clock_that_is_right() {
    let site = Site::with_backups("", 1);
    let before = site.names();
    site.clock.go_back(Duration::from_secs(30 * 86400));
    assert_succeeds_in_silence(&site.ours("-V -r REPO"));
    assert_eq!(site.names(), before);
}

#[test]
fn other_files_in_the_repository_are_nobodys_business() {
    let site = Site::with_backups("", 1);
    for name in
        ["README", "2027-01-15-08-00-00.fs.md5", "tmp.tmp", "x.fs", "2027-01-15-09-30-00.deltafs.unlisted"]
    {
        std::fs::write(site.backup(name), "abc").unwrap();
    }
    assert_succeeds_in_silence(&site.both(&mut Oracle::start(), "-V -r REPO"));
    site.remove(&format!("{FULL}.dat"));
    assert_fails_with_a_line(&site.ours("-R -r REPO -w"), &["--with-verify"]);
}
