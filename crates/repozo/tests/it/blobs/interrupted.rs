//! A signal at any call of a run: it ends with the signal, or as it would without it. What was only not read any more is never
//! told to be missing or damaged, and the next run makes good whatever was begun.

use super::{Blobs, Site, expect_all, files_below, ours, read, write_anew};
use crate::common::{args, content, dir_in_memory, ours_stopped};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const STOPPED: u8 = 143;

/// The words of a run for a site.
type Words = fn(&Site) -> Vec<OsString>;

/// Stops the run at every call of it, each time in a copy of the site, and makes `again` then; each state restores as it
/// does where nothing was stopped, which is what ZODB has.
fn stop_everywhere(site: &Site, words: Words, again: Words, expected: &Blobs) {
    let whole = copied(site);
    let (undisturbed, call_count) = ours_stopped(&whole.clock, &words(&whole), usize::MAX);
    let (restored, data, blobs) = whole.restore(&[]);
    restored.expect_success();
    expect_all(&read(&data, &blobs), expected, "where nothing was stopped");
    let (expected, mut stopped_count) = (contents(&data, &blobs), 0);
    for number in 0..call_count {
        let copy = copied(site);
        let (ran, _) = ours_stopped(&copy.clock, &words(&copy), number);
        let what = format!("call {number} of {:?}: {}, {}", words(&copy), ran.status, ran.stderr);
        if ran.status == STOPPED {
            stopped_count += 1;
            copy.clock.pass(Duration::from_secs(60));
            let next = ours(&copy.clock, &again(&copy));
            assert_eq!(next.status, undisturbed.status, "{what}, then {}", next.stderr);
        } else {
            assert_eq!(ran.status, undisturbed.status, "{what}");
        }
        for line in ["damaged", "missing", "cannot be read"] {
            assert!(!ran.stderr.contains(line) || undisturbed.stderr.contains(line), "{what}");
        }
        let (restored, data, blobs) = copy.restore(&[]);
        restored.expect_success();
        assert!(contents(&data, &blobs) == expected, "{what}");
    }
    assert!(stopped_count > 10, "{stopped_count} of {call_count}");
}

/// The bytes of a database and of its blobs, in the order of their names.
fn contents(data: &Path, blobs: &Path) -> Vec<Vec<u8>> {
    let files = files_below(blobs).into_iter().chain([data.to_owned()]);
    files.map(|file| content(&file)).collect()
}

/// The same at another place.
fn copied(site: &Site) -> Site {
    let dir = dir_in_memory();
    let from = format!("{}/.", site.dir.path().display());
    assert!(Command::new("cp").arg("-a").args([Path::new(&from), dir.path()]).status().unwrap().success());
    let clock = testkit::TestClock::at(site.clock.seconds() + 60);
    Site { dir, clock }
}

fn backup(site: &Site) -> Vec<OsString> {
    site.backup_words(&["--full"])
}

fn small_site() -> Site {
    let site = Site::new("bushy");
    site.backup(&[]);
    site
}

#[test]
fn a_first_backup() {
    let site = Site::new("bushy");
    stop_everywhere(&site, backup, backup, &site.blobs());
}

/// What is stored of each blob is read, and healed where it is not what the server has.
#[test]
fn a_full_backup_that_heals() {
    let site = small_site();
    for file in site.stored().iter().filter(|file| content(file).len() > 100) {
        write_anew(file, b"damaged");
    }
    stop_everywhere(&site, backup, backup, &site.blobs());
}

/// Under the name of a blob stands another one, so that it gets one with its hash.
#[test]
fn a_full_backup_of_blobs_with_their_hash_in_the_name() {
    let site = small_site();
    for file in files_below(&site.path("blobs")) {
        let bytes = content(&file);
        if bytes.len() > 100 {
            write_anew(&file, &bytes[..bytes.len() / 2]);
        }
    }
    assert_eq!(ours(&site.clock_later(), &backup(&site)).status, 3);
    // Nothing but the files themselves says what they are.
    site.lists().iter().for_each(|list| std::fs::remove_file(list).unwrap());
    stop_everywhere(&site, backup, backup, &site.blobs());
}

#[test]
fn a_repair_of_lists_out_of_containers() {
    let site = Site::new("bushy");
    site.backup(&["--containers"]);
    for list in site.lists() {
        let bytes = content(&list);
        write_anew(&list, &bytes[..bytes.len() / 2]);
    }
    let words: Words = |site| args!["repair", "-r", site.repository(), "--apply"].to_vec();
    stop_everywhere(&site, words, words, &site.blobs());
}

#[test]
fn a_verification() {
    let site = small_site();
    let words: Words = |site| args!["-V", "-r", site.repository()].to_vec();
    stop_everywhere(&site, words, words, &site.blobs());
}

#[test]
fn a_restore() {
    let site = small_site();
    let words: Words = |site| {
        let dir = site.path("restored");
        let _ = std::fs::create_dir(&dir);
        let (data, blobs) = (dir.join("Data.fs"), dir.join("blobs"));
        args!["restore", "-r", site.repository(), "-o", data, "--blobs", blobs].to_vec()
    };
    // A directory with blobs in it is gone on with if that is asked for.
    let again: Words = |site| {
        let (data, blobs) = (site.path("restored/Data.fs"), site.path("restored/blobs"));
        args!["restore", "-r", site.repository(), "-o", data, "--blobs", blobs, "--update"].to_vec()
    };
    stop_everywhere(&site, words, again, &site.blobs());
}

impl Site {
    fn clock_later(&self) -> testkit::TestClock {
        self.clock.pass(Duration::from_secs(60));
        testkit::TestClock::at(self.clock.seconds())
    }
}
