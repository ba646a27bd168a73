use super::{Site, expect_all, files_below, ours, read};
use crate::common::args;
use std::time::Duration;

/// Symptom of other tools: the run says that all is well. A blob that is not there is told, and the rest is backed up;
/// later runs try again.
#[test]
fn what_is_missing_is_told_and_tried_again() {
    let site = Site::new("bushy");
    let victim =
        files_below(&site.path("blobs")).into_iter().find(|file| file.extension().is_some()).unwrap();
    let aside = site.path("aside");
    std::fs::rename(&victim, &aside).unwrap();
    site.clock.pass(Duration::from_secs(60));
    for _ in 0..2 {
        let ran = ours(&site.clock, &site.backup_words(&[]));
        assert_eq!(ran.status, 3);
        assert!(ran.stderr.contains(victim.to_str().unwrap()), "{}", ran.stderr);
        let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(told["blobs_missing"], 1);
        site.clock.pass(Duration::from_secs(60));
    }
    let (ran, data, dir) = site.restore(&[]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains(victim.file_name().unwrap().to_str().unwrap()), "{}", ran.stderr);
    let found = read(&data, &dir);
    assert_eq!(found.values().filter(|content| content.is_null()).count(), 1);
    // It is there again; nothing else is new.
    std::fs::rename(&aside, &victim).unwrap();
    let told = site.backup(&[]);
    assert_eq!(
        (&told["kind"], &told["blobs_copied"], &told["blobs_missing"]),
        (&"nothing".into(), &1.into(), &0.into())
    );
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &site.blobs(), "complete");
}

/// A pack moves what it removes beside the directory; a backup of before it may still need that.
#[test]
fn what_a_pack_removed_is_taken_from_where_it_put_it() {
    let site = Site::new("bushy");
    site.zodb("grow", &["1", "4"]);
    let before = site.blobs();
    // The database as it was when it was opened, and a pack that ends just behind that.
    std::fs::copy(site.path("Data.fs"), site.path("Before.fs")).unwrap();
    site.zodb("pack", &["1"]);
    let words =
        args!["-B", "-r", site.repository(), "-f", site.path("Before.fs"), "--blobs", site.path("blobs")];
    ours(&site.clock, &words).expect_success();
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &before, "with what the pack removed");
}

/// Backups of before, and runs without `--blobs` in between, are made up for.
#[test]
fn backups_that_were_made_without_blobs_get_them_by_the_next_run() {
    let site = Site::new("bushy");
    let plain = |words: &str| {
        site.clock.pass(Duration::from_secs(60));
        ours(&site.clock, &args![words, "-r", site.repository(), "-f", site.path("Data.fs")])
            .expect_success();
    };
    plain("-B");
    let (ran, ..) = site.restore(&[]);
    assert_eq!(ran.status, 4);
    assert!(ran.stderr.contains("was made without --blobs"), "{}", ran.stderr);
    site.zodb("grow", &["1", "2"]);
    plain("-BQ");
    let second = site.blobs();
    site.zodb("grow", &["2", "2"]);
    let told = site.backup(&["--quick"]);
    assert_eq!(told["blobs_copied"], site.blobs().len());
    for (words, blobs) in [(&[][..], &site.blobs()), (&["--at", "2033-05-18-03-35-20"], &second)] {
        let (ran, data, dir) = site.restore(words);
        ran.expect_success();
        expect_all(&read(&data, &dir), blobs, "all");
    }
}

#[test]
fn a_blob_directory_that_is_none_is_refused() {
    let site = Site::new("bushy");
    let words =
        |dir: &str| args!["backup", "-r", site.repository(), site.path("Data.fs"), "--blobs", site.path(dir)];
    let ran = ours(&site.clock, &words("absent"));
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("absent"), "{}", ran.stderr);
    std::fs::create_dir(site.path("cache")).unwrap();
    std::fs::write(site.path("cache/.layout"), "zeocache").unwrap();
    let ran = ours(&site.clock, &words("cache"));
    assert!(ran.status == 1 && ran.stderr.contains("not the cache of a client"), "{}", ran.stderr);
    // The database is backed up; its blobs are when the right directory is given.
    let told = site.backup(&[]);
    assert_eq!((&told["kind"], &told["blobs_missing"]), (&"nothing".into(), &0.into()));
}
