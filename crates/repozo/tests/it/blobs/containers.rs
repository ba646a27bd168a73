//! Small blobs that are put together.

use super::{Blobs, Site, expect_all, files_below, ours, read, write_anew};
use crate::common::{args, content};
use std::path::{Path, PathBuf};
use std::time::Duration;

const SMALL_LEN: u64 = 1 << 16;

fn is_small(file: &Path) -> bool {
    (100..SMALL_LEN).contains(&file.metadata().unwrap().len())
}

fn containers(site: &Site) -> Vec<PathBuf> {
    files_below(&site.repository().join("blobs/small"))
}

/// As it is without containers: `kind`, and how many blobs were copied.
fn back_up(site: &Site, words: &[&str], kind: &str) -> u64 {
    let told = site.backup(&[words, &["--containers"]].concat());
    assert_eq!((&told["kind"], &told["blobs_missing"]), (&kind.into(), &0.into()), "{told}");
    told["blobs_copied"].as_u64().unwrap()
}

fn expect_restored(site: &Site, words: &[&str], expected: &Blobs) {
    let (ran, data, dir) = site.restore(words);
    ran.expect_success();
    expect_all(&read(&data, &dir), expected, &format!("{words:?}"));
}

/// Growth, undo, a pack, growth, as with a file each; there are as many containers as runs that had small blobs.
#[test]
fn every_backup_restores_from_containers_with_every_blob_of_its_state() {
    let site = Site::new("bushy");
    let mut states = vec![(back_up(&site, &[], "full"), site.blobs())];
    site.zodb("grow", &["1", "12"]);
    states.push((back_up(&site, &["--quick"], "incremental"), site.blobs()));
    site.zodb("undo", &[]);
    states.push((back_up(&site, &["--gzip"], "incremental"), site.blobs()));
    assert_eq!(containers(&site).len(), 3);
    site.zodb("pack", &["0"]);
    assert_eq!(back_up(&site, &[], "full"), 0, "the repository has what the pack left");
    states.push((0, site.blobs()));
    let alone: Vec<_> = site
        .stored()
        .into_iter()
        .filter(|file| !file.starts_with(site.repository().join("blobs/small")))
        .collect();
    assert!(alone.len() > 2 && alone.iter().all(|file| file.metadata().unwrap().len() >= SMALL_LEN));
    let all: std::collections::BTreeSet<_> = states.iter().flat_map(|(_, blobs)| blobs.keys()).collect();
    assert!(all.len() > alone.len() + 10, "most are small");
    for (minute, (_, blobs)) in (1..).zip(&states) {
        expect_restored(&site, &["--at", &format!("2033-05-18-03-{:02}-20", 33 + minute)], blobs);
    }
    site.verify().expect_success();
}

/// Every byte of the blobs in it, every place at which it is cut, a container that is gone or is another one.
#[test]
fn verify_finds_whatever_is_wrong_with_a_container() {
    let site = Site::new("bushy");
    back_up(&site, &[], "full");
    site.zodb("grow", &["7", "4"]);
    back_up(&site, &["--quick"], "incremental");
    let (file, other) = (&containers(&site)[0], &containers(&site)[1]);
    let bytes = content(file);
    let expect_found = |what: &str| {
        let ran = site.verify();
        assert_eq!(ran.status, 1, "{what}");
        assert!(ran.stderr.contains(file.file_name().unwrap().to_str().unwrap()), "{what}: {}", ran.stderr);
    };
    let blobs: Vec<(usize, usize)> = places_in(&site, file);
    assert!(blobs.iter().any(|(_, len)| *len >= 100));
    for (pos, len) in &blobs {
        // Of a long one a few.
        for at in (*pos..pos + len).step_by(1 + len / 150) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            write_anew(file, &changed);
            expect_found(&format!("byte {at}"));
        }
    }
    let end = blobs.iter().map(|(pos, len)| pos + len).max().unwrap();
    for len in [0, 30, end / 2, end - 1] {
        write_anew(file, &bytes[..len]);
        expect_found(&format!("cut to {len}"));
    }
    let theirs = content(other);
    write_anew(file, &theirs);
    expect_found("another one");
    std::fs::remove_file(file).unwrap();
    expect_found("gone");
    let (ran, data, _) = site.restore(&[]);
    assert!(ran.status == 1 && !data.exists(), "no database without its blobs: {}", ran.stderr);
    // A full has what was lost copied again.
    let copied_count = back_up(&site, &["--full"], "full");
    assert!(copied_count >= blobs.len() as u64);
    expect_restored(&site, &[], &site.blobs());
}

/// Where the list says that the blobs in a container are, and how long each is.
fn places_in(site: &Site, file: &Path) -> Vec<(usize, usize)> {
    let name = file.file_name().unwrap().to_str().unwrap();
    let list = site.repository().join(format!("{}.blobs", &name[..19]));
    let text = std::fs::read_to_string(list).unwrap();
    let words = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let ours = words.filter(|words| words.get(4) == Some(&name));
    ours.map(|words| (words[5].parse().unwrap(), words[2].parse().unwrap())).collect()
}

/// A container stays as long as one blob in it is named.
#[test]
fn forget_removes_containers_that_no_backup_names() {
    let site = Site::new("bushy");
    back_up(&site, &[], "full");
    // What these have goes with the pack, for the most part.
    for seed in ["1", "2", "3"] {
        site.zodb("grow", &[seed, "2"]);
        back_up(&site, &["--quick"], "incremental");
        site.zodb("undo", &[]);
        site.zodb("undo", &[]);
        back_up(&site, &["--quick"], "incremental");
    }
    let all = containers(&site);
    assert!(all.len() > 3);
    site.zodb("pack", &["0"]);
    back_up(&site, &[], "full");
    let now = site.blobs();
    let words = args!["forget", "-r", site.repository(), "--keep-last", "1", "--apply"];
    ours(&site.clock, &words).expect_success();
    let left = containers(&site);
    assert!(!left.is_empty() && left.len() < all.len(), "{left:?} of {all:?}");
    expect_restored(&site, &[], &now);
    site.verify().expect_success();
}

/// What has a file of its own in an older list comes back there, so that the older backups are whole again, too.
#[test]
fn a_blob_that_was_lost_comes_back_where_the_lists_look_for_it() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let lost = site.stored().into_iter().find(|file| is_small(file)).unwrap();
    std::fs::remove_file(&lost).unwrap();
    assert_eq!(site.verify().status, 1);
    assert_eq!(back_up(&site, &["--full"], "full"), 1);
    assert!(lost.exists());
    site.verify().expect_success();
}

/// What was missing comes by a later run into a container of its own.
#[test]
fn what_was_missing_gets_into_a_new_container() {
    let site = Site::new("bushy");
    let there = files_below(&site.path("blobs"));
    let victim = there.iter().find(|file| is_small(file)).unwrap();
    std::fs::rename(victim, site.path("aside")).unwrap();
    site.clock.pass(Duration::from_secs(60));
    assert_eq!(ours(&site.clock, &site.backup_words(&["--containers"])).status, 3);
    std::fs::rename(site.path("aside"), victim).unwrap();
    assert_eq!(back_up(&site, &[], "nothing"), 1);
    let names: Vec<_> = containers(&site)
        .iter()
        .map(|file| file.to_str().unwrap().rsplit('-').next().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["1", "2"]);
    expect_restored(&site, &[], &site.blobs());
    site.verify().expect_success();
}
