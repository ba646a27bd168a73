//! Blobs without their files, and files without a record, in blob directories that ZODB made.

use super::{NOW, args, of_kind, run, zodb_says};
use crate::common::ours_with;
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use testkit::{HookFs, Ran, TestClock};

struct Site {
    dir: tempfile::TempDir,
    /// Those of blobs, in order: four revisions of one, three of one that was undone, one of one that is garbage.
    files: Vec<PathBuf>,
}

impl Site {
    fn made_by_zodb(layout: &str) -> Site {
        let dir = tempfile::tempdir().unwrap();
        let files = zodb_says("blobs", &[dir.path().as_os_str(), OsStr::new(layout)]);
        let files: Vec<PathBuf> =
            files.as_array().unwrap().iter().map(|file| file.as_str().unwrap().into()).collect();
        assert_eq!(files.len(), 8);
        Site { dir, files }
    }

    fn refs(&self, blobs: &Path) -> Ran {
        run(&args!["refs", "--json", "--blobs", blobs, self.dir.path().join("Data.fs")])
    }

    fn blobs(&self) -> PathBuf {
        self.dir.path().join("blobs")
    }
}

fn files(ran: &Ran, kind: &str) -> BTreeSet<PathBuf> {
    of_kind(ran, kind).iter().map(|line| line["file"].as_str().unwrap().into()).collect()
}

fn counts(ran: &Ran) -> [u64; 3] {
    let summary: Value = of_kind(ran, "summary").pop().unwrap();
    ["blobs", "missing_blobs", "unnamed_blobs"].map(|name| summary[name].as_u64().unwrap())
}

/// Undo copies the file of the revision gone back to, so each record has its own.
#[test]
fn every_record_of_a_blob_has_its_file_in_both_layouts() {
    for layout in ["bushy", "lawn"] {
        let site = Site::made_by_zodb(layout);
        let ran = site.refs(&site.blobs()).expect_success();
        assert_eq!((counts(&ran), of_kind(&ran, "missing-blob").len()), ([8, 0, 0], 0), "{layout}");
    }
}

#[test]
fn each_file_that_is_gone_and_each_one_too_many_is_told_and_nothing_else() {
    for layout in ["bushy", "lawn"] {
        let site = Site::made_by_zodb(layout);
        // The first and the last revision of the first blob, and the one of the second that was undone.
        let removed: BTreeSet<PathBuf> = [0, 3, 5].map(|at| site.files[at].clone()).into();
        removed.iter().for_each(|file| std::fs::remove_file(file).unwrap());
        // Of a transaction that never was, before the last one; of one to come; and what is no blob at all.
        let stray = site.files[0].with_file_name("0x03f47fbf56666666.blob");
        std::fs::write(&stray, "aborted").unwrap();
        for name in ["0x7ff47fbf56666666.blob", "0x03f47fbf56666666.tmp", "README"] {
            std::fs::write(site.files[0].with_file_name(name), "").unwrap();
        }
        std::fs::create_dir_all(site.blobs().join("tmp/0x00")).unwrap();
        let ran = site.refs(&site.blobs());
        assert_eq!((ran.status, counts(&ran)), (3, [8, 3, 1]), "{layout}");
        assert_eq!(files(&ran, "missing-blob"), removed, "{layout}");
        assert_eq!(files(&ran, "unnamed-blob"), BTreeSet::from([stray]), "{layout}");
        let current = of_kind(&ran, "missing-blob").iter().filter(|line| line["current"] == true).count();
        assert_eq!(current, 1, "the others are old revisions");
        let text = String::from_utf8(
            run(&args!["refs", "--blobs", site.blobs(), site.dir.path().join("Data.fs")]).stdout,
        );
        assert_eq!(text.unwrap().lines().count(), 5, "one line each, and the summary");
    }
}

/// What an abort or a crash leaves is no fault of the database.
#[test]
fn a_file_without_a_record_alone_is_status_0() {
    let site = Site::made_by_zodb("bushy");
    std::fs::write(site.files[0].with_file_name("0x03f47fbf56666666.blob"), "aborted").unwrap();
    let ran = site.refs(&site.blobs()).expect_success();
    assert_eq!(counts(&ran), [8, 0, 1]);
}

