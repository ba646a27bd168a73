//! What a second adversary found: containers, repairs, runs that no lock keeps apart.

use super::{Blobs, Site, expect_all, files_below, ours, ours_with, read, write_anew};
use crate::common::{args, content};
use crate::judge;
use std::ffi::OsString;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use testkit::{Call, HookFs, Ran, TestClock};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// A file system that cannot lock, as some network file systems cannot.
fn unlocked(mut hook: impl FnMut(&Call) -> std::io::Result<()> + Send + 'static) -> HookFs {
    HookFs::new(move |call: &Call| match call.op {
        "try_lock" => Err(ErrorKind::Unsupported.into()),
        _ => hook(call),
    })
}

/// A blob of a few hundred or thousand bytes, as the server has it and as the repository does.
fn a_blob(site: &Site) -> (PathBuf, PathBuf) {
    let is_small = |file: &PathBuf| (100..10_000).contains(&file.metadata().unwrap().len());
    let theirs = files_below(&site.path("blobs")).into_iter().find(is_small).unwrap();
    let ours = site.stored().into_iter().find(|file| content(file) == content(&theirs)).unwrap();
    (theirs, ours)
}

fn cut(file: &Path) {
    let bytes = content(file);
    write_anew(file, &bytes[..bytes.len() / 2]);
}

fn back_up(site: &Site, words: &[&str]) -> Ran {
    site.clock.pass(Duration::from_secs(60));
    ours(&site.clock, &site.backup_words(words))
}

fn repair(site: &Site, words: &[OsString]) -> (u8, String) {
    let ran = ours(&site.clock, &[&args!["repair", "-r", site.repository()], words].concat());
    (ran.status, String::from_utf8(ran.stdout).unwrap() + &ran.stderr)
}

fn forget(site: &Site, count: &str) -> Ran {
    ours(&site.clock, &args!["forget", "-r", site.repository(), "--keep-last", count, "--apply"])
}

#[track_caller]
fn expect_restored(site: &Site, words: &[&str], expected: &Blobs) {
    let (ran, data, dir) = site.restore(words);
    ran.expect_success();
    expect_all(&read(&data, &dir), expected, &format!("{words:?}"));
}

/// Where nobody is kept out, another run may have made a list of what this one copied.
#[test]
fn a_full_disk_takes_nothing_that_a_run_beside_it_may_need() {
    let site = Site::new("bushy");
    site.zodb("plant", &["1", "40"]);
    let (words, store, seconds) =
        (site.backup_words(&[]), site.repository().join("blobs"), site.clock.seconds());
    let mut names_count = 0;
    let fs = unlocked(move |call| {
        if call.op != "rename_over" || !call.path.starts_with(&store) {
            return Ok(());
        }
        names_count += 1;
        if names_count == 20 {
            let other = unlocked(|_| Ok(()));
            ours_with(&other, &TestClock::at(seconds + 90), &words).expect_success();
        }
        if names_count >= 20 { Err(Error::from_raw_os_error(ENOSPC)) } else { Ok(()) }
    });
    site.clock.pass(Duration::from_secs(60));
    let (repository, file, blobs) = (site.repository(), site.path("Data.fs"), site.path("blobs"));
    let place = judge::Site {
        fs: &fs,
        clock: &site.clock,
        repository: &repository,
        file: &file,
        blobs: Some(&blobs),
    };
    assert_eq!(place.backup("s").status, 1);
    expect_restored(&site, &[], &site.blobs());
}

/// The blobs had their names, the list did not, and nobody kept a forget out.
#[test]
fn forget_takes_no_blob_of_a_backup_that_is_being_made_beside_it() {
    let site = Site::new("bushy");
    let (repository, seconds) = (site.repository(), site.clock.seconds());
    let fs = unlocked(move |call| {
        if call.op == "rename_over" && call.path.extension().is_some_and(|end| end == "blobs") {
            let words = args!["forget", "-r", &repository, "--keep-last", "9", "--apply"];
            ours_with(&unlocked(|_| Ok(())), &TestClock::at(seconds + 90), &words).expect_success();
        }
        Ok(())
    });
    site.clock.pass(Duration::from_secs(60));
    ours_with(&fs, &site.clock, &site.backup_words(&[])).expect_success();
    expect_restored(&site, &[], &site.blobs());
}

