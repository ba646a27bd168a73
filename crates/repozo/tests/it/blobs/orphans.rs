//! What lies in a blob directory and belongs to no transaction.

use super::{Blobs, Site, expect_all, files_below, ours, read, tree};
use crate::common::content;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// All that is in a directory: path, content of files, and when it was changed last.
fn snapshot(dir: &Path) -> Vec<(PathBuf, Vec<u8>, SystemTime)> {
    let files = files_below(dir).into_iter();
    let look = |file: PathBuf| {
        let meta = std::fs::symlink_metadata(&file).unwrap();
        let bytes = if meta.is_file() { content(&file) } else { Vec::new() };
        (file, bytes, meta.modified().unwrap())
    };
    files.map(look).collect()
}

/// Backs up and restores: every blob, and no other file.
#[track_caller]
fn expect_alone(site: &Site, expected: &Blobs, what: &str) {
    let before = snapshot(&site.path("blobs"));
    site.backup(&[]);
    assert!(snapshot(&site.path("blobs")) == before, "{what}: the blob directory is another one");
    assert_eq!(site.stored().len(), expected.len(), "{what}: and nothing else is backed up");
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), expected, what);
    assert_eq!(files_below(&dir).len(), expected.len() + 1, "{what}: blobs, and the marker of the layout");
    site.verify().expect_success();
}

/// A client that gives up before the vote leaves files under their final names; one that gives up behind it leaves
/// directories; a server that dies behind the vote leaves files, and records that were never finished.
#[test]
fn blobs_of_transactions_that_were_never_finished_are_neither_backed_up_nor_restored() {
    for layout in ["bushy", "lawn"] {
        let site = Site::new(layout);
        let blobs = site.blobs();
        for (when, left_count) in [("before", 2), ("after", 0), ("dead", 2)] {
            let (before_count, before_len) =
                (tree(&site.path("blobs")).len(), content(&site.path("Data.fs")).len());
            site.zodb("refuse", &[when]);
            let what = format!("{layout}, {when}");
            assert_eq!(
                tree(&site.path("blobs")).len() - before_count,
                left_count,
                "{what}: what ZODB leaves"
            );
            let is_longer = content(&site.path("Data.fs")).len() > before_len;
            assert_eq!(is_longer, when == "dead", "{what}: a voted transaction at the end");
            expect_alone(&site, &blobs, &what);
        }
        // The server comes up, cuts off what was voted, and goes on.
        site.zodb("grow", &["1", "2"]);
        assert!(site.blobs().len() > blobs.len());
        expect_alone(&site, &site.blobs(), layout);
    }
}

/// What an administrator, a server or an editor puts there.
#[test]
fn names_that_are_no_blobs_are_left_alone_and_not_backed_up() {
    for (layout, of_object) in [("bushy", "0x00/0x00/0x00/0x00/0x00/0x00/0x00/0x01"), ("lawn", "0x01")] {
        let site = Site::new(layout);
        let dir = site.path("blobs");
        let names = [
            "notes",
            ".removed",
            "tmp/BUCxyz",
            "lost+found/#12",
            "0xzz/0x03f47fbf56666666.blob",
            "0x0/0x03f47fbf56666666.blob",
            &format!("{of_object}/0x03f47fbf56666666.blob~"),
            &format!("{of_object}/0x03f47fbf56666666.tmp"),
            &format!("{of_object}/03f47fbf56666666.blob"),
            &format!("{of_object}/0x03f47fbf56666666.blob"),
        ];
        for name in names {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        std::os::unix::fs::symlink("nowhere", dir.join("link")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(dir.join("pipe")).status().unwrap().success());
        expect_alone(&site, &site.blobs(), layout);
        let ran = ours(&site.clock, &site.restore_words(&site.path(""), &["--update"]));
        ran.expect_success();
        assert!(names.iter().all(|name| content(&dir.join(name)) == name.as_bytes()), "{layout}");
    }
}