#[test]
fn a_directory_that_is_not_there_or_the_cache_of_a_client_is_an_error() {
    let site = Site::made_by_zodb("bushy");
    for (dir, expected) in [
        (site.dir.path().join("nowhere"), "No such file or directory"),
        (site.dir.path().join("Data.fs"), "Not a directory"),
    ] {
        let ran = site.refs(&dir);
        assert_eq!((ran.status, ran.stdout.len(), ran.stderr.lines().count()), (1, 0, 1), "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }
    std::fs::write(site.blobs().join(".layout"), "zeocache").unwrap();
    let ran = site.refs(&site.blobs());
    assert_eq!((ran.status, ran.stdout.len()), (1, 0));
    assert!(ran.stderr.contains("not the cache of a client"), "{}", ran.stderr);
    // Without the marker ZODB takes it for the old layout, in which nothing of it is a blob.
    std::fs::remove_file(site.blobs().join(".layout")).unwrap();
    assert_eq!(counts(&site.refs(&site.blobs())), [8, 8, 0]);
}

/// A review found it: who believed it deleted good blobs.
#[test]
fn the_file_of_a_record_that_cannot_be_read_is_not_told_to_be_without_a_record() {
    let site = Site::made_by_zodb("bushy");
    let file = site.dir.path().join("Data.fs");
    let records = of_kind(&run(&args!["dump", "--json", &file]).expect_success(), "record");
    let blob = records.iter().find(|record| record["class"] == "ZODB.blob.Blob").unwrap();
    let pos = usize::try_from(blob["pos"].as_u64().unwrap()).unwrap();
    let sound = std::fs::read(&file).unwrap();
    // The first opcode of its class: then its data is no pickle.
    let mut bytes = sound.clone();
    bytes[pos + 42] = 0xff;
    std::fs::write(&file, &bytes).unwrap();
    let ran = site.refs(&site.blobs());
    assert_eq!((counts(&ran), files(&ran, "unnamed-blob")), ([7, 0, 0], BTreeSet::new()));
    // The length of its data: then its whole transaction is lost, with the first revision of each blob.
    let mut bytes = sound;
    bytes[pos + 41] ^= 0x40;
    std::fs::write(&file, &bytes).unwrap();
    let ran = site.refs(&site.blobs());
    let unnamed = of_kind(&ran, "unnamed-blob");
    assert_eq!((ran.status, unnamed.len()), (3, 3));
    assert!(unnamed.iter().all(|line| line["perhaps_lost"] == true), "{unnamed:?}");
    let text = String::from_utf8(run(&args!["refs", "--blobs", site.blobs(), &file]).stdout).unwrap();
    assert_eq!(text.matches("; it may be in what cannot be read").count(), 3, "{text}");
}

/// A review found it: the files that a pack removed meanwhile were told missing, of a database that was sound.
#[test]
fn of_a_database_that_is_packed_meanwhile_no_blob_is_told_missing() {
    let site = Site::made_by_zodb("bushy");
    let (file, blobs) = (site.dir.path().join("Data.fs"), site.blobs());
    let (packed, listed) = (file.clone(), blobs.clone());
    let mut lists_count = 0;
    let fs = HookFs::new(move |call| {
        if call.op == "list" && call.path.starts_with(&listed) {
            lists_count += 1;
            // The first one looks for the layout.
            if lists_count == 2 {
                zodb_says("pack", &[packed.as_os_str(), listed.as_os_str()]);
            }
        }
        Ok(())
    });
    let ran = ours_with(&fs, &TestClock::at(NOW), &args!["refs", "--json", "--blobs", &blobs, &file]);
    assert_eq!((ran.status, of_kind(&ran, "missing-blob").len()), (1, 0), "{}", ran.stderr);
    assert!(ran.stderr.contains("it was packed") && ran.stderr.lines().count() == 1, "{}", ran.stderr);
    assert!(counts(&site.refs(&blobs).expect_success())[0] < 8, "it was");
}