/// One of two runs had a blob that the other one had not, and its container took the place of the other's.
#[test]
fn of_two_runs_at_once_no_container_takes_the_place_of_the_others() {
    let site = Site::new("bushy");
    let is_small = |file: &PathBuf| (100..10_000).contains(&file.metadata().unwrap().len());
    let theirs = files_below(&site.path("blobs")).into_iter().find(is_small).unwrap();
    let aside = site.path("aside");
    std::fs::rename(&theirs, &aside).unwrap();
    let (words, seconds) = (site.backup_words(&["--containers"]), site.clock.seconds());
    let small = site.repository().join("blobs/small");
    let mut is_done = false;
    let fs = unlocked(move |call| {
        // The first one dies before it has its list.
        if is_done && call.path.extension().is_some_and(|end| end == "blobs") {
            return Err(Error::from_raw_os_error(EIO));
        }
        if call.op.starts_with("rename") && call.path.starts_with(&small) && !is_done {
            is_done = true;
            std::fs::rename(&aside, &theirs).unwrap();
            let other = unlocked(|_| Ok(()));
            ours_with(&other, &TestClock::at(seconds + 90), &words).expect_success();
        }
        Ok(())
    });
    site.clock.pass(Duration::from_secs(60));
    assert_eq!(ours_with(&fs, &site.clock, &site.backup_words(&["--containers"])).status, 1);
    site.verify().expect_success();
    expect_restored(&site, &[], &site.blobs());
}

/// A list was made anew since a blob that was missing had come; another one, cut meanwhile, took the place of the right one in
/// the list of a backup that was made before.
#[test]
fn a_list_that_gets_what_was_missing_keeps_what_it_had() {
    let site = Site::new("bushy");
    let (missing, aside) = (files_below(&site.path("blobs")).pop().unwrap(), site.path("aside"));
    let before = site.blobs();
    std::fs::rename(&missing, &aside).unwrap();
    assert_eq!(back_up(&site, &[]).status, 3);
    let (theirs, ours_) = a_blob(&site);
    assert!(theirs != missing);
    cut(&theirs);
    std::fs::rename(&aside, &missing).unwrap();
    back_up(&site, &[]);
    forget(&site, "9");
    assert!(ours_.exists(), "the right one");
    expect_restored(&site, &[], &before);
}

/// The repository had lost a blob, and what the server has now is another one: that took the name of the one that was lost.
#[test]
fn another_blob_is_told_where_the_repository_has_lost_its_own() {
    let site = Site::new("bushy");
    back_up(&site, &[]).expect_success();
    let (ran, _, copy) = site.restore(&[]);
    ran.expect_success();
    let (theirs, stored) = a_blob(&site);
    std::fs::remove_file(&stored).unwrap();
    cut(&theirs);
    let ran = back_up(&site, &["--full"]);
    let after = site.blobs();
    expect_restored(&site, &[], &after);
    // The other copy puts the first one back, and takes nothing from the second backup.
    let (status, told) = repair(&site, &args!["--apply", "--blobs", copy]);
    expect_restored(&site, &[], &after);
    assert_eq!(status, 0, "{told}");
    site.verify().expect_success();
    assert!(ran.status == 3 && ran.stderr.contains("which is right?"), "{}: {}", ran.status, ran.stderr);
}

/// A list is made anew with the server's blobs at hand, of which one was cut since: not a word, and the right one was named no
/// more.
#[test]
fn repair_tells_of_a_blob_that_is_another_one_than_the_repository_has() {
    let site = Site::new("bushy");
    back_up(&site, &[]).expect_success();
    let before = site.blobs();
    let (theirs, _) = a_blob(&site);
    cut(&theirs);
    let list = site.lists().remove(0);
    cut(&list);
    let (status, told) = repair(&site, &args!["--apply", "--blobs", site.path("blobs")]);
    forget(&site, "9");
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    assert!(read(&data, &dir) == before, "{status}: {told}");
    assert!(status == 3 && told.contains("which is right?"), "{status}: {told}");
}

/// The list is damaged, the containers are whole: nothing is missing.
#[test]
fn a_list_is_made_anew_of_containers_too() {
    let site = Site::new("bushy");
    back_up(&site, &["--containers"]).expect_success();
    site.zodb("grow", &["1", "12"]);
    back_up(&site, &["--containers", "--quick"]).expect_success();
    let (stored, list) = (site.stored(), site.lists().pop().unwrap());
    cut(&list);
    let (status, told) = repair(&site, &args!["--apply"]);
    assert_eq!(status, 0, "{told}");
    forget(&site, "9");
    assert_eq!(site.stored(), stored);
    expect_restored(&site, &[], &site.blobs());
}

