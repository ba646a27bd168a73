//! `--blobs` where nothing is copied: the database has blobs, and backups without them are not what was wanted.

use super::{Site, args, ours};
use std::ffi::OsString;
use std::time::Duration;

/// The exit status, and what is printed.
fn run(site: &Site, words: &[&str], with_blobs: bool) -> (u8, String) {
    let mut all = args![words[0], "-r", site.repository()].to_vec();
    all.extend(words[1..].iter().map(OsString::from));
    if words[0] == "drill" {
        all.extend(args!["--scratch", site.path("")]);
    }
    if with_blobs {
        all.extend(args!["--blobs", site.path("blobs")]);
    }
    let ran = ours(&site.clock, &all);
    (ran.status, String::from_utf8(ran.stdout).unwrap() + &ran.stderr)
}

fn back_up_without_blobs(site: &Site, flags: &str) {
    site.clock.pass(Duration::from_secs(60));
    let words = args![flags, "-r", site.repository(), "-f", site.path("Data.fs")];
    ours(&site.clock, &words).expect_success();
}

/// An old cron job, or Python's repozo: nobody noticed, since there had never been any.
#[test]
fn a_database_that_has_blobs_and_backups_that_have_none_is_told() {
    let site = Site::new("bushy");
    back_up_without_blobs(&site, "-B");
    for (verb, why) in [
        ("status", "1 backup of the newest chain made without blobs"),
        ("verify", "2033-05-18-03-34-20.fs was made without --blobs"),
        ("drill", "was made without --blobs"),
    ] {
        assert_eq!(run(&site, &[verb], false).0, 0, "{verb}: nobody said that there are blobs");
        let (status, told) = run(&site, &[verb], true);
        assert!(status == 3 && told.contains(why), "{verb}: {told}");
    }
    site.backup(&[]);
    for verb in ["verify", "drill", "status"] {
        let (status, told) = run(&site, &[verb], true);
        assert_eq!(status, 0, "{verb}: {told}");
    }
}

/// What the profile says of blobs counts for each of the verbs.
#[test]
fn a_profile_with_blobs_tells_the_verbs() {
    let site = Site::new("bushy");
    back_up_without_blobs(&site, "-B");
    let config = site.path("repozo.toml");
    let text =
        format!("[profile.main]\nrepository = {:?}\nblobs = {:?}\n", site.repository(), site.path("blobs"));
    std::fs::write(&config, text).unwrap();
    for verb in ["status", "verify", "drill"] {
        let mut words = args![verb, "-P", "main", "--config", &config].to_vec();
        if verb == "drill" {
            words.extend(args!["--scratch", site.path("")]);
        }
        assert_eq!(ours(&site.clock, &words).status, 3, "{verb}");
    }
}

/// The only backup that has the blobs went, since a newer one of the database was there.
#[test]
fn forget_lets_no_backup_go_for_one_that_was_made_without_blobs() {
    let site = Site::new("bushy");
    site.backup(&[]);
    back_up_without_blobs(&site, "-BF");
    let words = ["forget", "--keep-last", "1", "--apply"];
    let (status, told) = run(&site, &words, true);
    assert!(status == 0 && told.contains("removed 0 backups of 2"), "{told}");
    assert_eq!(site.stored().len(), site.blobs().len());
    // With its blobs it stands in for the other one.
    site.backup(&[]);
    let (status, told) = run(&site, &words, true);
    assert!(status == 0 && told.contains("removed 1 backup of 2"), "{told}");
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    super::expect_all(&super::read(&data, &dir), &site.blobs(), "what is left");
}

/// A blob that was not there when it was to be backed up: the backup told it, and so does whoever asks for blobs.
#[test]
fn verify_that_is_told_of_blobs_finds_those_that_were_missing() {
    let site = Site::new("bushy");
    site.zodb("lose", &["0"]);
    site.clock.pass(Duration::from_secs(60));
    assert_eq!(ours(&site.clock, &site.backup_words(&[])).status, 3);
    assert_eq!(run(&site, &["verify"], false).0, 0, "what is there is as it was");
    let ran = ours(&site.clock, &args!["-V", "-r", site.repository(), "--blobs", site.path("blobs")]);
    assert_eq!(ran.status, 1, "as -V says that something is wrong: {}", ran.stderr);
    let (status, told) = run(&site, &["verify"], true);
    assert!(status == 3 && told.contains("not there when it was made, 1 of its blobs"), "{told}");
}

/// A run was killed before its list, and the next one made a full: no later run built on that chain, and verify found it
/// wrong until somebody repaired it.
#[test]
fn a_chain_whose_last_run_made_no_list_gets_it_by_the_next_full() {
    let site = Site::new("bushy");
    site.backup(&[]);
    site.zodb("grow", &["1", "2"]);
    let before = site.blobs();
    back_up_without_blobs(&site, "-BQ");
    let name = "2033-05-18-03-35-20";
    assert_eq!(site.verify().status, 1);
    site.backup(&["--full"]);
    site.verify().expect_success();
    let (ran, data, dir) = site.restore(&["--at", name]);
    ran.expect_success();
    super::expect_all(&super::read(&data, &dir), &before, "the end of the chain before");
}
