use super::{Site, files_below, ours, ours_with, tree, write_anew};
use crate::common::{content, dying};
use std::sync::atomic::Ordering;

/// Every byte that is changed, every blob that is gone, emptied or swapped with another.
#[test]
fn verify_finds_whatever_is_wrong_with_a_blob_or_a_list() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let stored = site.stored();
    let small: Vec<_> =
        stored.iter().filter(|file| (1..200).contains(&file.metadata().unwrap().len())).collect();
    let list = site.lists().remove(0);
    let expect_found = |what: &str, name: &std::path::Path| {
        let ran = site.verify();
        assert_eq!(ran.status, 1, "{what}");
        assert!(ran.stderr.contains(name.file_name().unwrap().to_str().unwrap()), "{what}: {}", ran.stderr);
    };
    for file in [small[0], &list] {
        let bytes = content(file);
        for pos in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[pos] ^= 1;
            write_anew(file, &changed);
            expect_found(&format!("byte {pos}"), file);
        }
        for (what, changed) in
            [("cut", &bytes[..bytes.len() - 1]), ("emptied", b""), ("longer", &[&bytes[..], b"x"].concat())]
        {
            write_anew(file, changed);
            expect_found(what, file);
        }
        write_anew(file, &bytes);
    }
    site.verify().expect_success();
    let (a, b) = (&stored[0], &stored[1]);
    let (in_a, in_b) = (content(a), content(b));
    assert_ne!(in_a, in_b);
    for (file, bytes) in [(a, &in_b), (b, &in_a)] {
        write_anew(file, bytes);
    }
    expect_found("swapped", a);
    std::fs::remove_file(a).unwrap();
    expect_found("gone", a);
    let (ran, data, _) = site.restore(&[]);
    assert!(ran.status == 1 && !data.exists(), "no database without its blobs: {}", ran.stderr);
}

/// Wherever a backup dies, the next one makes up for it, and no backup with a list lacks a blob.
#[test]
fn a_backup_that_dies_anywhere_is_made_up_for_by_the_next_one() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let first = tree(&site.path("blobs"));
    site.zodb("grow", &["1", "3"]);
    let all = tree(&site.path("blobs"));
    let mut died_count = 0;
    let template = site.path("template");
    copy_dir(&site.repository(), &template);
    for at in 1.. {
        std::fs::remove_dir_all(site.repository()).unwrap();
        copy_dir(&template, &site.repository());
        site.clock.pass(std::time::Duration::from_secs(60));
        let (fs, died) = dying(at);
        let ran = ours_with(&fs, &site.clock, &site.backup_words(&["--quick"]));
        if !died.load(Ordering::Relaxed) {
            ran.expect_success();
            break;
        }
        died_count += 1;
        // What is there is what it says to be, or says that it has no blobs.
        let (ran, data, dir) = site.restore(&[]);
        match ran.status {
            0 => {
                let found = tree(&dir);
                let is_new = content(&data) == content(&site.path("Data.fs"));
                assert!(&found == if is_new { &all } else { &first }, "call {at}");
            }
            4 => assert!(ran.stderr.contains("was made without --blobs"), "call {at}: {}", ran.stderr),
            1 => assert!(ran.stderr.contains("says what it should be"), "call {at}: {}", ran.stderr),
            status => panic!("call {at}: {status} {}", ran.stderr),
        }
        site.backup(&["--quick"]);
        let (ran, _, dir) = site.restore(&[]);
        ran.expect_success();
        assert!(tree(&dir) == all, "call {at}");
        site.verify().expect_success();
        assert!(!site.repository().join("blobs/new").exists(), "call {at}");
    }
    assert!(died_count > 20, "{died_count}");
}

/// Blobs come first: where the database is there, all of its blobs are.
#[test]
fn a_restore_that_dies_anywhere_leaves_no_database_without_its_blobs() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let all = tree(&site.path("blobs"));
    let mut died_count = 0;
    for at in 1.. {
        let dir = tempfile::tempdir_in(site.path("")).unwrap();
        let (fs, died) = dying(at);
        let ran = ours_with(&fs, &site.clock, &site.restore_words(dir.path(), &[]));
        let (data, blobs) = (dir.path().join("Data.fs"), dir.path().join("blobs"));
        if data.exists() {
            assert!(tree(&blobs) == all, "call {at}");
        }
        if !died.load(Ordering::Relaxed) {
            ran.expect_success();
            break;
        }
        died_count += 1;
        // It is gone on with.
        ours(&site.clock, &site.restore_words(dir.path(), &["--update"])).expect_success();
        assert!(tree(&blobs) == all && blobs.join(".layout").exists(), "call {at}, then again");
        let left = files_below(dir.path());
        let litter = left.iter().filter(|file| {
            let name = file.file_name().unwrap().to_string_lossy();
            !(name.ends_with(".blob")
                || ["Data.fs", "Data.fs.index", "Data.fs.lock", ".layout"].contains(&&*name))
        });
        assert_eq!(litter.count(), 0, "call {at}");
    }
    assert!(died_count > 20, "{died_count}");
}

pub(super) fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in testkit::names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() { copy_dir(&from, &to) } else { std::fs::copy(from, &to).map(drop).unwrap() }
    }
}

/// `--at` asks of a moment: blobs that came later are not its concern, and those that were there are.
#[test]
fn a_verification_of_a_moment_reads_the_blobs_of_that_moment() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let old = site.stored();
    site.zodb("grow", &["1", "3"]);
    site.backup(&["--quick"]);
    let new: Vec<_> = site.stored().into_iter().filter(|file| !old.contains(file)).collect();
    let at = |stamp: &str| {
        ours(&site.clock, &crate::common::args!["verify", "-r", site.repository(), "--at", stamp, "--json"])
            .status
    };
    let (first, second) = ("2033-05-18-03-34-20", "2033-05-18-03-35-20");
    assert_eq!((at(first), at(second)), (0, 0));
    super::write_anew(&new[0], b"damaged");
    assert_eq!((at(first), at(second)), (0, 3), "a blob of the second");
    super::write_anew(&old[0], b"damaged");
    assert_eq!(at(first), 3, "a blob of the first");
}