/// The list is damaged, and the name of the blob has its hash: nothing is missing.
#[test]
fn a_list_is_made_anew_of_blobs_with_their_hash_in_the_name() {
    let site = Site::new("bushy");
    back_up(&site, &[]).expect_success();
    let (theirs, _) = a_blob(&site);
    cut(&theirs);
    assert_eq!(back_up(&site, &["--full"]).status, 3);
    forget(&site, "1").expect_success();
    let after = site.blobs();
    std::fs::remove_file(&theirs).unwrap();
    cut(&site.lists().remove(0));
    let (status, told) = repair(&site, &args!["--apply"]);
    forget(&site, "9");
    expect_restored(&site, &[], &after);
    assert_eq!(status, 0, "{told}");
}

/// The line of a blob in a container tells of more bytes than any file has.
#[test]
fn a_container_that_is_damaged_is_looked_through_as_far_as_it_goes() {
    let site = Site::new("bushy");
    back_up(&site, &["--containers"]).expect_success();
    let container = files_below(&site.repository().join("blobs/small")).remove(0);
    let bytes = content(&container);
    let line = String::from_utf8(bytes[24..].split(|byte| *byte == b'\n').next().unwrap().to_vec()).unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    let hash: String = words[3].chars().rev().collect();
    let changed = [words[0], words[1], words[2], &hash].join(" ");
    write_anew(&container, &[&bytes[..24], changed.as_bytes(), &bytes[24 + line.len()..]].concat());
    cut(&site.lists().remove(0));
    back_up(&site, &[]).expect_success();
    expect_restored(&site, &[], &site.blobs());
    std::fs::remove_dir_all(site.repository().join("blobs/000")).unwrap();
    for len in [u64::MAX, i64::MAX as u64, u64::MAX - 24] {
        let changed = [words[0], words[1], &len.to_string(), words[3]].join(" ");
        write_anew(&container, &[&bytes[..24], changed.as_bytes(), &bytes[24 + line.len()..]].concat());
        cut(&site.lists().remove(0));
        let (status, told) = repair(&site, &args!["--apply"]);
        assert!(status == 3 && told.contains("1 list of blobs made anew"), "{status}: {told}");
    }
    // The server has all of them.
    cut(&site.lists().remove(0));
    back_up(&site, &[]).expect_success();
    expect_restored(&site, &[], &site.blobs());
}

/// Repair said so, and that all is well.
#[test]
fn repair_does_not_say_that_all_is_well_where_a_blob_is_lost() {
    let site = Site::new("bushy");
    back_up(&site, &[]).expect_success();
    let (_, stored) = a_blob(&site);
    std::fs::remove_file(stored).unwrap();
    cut(&site.lists().remove(0));
    let (status, told) = repair(&site, &args!["--apply"]);
    assert!(status == 3 && told.contains("1 damaged or missing still"), "{status}: {told}");
}

/// A chain that cannot be mended kept all later ones from being mended.
#[test]
fn repair_goes_on_behind_a_chain_that_cannot_be_mended() {
    let site = Site::new("bushy");
    back_up(&site, &[]).expect_success();
    site.zodb("grow", &["1", "4"]);
    back_up(&site, &["--quick"]).expect_success();
    back_up(&site, &["--full"]).expect_success();
    let lists = site.lists();
    cut(&site.repository().join("2033-05-18-03-34-20.fs"));
    std::fs::remove_file(&lists[1]).unwrap();
    cut(&lists[2]);
    let (status, told) = repair(&site, &args!["--apply"]);
    assert!(status != 0, "{told}");
    expect_restored(&site, &[], &site.blobs());
}

/// The newest chain has lost a blob; the older one, which is whole, went for it.
#[test]
fn forget_lets_no_chain_go_for_one_whose_blobs_are_lost() {
    for verifies_before in [false, true] {
        let site = Site::new("bushy");
        back_up(&site, &[]).expect_success();
        let first = site.blobs();
        let stored = site.stored();
        site.zodb("grow", &["1", "4"]);
        back_up(&site, &["--full"]).expect_success();
        let new = site.stored().into_iter().find(|file| !stored.contains(file)).unwrap();
        std::fs::remove_file(new).unwrap();
        if verifies_before {
            ours(&site.clock, &args!["verify", "-r", site.repository()]);
        }
        let ran = forget(&site, "1");
        assert!(site.lists().len() == 2, "{verifies_before}: {}", ran.stderr);
        expect_restored(&site, &["--at", "2033-05-18-03-34-20"], &first);
    }
}

