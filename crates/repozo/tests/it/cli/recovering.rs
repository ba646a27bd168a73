use super::{Site, assert_fails_with_a_line, assert_succeeds_in_silence, assert_succeeds_with_warnings};
use crate::common::content;
use testkit::{Oracle, names};

const FULL: &str = "2027-01-15-08-00-00";
const INCREMENTAL: &str = "2027-01-15-09-00-00";

/// A failed recovery: one line with `words`, and the old database and its index are there as before.
#[track_caller]
fn assert_target_survives(site: &Site, line: &str, words: &[&str]) {
    std::fs::write(site.target(), "the old database").unwrap();
    std::fs::write(site.path("Restored.fs.index"), "its index").unwrap();
    let before = names(site.dir.path());
    assert_fails_with_a_line(&site.ours(line), words);
    assert_eq!(content(&site.target()), b"the old database");
    assert_eq!(content(&site.path("Restored.fs.index")), b"its index");
    assert_eq!(names(site.dir.path()), before, "litter");
}

#[test]
fn what_is_recovered_is_what_was_backed_up_and_what_python_recovers() {
    let mut oracle = Oracle::start();
    for options in ["", "-z"] {
        let site = Site::with_backups(options, 2);
        for line in ["-R -r REPO", "-R -w -r REPO"] {
            assert_eq!(site.both(&mut oracle, line).stdout, site.database.bytes());
            let line = format!("{line} -o TARGET");
            assert_succeeds_in_silence(&site.both(&mut oracle, &line));
            let pythons = (content(&site.target()), content(&site.path("Restored.fs.index")));
            assert_succeeds_in_silence(&site.ours(&line));
            assert_eq!((content(&site.target()), content(&site.path("Restored.fs.index"))), pythons);
            assert_eq!(pythons.0, site.database.bytes());
        }
    }
}

#[test]
fn a_missing_file_in_the_middle_ends_it_before_the_target_is_touched() {
    for line in ["-R -r REPO -o TARGET", "-R -w -r REPO -o TARGET"] {
        let site = Site::with_backups("", 2);
        let name = format!("{INCREMENTAL}.deltafs");
        site.remove(&name);
        assert_target_survives(&site, line, &[&format!("{name} is missing"), "nothing was recovered"]);
        // What lies before it can be had.
        assert_succeeds_in_silence(&site.ours(&format!("{line} -D {FULL}")));
    }
}

#[test]
fn a_missing_full_ends_it_with_status_1() {
    let site = Site::with_backups("", 1);
    site.remove(&format!("{FULL}.fs"));
    for line in ["-R -r REPO -o TARGET", "-R -w -r REPO -o TARGET"] {
        assert_target_survives(&site, line, &[&format!("{FULL}.fs is missing"), "nothing was recovered"]);
    }
}

#[test]
fn a_wrong_size_ends_it_in_pythons_words_with_and_without_w() {
    let mut oracle = Oracle::start();
    for (options, suffix) in [("", ""), ("-z", "z")] {
        let site = Site::with_backups(options, 1);
        let name = format!("{INCREMENTAL}.deltafs{suffix}");
        std::fs::copy(site.backup(&format!("{FULL}.fs{suffix}")), site.backup(&name)).unwrap();
        let pythons = site.pythons(&mut oracle, "-R -w -r REPO -o TARGET");
        assert_eq!(pythons.status, 1);
        std::fs::remove_file(site.path("Restored.fs.part")).unwrap();
        for line in ["-R -r REPO -o TARGET", "-R -w -r REPO -o TARGET"] {
            // Python does not say here that a size is that of uncompressed bytes.
            let (path, should) = (site.backup(&name).display().to_string(), ", should be 649 bytes");
            assert_target_survives(&site, line, &[&format!("{path} is "), should]);
            assert!(pythons.stderr.starts_with(&format!("{path} is ")) && pythons.stderr.contains(should));
        }
    }
}

