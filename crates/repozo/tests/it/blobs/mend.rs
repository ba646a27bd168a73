//! Repairing what is wrong with lists and blobs.

use super::{Blobs, Site, expect_all, files_below, ours, read, write_anew};
use crate::common::{args, content};
use filestorage::BlobLayout;
use std::ffi::OsString;

/// Two chains and an increment behind each, with the state of each chain.
fn two_chains(words: &[&str]) -> (Site, [Blobs; 2]) {
    let site = Site::new("bushy");
    let back_up = |more: &[&str]| site.backup(&[words, more].concat());
    back_up(&[]);
    site.zodb("grow", &["1", "4"]);
    back_up(&["--quick"]);
    let first = site.blobs();
    site.zodb("pack", &["0"]);
    back_up(&[]);
    site.zodb("grow", &["2", "4"]);
    back_up(&["--quick"]);
    let second = site.blobs();
    (site, [first, second])
}

fn repair(site: &Site, words: &[OsString]) -> (u8, String) {
    let ran = ours(&site.clock, &[&args!["repair", "-r", site.repository()], words].concat());
    (ran.status, String::from_utf8(ran.stdout).unwrap() + &ran.stderr)
}

#[track_caller]
fn expect_whole(site: &Site, states: &[Blobs; 2]) {
    site.verify().expect_success();
    for (words, blobs) in [(&["--at", "2033-05-18-03-35-20"][..], &states[0]), (&[], &states[1])] {
        let (ran, data, dir) = site.restore(words);
        ran.expect_success();
        expect_all(&read(&data, &dir), blobs, &format!("{words:?}"));
    }
}

/// Also those of older chains, of which no backup makes a list any more: out of their transactions and what is stored.
#[test]
fn lists_are_made_of_what_the_repository_has() {
    let (site, states) = two_chains(&[]);
    let all = site.lists();
    for victims in [vec![1], vec![0, 2], vec![3]] {
        for (number, at) in victims.iter().enumerate() {
            if number == 0 {
                std::fs::remove_file(&all[*at]).unwrap()
            } else {
                write_anew(&all[*at], b"nothing")
            }
        }
        let (status, told) = repair(&site, &[]);
        assert!(
            status == 3 && told.contains(all[victims[0]].file_name().unwrap().to_str().unwrap()),
            "{told}"
        );
        assert_eq!(site.verify().status, 1, "nothing was done yet");
        let (status, told) = repair(&site, &args!["--apply"]);
        assert_eq!(status, 0, "{told}");
        expect_whole(&site, &states);
    }
    assert_eq!(repair(&site, &[]).0, 0);
}

/// Each blob that is damaged, cut or gone comes back from a directory that has it; others are left as they are.
#[test]
fn blobs_are_put_back_from_a_directory_that_has_them() {
    for words in [&[][..], &["--containers"]] {
        let (site, states) = two_chains(words);
        // What the pack removed is nowhere else.
        let (ran, _, copy) = site.restore(&["--at", "2033-05-18-03-35-20"]);
        ran.expect_success();
        let stored = site.stored();
        for (number, file) in stored.iter().enumerate() {
            let mut bytes = content(file);
            match number % 3 {
                0 => bytes.iter_mut().for_each(|byte| *byte ^= 1),
                1 => bytes.truncate(bytes.len() / 2),
                _ => {}
            }
            std::fs::remove_file(file).unwrap();
            if number % 3 != 2 {
                std::fs::write(file, bytes).unwrap();
            }
        }
        let (status, told) = repair(&site, &args!["--blobs", site.path("blobs")]);
        assert!(status == 3 && told.contains("--apply --blobs DIR"), "{told}");
        let (status, told) = repair(&site, &args!["--apply", "--blobs", site.path("blobs")]);
        assert!(status == 3 && told.contains("put back"), "{told}");
        let (status, told) = repair(&site, &args!["--apply", "--blobs", copy]);
        assert_eq!(status, 0, "{told}");
        expect_whole(&site, &states);
    }
}

/// A directory with another blob under the name of a damaged one heals nothing.
#[test]
fn what_is_not_as_it_was_is_not_put_back() {
    let (site, _) = two_chains(&[]);
    let victim = site.stored().into_iter().find(|file| file.metadata().unwrap().len() == 100).unwrap();
    std::fs::remove_file(&victim).unwrap();
    for file in files_below(&site.path("blobs")) {
        if file.metadata().unwrap().len() == 100 {
            write_anew(&file, &[3; 100]);
        }
    }
    let (status, told) = repair(&site, &args!["--apply", "--blobs", site.path("blobs")]);
    assert!(status == 3 && told.contains("1 damaged or missing still"), "{told}");
    assert!(!victim.exists());
}

/// With --blobs every chain got lists, also one that was made before blobs were backed up; those named what nobody had missed.
#[test]
fn a_chain_that_was_made_without_blobs_gets_no_lists() {
    let site = Site::new("bushy");
    let plain = args!["-B", "-r", site.repository(), "-f", site.path("Data.fs")];
    ours(&site.clock, &plain).expect_success();
    site.zodb("pack", &["0"]);
    site.zodb("grow", &["1", "3"]);
    site.backup(&["--full"]);
    let lists = site.lists();
    assert_eq!(lists.len(), 1);
    std::fs::remove_file(&site.stored()[0]).unwrap();
    let (status, told) = repair(&site, &args!["--apply", "--blobs", site.path("blobs")]);
    assert!(status == 0 && told.contains("1 blob put back"), "{told}");
    assert_eq!(site.lists(), lists);
    site.verify().expect_success();
}

/// The lists got the layout of the copy that the blobs were put back from, and so did the next restore.
#[test]
fn a_copy_in_another_layout_puts_blobs_back_and_leaves_the_layout_alone() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let blobs = site.blobs();
    let copy = site.path("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::write(copy.join(".layout"), "lawn").unwrap();
    for (file, bytes) in super::tree(&site.path("blobs")) {
        let oid = BlobLayout::Bushy.oid_of(file.parent().unwrap().to_str().unwrap()).unwrap();
        let dir = copy.join(BlobLayout::Lawn.dir_of(oid));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(file.file_name().unwrap()), bytes).unwrap();
    }
    std::fs::remove_file(&site.stored()[0]).unwrap();
    let (status, told) = repair(&site, &args!["--apply", "--blobs", &copy]);
    assert_eq!(status, 0, "{told}");
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    assert_eq!(content(&dir.join(".layout")), b"bushy");
    expect_all(&read(&data, &dir), &blobs, "put back");
}