/// What was missing was found in the repository, and not written down.
#[test]
fn repair_names_what_it_found_in_the_repository() {
    let site = Site::new("bushy");
    let (theirs, aside) = (files_below(&site.path("blobs")).pop().unwrap(), site.path("aside"));
    let first = site.blobs();
    std::fs::rename(&theirs, &aside).unwrap();
    assert_eq!(back_up(&site, &[]).status, 3);
    std::fs::rename(&aside, &theirs).unwrap();
    let stored = site.stored();
    site.zodb("grow", &["1", "4"]);
    back_up(&site, &["--full"]).expect_success();
    // Something else is wrong, with the later chain alone.
    let is_new = |file: &PathBuf| !stored.contains(file) && content(file) != content(&theirs);
    std::fs::remove_file(site.stored().into_iter().find(is_new).unwrap()).unwrap();
    let (status, told) = repair(&site, &args!["--apply", "--blobs", site.path("blobs")]);
    assert_eq!(status, 0, "{told}");
    expect_restored(&site, &["--at", "2033-05-18-03-34-20"], &first);
    let text = std::fs::read_to_string(&site.lists()[0]).unwrap();
    assert!(!text.contains("missing"), "{text}");
}

/// There was room for the blobs and none for their list.
#[test]
fn a_disk_that_is_full_when_the_list_is_written_is_left_as_it_was() {
    let site = Site::new("bushy");
    let fs = HookFs::new(|call: &Call| {
        match call.op == "append" && call.path.to_str().unwrap().contains(".blobs.") {
            true => Err(Error::from_raw_os_error(ENOSPC)),
            false => Ok(()),
        }
    });
    site.clock.pass(Duration::from_secs(60));
    assert_eq!(ours_with(&fs, &site.clock, &site.backup_words(&[])).status, 1);
    assert_eq!(site.stored(), Vec::<PathBuf>::new());
}

/// The server has half of a blob, the older backup all of it, and went for the new one.
#[test]
fn k_lets_no_backup_go_whose_blob_is_another_one() {
    let site = Site::new("bushy");
    back_up(&site, &[]).expect_success();
    let before = site.blobs();
    cut(&a_blob(&site).0);
    site.clock.pass(Duration::from_secs(60));
    let (repository, file, blobs) = (site.repository(), site.path("Data.fs"), site.path("blobs"));
    let ran = ours(&site.clock, &args!["-BFk", "-r", &repository, "-f", &file, "--blobs", &blobs]);
    assert!(ran.status != 0);
    assert_eq!(site.lists().len(), 2, "{}", ran.stderr);
    expect_restored(&site, &["--at", "2033-05-18-03-34-20"], &before);
}

/// A bad sector in what a run that died had copied, or in what a damaged list named, kept all blobs from being backed up.
#[test]
fn a_bad_sector_in_the_repository_keeps_no_blob_from_being_backed_up() {
    let site = Site::new("bushy");
    back_up(&site, &[]).expect_success();
    let (_, stored) = a_blob(&site);
    cut(&site.lists().remove(0));
    let fs = HookFs::new(move |call: &Call| match call.op == "read_at" && call.path == stored {
        true => Err(Error::from_raw_os_error(EIO)),
        false => Ok(()),
    });
    site.clock.pass(Duration::from_secs(60));
    let ran = ours_with(&fs, &site.clock, &site.backup_words(&[]));
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    expect_restored(&site, &[], &site.blobs());
}

/// Where blocks are shared a bad sector is seen in the copy.
#[test]
fn a_blob_that_shares_a_bad_sector_keeps_no_other_from_being_backed_up() {
    let site = Site::new("bushy");
    let mut bad = None;
    let fs = HookFs::new(move |call: &Call| {
        if call.op == "share" {
            bad.get_or_insert_with(|| call.path.clone());
        }
        match call.op == "read_at" && bad.as_ref() == Some(&call.path) {
            true => Err(Error::from_raw_os_error(EIO)),
            false => Ok(()),
        }
    });
    site.clock.pass(Duration::from_secs(60));
    let ran = ours_with(&fs.sharing(), &site.clock, &site.backup_words(&[]));
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(told["blobs_missing"], 1);
    assert_eq!(back_up(&site, &[]).status, 0);
    expect_restored(&site, &[], &site.blobs());
}

