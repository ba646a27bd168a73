use super::{Site, expect_all, files_below, ours, ours_with, read, tree};
use crate::common::args;
use std::time::Duration;
use testkit::HookFs;

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

/// Symptom, when blobs were cloned by their names: `blobs/new/...: No such file or directory`, and no list. A pack took a blob
/// between its opening and its copying.
#[test]
fn a_blob_that_a_pack_takes_when_it_was_opened_is_read_all_the_same() {
    let site = Site::new("bushy");
    let (before, blobs) = (site.blobs(), site.path("blobs"));
    let mut taken = false;
    let fs = HookFs::new(move |call| {
        let is_draft =
            call.op == "create" && call.path.parent().is_some_and(|dir| dir.ends_with("blobs/new"));
        if is_draft && !std::mem::replace(&mut taken, true) {
            std::fs::rename(&blobs, blobs.with_extension("old"))?;
        }
        Ok(())
    });
    ours_with(&fs, &site.clock, &site.backup_words(&[])).expect_success();
    assert!(!site.path("blobs").exists(), "it was taken meanwhile");
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &before, "from what was open, and from what the pack put aside");
}

/// Symptom in ZODB: an object is garbage when a pack begins and is stored again before it ends; its record stays, its file goes.
/// Without what the pack took the blob is lost to the server, too; that is told by name, and everything else is backed up. It is
/// over when there is another one in its place and the lost one was packed.
#[test]
fn a_blob_that_a_pack_took_from_its_record_is_told_and_all_others_restore() {
    for layout in ["bushy", "lawn"] {
        let site = Site::new(layout);
        site.zodb("grow", &["1", "3"]);
        let lost = site.zodb("lose", &["0"]);
        let lost = lost.as_str().unwrap();
        let blobs = site.blobs();
        assert!(
            blobs[lost].is_null() && blobs.values().filter(|hash| hash.is_null()).count() == 1,
            "{blobs:?}"
        );
        site.clock.pass(Duration::from_secs(60));
        let ran = ours(&site.clock, &site.backup_words(&[]));
        let file = format!("0x{}.blob is not there", &lost[17..]);
        assert!(ran.status == 3 && ran.stderr.matches(&file).count() == 1, "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "and nothing else is told: {}", ran.stderr);
        let (ran, data, dir) = site.restore(&[]);
        assert!(ran.status == 3 && ran.stderr.contains(&format!("0x{}.blob is in no backup", &lost[17..])));
        assert_eq!(read(&data, &dir), blobs, "all others");
        site.zodb("replace", &["lost"]);
        site.clock.pass(Duration::from_secs(60));
        let ran = ours(&site.clock, &site.backup_words(&["--quick"]));
        assert!(ran.status == 3 && ran.stderr.contains(&file), "the chain still names it: {}", ran.stderr);
        site.zodb("pack", &["0"]);
        let told = site.backup(&[]);
        assert_eq!((&told["kind"], &told["blobs_missing"]), (&"full".into(), &0.into()));
        let (ran, data, dir) = site.restore(&[]);
        ran.expect_success();
        expect_all(&read(&data, &dir), &site.blobs(), "what the pack left");
    }
}

/// The same where the pack keeps what it takes: it is found there, and the backup is better than the server.
#[test]
fn a_blob_that_a_pack_took_from_its_record_is_found_where_the_pack_put_it() {
    for layout in ["bushy", "lawn"] {
        let site = Site::new(layout);
        let lost = site.zodb("lose", &["1"]);
        let lost = lost.as_str().unwrap();
        assert!(site.blobs()[lost].is_null());
        let told = site.backup(&[]);
        assert_eq!((&told["kind"], &told["blobs_missing"]), (&"full".into(), &0.into()));
        let (ran, data, dir) = site.restore(&[]);
        ran.expect_success();
        assert!(tree(&dir).values().any(|bytes| bytes == b"stored again"), "{layout}");
        let (mut found, mut expected) = (read(&data, &dir), site.blobs());
        found.remove(lost).unwrap();
        expected.remove(lost).unwrap();
        expect_all(&found, &expected, layout);
    }
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
