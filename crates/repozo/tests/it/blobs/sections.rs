//! A first backup takes hours: what it copied is not copied again when it is cut off.

use super::{Site, expect_all, files_below, ours, read};
use crate::judge;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::{Call, HookFs};

const ENOSPC: i32 = 28;
const EDQUOT: i32 = 122;

/// One of many blobs, which is cut off before the name of the n-th is made, or where the disk is full then.
fn cut_off(site: &Site, name_count: usize, errno: i32, is_dead: bool) -> testkit::Ran {
    let store = site.repository().join("blobs");
    let mut count = 0;
    let fs = HookFs::new(move |call: &Call| {
        let is_name = call.op == "rename_over" && call.path.starts_with(&store);
        count += usize::from(is_name);
        match count > name_count && (is_name || is_dead) {
            true => Err(std::io::Error::from_raw_os_error(errno)),
            false => Ok(()),
        }
    });
    in_sections(site, &fs)
}

fn in_sections(site: &Site, fs: &dyn vfs::Fs) -> testkit::Ran {
    site.clock.pass(Duration::from_secs(60));
    let (repository, file, blobs) = (site.repository(), site.path("Data.fs"), site.path("blobs"));
    let place =
        judge::Site { fs, clock: &site.clock, repository: &repository, file: &file, blobs: Some(&blobs) };
    place.backup("s")
}

fn many() -> Site {
    let site = Site::new("bushy");
    site.zodb("plant", &["1", "40"]);
    site
}

fn stored(site: &Site) -> Vec<PathBuf> {
    let drafts = site.repository().join("blobs/new");
    site.stored().into_iter().filter(|file| !file.starts_with(&drafts)).collect()
}

/// Symptom: a first backup of a terabyte that is stopped every night never ends.
#[test]
fn a_first_backup_that_was_cut_off_copies_only_what_is_left() {
    let site = many();
    let all_count = site.blobs().len();
    cut_off(&site, all_count - 5, 5, true);
    assert_eq!(stored(&site).len(), all_count - 5);
    let created: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
    let notes = Arc::clone(&created);
    let fs = HookFs::new(move |call| {
        if call.op == "create" && call.path.parent().is_some_and(|dir| dir.ends_with("blobs/new")) {
            notes.lock().unwrap().push(call.path.clone());
        }
        Ok(())
    });
    in_sections(&site, &fs).expect_success();
    assert_eq!(created.lock().unwrap().len(), 5);
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &site.blobs(), "in two runs");
    site.verify().expect_success();
}

/// What was copied and is no blob any more, by damage or by somebody's hand, does not stand in for one.
#[test]
fn what_a_cut_off_run_copied_counts_only_if_it_is_the_blob() {
    let site = many();
    cut_off(&site, 10, 5, true);
    let victim = stored(&site).into_iter().find(|file| file.metadata().unwrap().len() > 100).unwrap();
    let mut bytes = std::fs::read(&victim).unwrap();
    bytes[50] ^= 1;
    super::write_anew(&victim, &bytes);
    let ran = in_sections(&site, &vfs::OsFs);
    assert_eq!(ran.status, 3, "another one of the same name is told: {}", ran.stderr);
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &site.blobs(), "beside what was damaged");
}

/// What was copied in vain would keep the disk full, and the next backups of the database out.
#[test]
fn a_full_disk_is_left_as_it_was() {
    for errno in [ENOSPC, EDQUOT] {
        let site = many();
        let ran = cut_off(&site, 20, errno, false);
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        assert_eq!(files_below(&site.repository().join("blobs")), Vec::<PathBuf>::new());
        ours(&site.clock, &site.backup_words(&[])).expect_success();
        let (ran, data, dir) = site.restore(&[]);
        ran.expect_success();
        expect_all(&read(&data, &dir), &site.blobs(), "when there was room again");
    }
}

/// The list of another chain is damaged, and says nothing: what it named is there, was not copied by this run, and stays.
#[test]
fn a_full_disk_takes_nothing_that_was_there_before() {
    let site = many();
    site.backup(&[]);
    let before = stored(&site);
    let list = site.lists().remove(0);
    let text = std::fs::read_to_string(&list).unwrap();
    super::write_anew(&list, &text.as_bytes()[..text.len() - 2]);
    site.zodb("grow", &["1", "30"]);
    site.zodb("pack", &["1"]);
    let ran = cut_off(&site, 20, ENOSPC, false);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert_eq!(stored(&site), before);
}