/// An increment that cannot be used is set aside; its list of blobs went, and its blobs with the next forget.
#[test]
fn what_repair_sets_aside_keeps_its_blobs() {
    let site = Site::new("bushy");
    back_up(&site, &[]).expect_success();
    for seed in ["1", "2"] {
        site.zodb("grow", &[seed, "4"]);
        back_up(&site, &["--quick"]).expect_success();
    }
    let repository = site.repository();
    std::fs::remove_file(repository.join("2033-05-18-03-35-20.deltafs")).unwrap();
    let list = repository.join("2033-05-18-03-36-20.blobs");
    let named = std::fs::read_to_string(&list).unwrap();
    let (_, told) = repair(&site, &args!["--apply"]);
    assert!(told.contains("nothing was deleted"), "{told}");
    forget(&site, "9");
    assert!(list.exists(), "{told}");
    let names: Vec<String> = site
        .stored()
        .iter()
        .map(|file| file.file_name().unwrap().to_str().unwrap().replace('-', " "))
        .collect();
    let lines = named.lines().filter(|line| line.starts_with("0000"));
    for line in lines {
        assert!(names.iter().any(|name| line.starts_with(name)), "{line}");
    }
    // Whoever deletes it does not want them any more.
    std::fs::remove_file(repository.join("2033-05-18-03-36-20.deltafs.unlisted")).unwrap();
    forget(&site, "9");
    assert!(!list.exists());
}

/// A list that is a copy of another one said nothing of its own blobs, which went.
#[test]
fn forget_takes_nothing_where_a_list_is_that_of_another_backup() {
    let site = Site::new("bushy");
    back_up(&site, &[]).expect_success();
    site.zodb("grow", &["1", "4"]);
    back_up(&site, &["--quick"]).expect_success();
    let (lists, stored) = (site.lists(), site.stored());
    write_anew(&lists[1], &content(&lists[0]));
    let ran = forget(&site, "9");
    assert_eq!(site.stored(), stored, "{}", ran.stderr);
    let (status, told) = repair(&site, &args!["--apply"]);
    assert_eq!(status, 0, "{told}");
    expect_restored(&site, &[], &site.blobs());
}

/// A forget took a chain while its blobs were verified: lists that went with it were told as missing.
#[test]
fn verify_misses_no_list_of_a_chain_that_goes_meanwhile() {
    let site = Site::new("bushy");
    back_up(&site, &[]).expect_success();
    site.zodb("grow", &["1", "4"]);
    back_up(&site, &["--quick"]).expect_success();
    back_up(&site, &["--full"]).expect_success();
    let words = args!["forget", "-r", site.repository(), "--keep-last", "1", "--apply"];
    let (seconds, store) = (site.clock.seconds(), site.repository().join("blobs"));
    let mut is_done = false;
    let fs = HookFs::new(move |call: &Call| {
        if call.op == "open" && call.path.starts_with(&store) && !std::mem::replace(&mut is_done, true) {
            ours(&TestClock::at(seconds + 60), &words).expect_success();
        }
        Ok(())
    });
    let ran = ours_with(&fs, &site.clock, &args!["-V", "-r", site.repository()]);
    assert_eq!(site.lists().len(), 1);
    ran.expect_success();
}

/// Just as long as, and shorter and longer than, what is put together; and nothing.
#[test]
fn blobs_at_the_limit_restore_from_containers_and_files() {
    let site = Site::new("bushy");
    let lens = [0, 1, 65_535, 65_536, 65_537];
    let files = files_below(&site.path("blobs"));
    let files = files.iter().filter(|file| file.extension().is_some_and(|end| end == "blob"));
    for (file, len) in files.zip(lens.iter().cycle()) {
        write_anew(file, &vec![b'x'; *len]);
    }
    back_up(&site, &["--containers"]).expect_success();
    site.verify().expect_success();
    expect_restored(&site, &[], &site.blobs());
    back_up(&site, &["--full"]).expect_success();
    back_up(&site, &["--full", "--containers"]).expect_success();
    forget(&site, "1").expect_success();
    site.verify().expect_success();
    expect_restored(&site, &[], &site.blobs());
}