#[test]
fn a_wrong_checksum_ends_it_in_pythons_words_with_w() {
    let (site, mut oracle) = (Site::with_backups("", 1), Oracle::start());
    site.damage(&format!("{FULL}.fs"), |bytes| bytes[1000] ^= 1);
    let pythons = site.pythons(&mut oracle, "-R -w -r REPO -o TARGET");
    std::fs::remove_file(site.path("Restored.fs.part")).unwrap();
    assert_eq!(pythons.status, 1);
    assert_target_survives(&site, "-R -w -r REPO -o TARGET", &[pythons.stderr.trim_end()]);
    assert!(pythons.stderr.contains("has checksum"));
}

#[test]
fn damaged_gzip_ends_it_by_its_name() {
    for line in ["-R -r REPO -o TARGET", "-R -w -r REPO -o TARGET"] {
        let site = Site::with_backups("-z", 1);
        site.damage(&format!("{FULL}.fsz"), |bytes| bytes.truncate(bytes.len() - 9));
        assert_target_survives(&site, line, &[&format!("{FULL}.fsz is not sound gzip: it is cut short")]);
        site.damage(&format!("{FULL}.fsz"), |bytes| bytes[0] = b'X');
        assert_target_survives(&site, line, &[&format!("{FULL}.fsz is not sound gzip: ")]);
    }
}

#[test]
fn files_copied_by_hand_without_their_list_are_recovered_with_a_warning_but_not_with_w() {
    let site = Site::with_backups("", 1);
    site.remove(&format!("{FULL}.dat"));
    let dat = site.backup(&format!("{FULL}.dat")).display().to_string();
    assert_target_survives(&site, "-R -w -r REPO -o TARGET", &[&dat, "--with-verify"]);
    let ran = site.both(&mut Oracle::start(), "-R -r REPO -o TARGET");
    assert_succeeds_with_warnings(&ran, &[&format!("{dat} is missing or empty")]);
    assert_succeeds_with_warnings(&site.ours("-R -r REPO -o TARGET"), &[&dat]);
    assert_eq!(content(&site.target()), site.database.bytes());
}

#[test]
fn content_that_is_no_filestorage_is_recovered_with_a_warning() {
    let site = Site::new();
    std::fs::write(site.backup("2020-02-02-02-02-02.fs"), "AAA").unwrap();
    std::fs::write(site.backup("2020-02-02-02-02-03.deltafs"), "BBBB").unwrap();
    std::fs::write(
        site.backup("2020-02-02-02-02-02.dat"),
        "/x/2020-02-02-02-02-02.fs 0 3 e1faffb3e614e6c2fba74296962386b7\n\
         /x/2020-02-02-02-02-03.deltafs 3 7 f50881ced34c7d9e6bce100bf33dec60\n",
    )
    .unwrap();
    for line in ["-R -r REPO", "-R -r REPO -w"] {
        let ran = site.both(&mut Oracle::start(), line);
        assert_succeeds_with_warnings(&ran, &["not a sound FileStorage"]);
        assert_eq!(ran.stdout, b"AAABBBB");
    }
}

#[test]
fn a_new_index_replaces_the_old_one_and_none_is_left_where_there_is_none_to_restore() {
    let site = Site::with_backups("", 1);
    let index = site.path("Restored.fs.index");
    std::fs::write(&index, "of another database").unwrap();
    assert_succeeds_in_silence(&site.ours("-R -r REPO -o TARGET"));
    assert_eq!(content(&index), content(&site.backup(&format!("{INCREMENTAL}.index"))));
    site.remove(&format!("{INCREMENTAL}.index"));
    assert_succeeds_in_silence(&site.ours("-R -r REPO -o TARGET"));
    assert!(!index.exists());
}

#[test]
fn an_index_of_another_state_is_not_restored_and_that_is_said() {
    let site = Site::with_backups("", 1);
    let name = format!("{INCREMENTAL}.index");
    std::fs::copy(site.backup(&format!("{FULL}.index")), site.backup(&name)).unwrap();
    let ran = site.ours("-R -r REPO -o TARGET");
    assert_succeeds_with_warnings(&ran, &[&format!("{name} was not restored")]);
    assert!(!site.path("Restored.fs.index").exists());
}
