//! Something is where a blob should be, and it is none that can be read.

use super::{Site, expect_all, files_below, ours, ours_with, read};
use crate::common::args;
use std::path::{Path, PathBuf};
use std::time::Duration;
use testkit::HookFs;

fn a_blob_of(site: &Site) -> PathBuf {
    let mut files = files_below(&site.path("blobs")).into_iter();
    files.find(|file| file.extension().is_some_and(|end| end == "blob")).unwrap()
}

/// The blob is told by its name, and counts as missing; all others are backed up and restore.
#[track_caller]
fn expect_told(site: &Site, fs: &dyn vfs::Fs, victim: &Path, why: &str) {
    site.clock.pass(Duration::from_secs(60));
    let ran = ours_with(fs, &site.clock, &site.backup_words(&[]));
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    let line = ran.stderr.lines().find(|line| line.contains(victim.to_str().unwrap()));
    assert!(line.is_some_and(|line| line.contains(why)), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(told["blobs_missing"], 1);
    let (ran, data, dir) = site.restore(&[]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    let found = read(&data, &dir);
    assert_eq!(found.values().filter(|content| content.is_null()).count(), 1);
}

/// Who may write to the blob directory, but not read what root may, would have got it out of the repository.
#[test]
fn what_a_link_in_the_place_of_a_blob_leads_to_is_not_backed_up() {
    for layout in ["bushy", "lawn"] {
        let site = Site::new(layout);
        let blobs = site.blobs();
        let (victim, aside) = (a_blob_of(&site), site.path("aside"));
        std::fs::rename(&victim, &aside).unwrap();
        std::fs::write(site.path("secret"), "of root").unwrap();
        std::os::unix::fs::symlink(site.path("secret"), &victim).unwrap();
        expect_told(&site, &vfs::OsFs, &victim, "a link");
        assert!(site.stored().iter().all(|file| std::fs::read(file).unwrap() != b"of root"));
        // The next run finds the blob again.
        std::fs::remove_file(&victim).unwrap();
        std::fs::rename(&aside, &victim).unwrap();
        assert_eq!(site.backup(&[])["blobs_copied"], 1);
        let (ran, data, dir) = site.restore(&[]);
        ran.expect_success();
        expect_all(&read(&data, &dir), &blobs, layout);
    }
}

#[test]
fn a_directory_or_a_pipe_in_the_place_of_a_blob_is_told_and_not_waited_for() {
    let site = Site::new("bushy");
    let victim = a_blob_of(&site);
    std::fs::remove_file(&victim).unwrap();
    std::fs::create_dir(&victim).unwrap();
    expect_told(&site, &vfs::OsFs, &victim, "Is a directory");
    std::fs::remove_dir(&victim).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&victim).status().unwrap().success());
    expect_told(&site, &vfs::OsFs, &victim, "not a regular file");
}

/// A bad sector under one blob kept all others from being backed up, for as long as it was there.
#[test]
fn a_blob_with_a_bad_sector_keeps_no_other_from_being_backed_up() {
    for op in ["open", "read_at"] {
        let site = Site::new("bushy");
        let (victim, bad) = (a_blob_of(&site), a_blob_of(&site));
        let fs = HookFs::new(move |call| match call.op == op && call.path == bad {
            true => Err(std::io::Error::from_raw_os_error(5)),
            false => Ok(()),
        });
        expect_told(&site, &fs, &victim, "Input/output error");
        // On a new disk it can be read.
        assert_eq!(site.backup(&[])["blobs_copied"], 1);
        let (ran, data, dir) = site.restore(&[]);
        ran.expect_success();
        expect_all(&read(&data, &dir), &site.blobs(), op);
        assert!(!site.repository().join("blobs/new").exists());
    }
}

/// The pack put aside what it took; what is in its place now cannot be read.
#[test]
fn a_blob_that_cannot_be_read_is_looked_for_where_a_pack_puts_what_it_takes() {
    let site = Site::new("bushy");
    let (blobs, victim) = (site.blobs(), a_blob_of(&site));
    let old = site.path("blobs.old").join(victim.strip_prefix(site.path("blobs")).unwrap());
    std::fs::create_dir_all(old.parent().unwrap()).unwrap();
    std::fs::copy(&victim, &old).unwrap();
    let fs = HookFs::new(move |call| match call.op == "read_at" && call.path == victim {
        true => Err(std::io::Error::from_raw_os_error(5)),
        false => Ok(()),
    });
    ours_with(&fs, &site.clock, &site.backup_words(&[])).expect_success();
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &blobs, "out of what the pack put aside");
}

/// Somebody mixed up two sites: none of the blobs is there. The database is backed up, and the right directory makes up for it.
#[test]
fn the_blob_directory_of_another_database_is_told_and_leaves_nothing_wrong() {
    let (site, other) = (Site::new("bushy"), Site::new("bushy"));
    other.zodb("grow", &["1", "3"]);
    let words = args![
        "backup",
        "-r",
        site.repository(),
        site.path("Data.fs"),
        "--blobs",
        other.path("blobs"),
        "--json"
    ];
    let ran = ours(&site.clock, &words);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&told["kind"], &told["blobs_missing"]), (&"full".into(), &site.blobs().len().into()));
    assert_eq!(ran.stderr.lines().count(), site.blobs().len(), "{}", ran.stderr);
    assert_eq!(site.stored(), Vec::<PathBuf>::new());
    assert_eq!(site.backup(&[])["blobs_missing"], 0);
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &site.blobs(), "with the right directory");
}
