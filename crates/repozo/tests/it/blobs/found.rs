//! What an adversary found in the first version: each was an exit 0 with blobs that were wrong, or a loss.

use super::{Site, expect_all, files_below, ours, read, tree, write_anew};
use crate::common::args;
use std::path::PathBuf;
use std::time::Duration;

/// A blob of some hundred or thousand bytes.
fn a_small_one(files: &[PathBuf]) -> &PathBuf {
    files.iter().find(|file| (100..10_000).contains(&file.metadata().unwrap().len())).unwrap()
}

/// A state of three backups.
fn three_backups() -> Site {
    let site = Site::new("bushy");
    site.backup(&[]);
    for seed in ["1", "2"] {
        site.zodb("grow", &[seed, "2"]);
        site.backup(&["--quick"]);
    }
    site
}

/// A mount point or a network file system has entries of its own. Without a marker ZODB took what was restored there for the
/// other layout, and found no blob.
#[test]
fn a_directory_with_nothing_but_hidden_names_gets_its_marker() {
    let site = Site::new("bushy");
    site.backup(&[]);
    for words in [&[][..], &["--update"]] {
        let dir = tempfile::tempdir_in(site.path("")).unwrap();
        std::fs::create_dir_all(dir.path().join("blobs/.snapshot")).unwrap();
        ours(&site.clock, &site.restore_words(dir.path(), words)).expect_success();
        assert_eq!(std::fs::read_to_string(dir.path().join("blobs/.layout")).unwrap(), "bushy");
        expect_all(
            &read(&dir.path().join("Data.fs"), &dir.path().join("blobs")),
            &site.blobs(),
            "hidden names",
        );
    }
}

/// Each list was held open: a chain of a thousand increments could not be restored, though verify found nothing wrong.
#[test]
fn a_chain_of_more_backups_than_files_may_be_open_restores() {
    let site = Site::new("bushy");
    site.backup(&[]);
    for seed in 0..40 {
        site.zodb("grow", &[&seed.to_string(), "1"]);
        site.backup(&["--quick"]);
    }
    let dir = tempfile::tempdir_in(site.path("")).unwrap();
    let words = site.restore_words(dir.path(), &[]);
    let program = env!("CARGO_BIN_EXE_repozo");
    let ran = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 32; exec \"$0\" \"$@\"", program])
        .args(&words)
        .output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    expect_all(&read(&dir.path().join("Data.fs"), &dir.path().join("blobs")), &site.blobs(), "all");
}

/// Two restores into one blob directory: the second took the drafts of the first for those of a dead one.
#[test]
fn a_restore_into_a_blob_directory_that_another_one_fills_is_refused() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let dir = tempfile::tempdir_in(site.path("")).unwrap();
    std::fs::create_dir(dir.path().join("blobs")).unwrap();
    let held = std::fs::File::open(dir.path().join("blobs")).unwrap();
    held.lock().unwrap();
    let ran = ours(&site.clock, &site.restore_words(dir.path(), &["--update"]));
    assert_eq!(ran.status, 11, "{}", ran.stderr);
    drop(held);
    ours(&site.clock, &site.restore_words(dir.path(), &["--update"])).expect_success();
}

/// A data file that is away for a moment took its blobs with it for good.
#[test]
fn forget_keeps_the_blobs_of_a_backup_that_is_away() {
    for victim in ["2033-05-18-03-35-20.deltafs", "2033-05-18-03-34-20.fs", "2033-05-18-03-35-20.blobs"] {
        let site = three_backups();
        let (there, away) = (site.repository().join(victim), site.path("away"));
        std::fs::rename(&there, &away).unwrap();
        let words = args!["forget", "-r", site.repository(), "--keep-last", "10", "--apply"];
        ours(&site.clock, &words);
        std::fs::rename(&away, &there).unwrap();
        let (ran, data, dir) = site.restore(&[]);
        ran.expect_success();
        expect_all(&read(&data, &dir), &site.blobs(), victim);
    }
}

/// Records behind damage were passed over without a word; ZODB reads some of them.
#[test]
fn blobs_that_a_damaged_transaction_may_name_are_told() {
    let site = Site::new("bushy");
    let file = site.path("Data.fs");
    let bytes = std::fs::read(&file).unwrap();
    // A record of the object 0: its tid begins with 4, its transaction is somewhere, it is of no version.
    let is_root = |at: &usize| {
        let header = &bytes[*at..at + 42];
        header[..8] == [0; 8] && header[8] == 4 && header[24..32] != [0; 8] && header[32..34] == [0; 2]
    };
    // That of the transaction before the last, since a damaged end is no end.
    let at = (0..bytes.len() - 42).filter(is_root).nth(2);
    let mut damaged = bytes.clone();
    damaged[at.unwrap() + 31] ^= 0x40;
    std::fs::write(&file, damaged).unwrap();
    site.clock.pass(Duration::from_secs(60));
    for what in ["full", "nothing"] {
        let ran = ours(&site.clock, &site.backup_words(&[]));
        assert_eq!(ran.status, 3, "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains("which blobs they name is not known"), "{what}: {}", ran.stderr);
        site.clock.pass(Duration::from_secs(60));
    }
    // Whoever recovers it is told again.
    let (data, blobs) = (site.path("Recovered.fs"), site.path("recovered-blobs"));
    let ran = ours(&site.clock, &args!["-R", "-r", site.repository(), "-o", data, "--blobs", blobs]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("which blobs they name is not known"), "{}", ran.stderr);
}

/// The source had lost the end of a blob and has it again; or the other way round. The first copy was kept without a word,
/// or the good one was overwritten.
#[test]
fn a_blob_of_another_length_than_before_is_told_and_takes_the_place_of_none() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let first = site.blobs();
    let there = files_below(&site.path("blobs"));
    let victim = a_small_one(&there);
    let whole = std::fs::read(victim).unwrap();
    write_anew(victim, &whole[..whole.len() / 2]);
    site.clock.pass(Duration::from_secs(60));
    let ran = ours(&site.clock, &site.backup_words(&["--full"]));
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("which is right?"), "{}", ran.stderr);
    // Both states are what they were.
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &site.blobs(), "as it is now");
    let (ran, data, dir) = site.restore(&["--at", "2033-05-18-03-34-20"]);
    // The newest backup of the same transaction is taken for any moment behind it.
    ran.expect_success();
    let found = read(&data, &dir);
    assert!(found == first || found == site.blobs());
    site.verify().expect_success();
    let words = args!["forget", "-r", site.repository(), "--keep-last", "2", "--apply"];
    ours(&site.clock, &words).expect_success();
    site.verify().expect_success();
}

/// A list is damaged, and its blobs are gone from the server: what the repository has of them is not missing.
#[test]
fn blobs_of_a_damaged_list_are_found_in_the_repository() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let all = site.blobs();
    let list = &site.lists()[0];
    let mut bytes = std::fs::read(list).unwrap();
    let len = bytes.len();
    bytes[len - 3] ^= 1;
    write_anew(list, &bytes[..len - 20]);
    let there = files_below(&site.path("blobs"));
    let victim = a_small_one(&there);
    std::fs::remove_file(victim).unwrap();
    let told = site.backup(&[]);
    assert_eq!(told["blobs_missing"], 0);
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &all, "all of them");
    site.verify().expect_success();
}

/// What the repository has is not overwritten by what the server has left of it, where the list that knew it is damaged.
#[test]
fn a_good_copy_of_a_damaged_list_is_not_overwritten() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let there = files_below(&site.path("blobs"));
    let victim = a_small_one(&there);
    let stored =
        site.stored().into_iter().find(|file| std::fs::read(file).unwrap() == std::fs::read(victim).unwrap());
    let (stored, whole) = (stored.unwrap(), std::fs::read(victim).unwrap());
    write_anew(victim, b"rest");
    let list = &site.lists()[0];
    let bytes = std::fs::read(list).unwrap();
    write_anew(list, &bytes[..bytes.len() - 20]);
    site.clock.pass(Duration::from_secs(60));
    let ran = ours(&site.clock, &site.backup_words(&[]));
    assert!(ran.status == 3 && ran.stderr.contains("which is right?"), "{}", ran.stderr);
    assert_eq!(std::fs::read(&stored).unwrap(), whole);
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &site.blobs(), "as it is on the server");
}

/// Lists that were swapped, or are gone, kept silent until the restore.
#[test]
fn every_verb_that_looks_tells_of_a_list_that_is_another_one_or_is_gone() {
    let site = three_backups();
    let all = site.lists();
    let expect_told = |what: &str| {
        assert_eq!(site.verify().status, 1, "{what}");
        for verb in ["verify", "status"] {
            let ran = ours(&site.clock, &args![verb, "-r", site.repository()]);
            assert_eq!(ran.status, 3, "{what}: {verb}: {}", String::from_utf8_lossy(&ran.stdout));
        }
        let drill = args!["drill", "-r", site.repository(), "--scratch", site.path("")];
        assert_eq!(ours(&site.clock, &drill).status, 3, "{what}: drill");
        let (dry, ..) = site.restore(&["--dry-run"]);
        assert!(dry.status != 0, "{what}");
    };
    let swap = || {
        std::fs::rename(&all[1], site.path("aside")).unwrap();
        std::fs::rename(&all[2], &all[1]).unwrap();
        std::fs::rename(site.path("aside"), &all[2]).unwrap();
    };
    swap();
    expect_told("swapped");
    swap();
    std::fs::remove_file(&all[1]).unwrap();
    expect_told("gone");
    site.backup(&[]);
    site.verify().expect_success();
}

/// A line in the middle of a list with a missing blob was wrong: every later run failed.
#[test]
fn a_damaged_list_with_missing_blobs_is_made_anew() {
    let site = Site::new("bushy");
    let there = files_below(&site.path("blobs"));
    std::fs::remove_file(a_small_one(&there)).unwrap();
    site.clock.pass(Duration::from_secs(60));
    assert_eq!(ours(&site.clock, &site.backup_words(&[])).status, 3);
    let list = &site.lists()[0];
    let text = std::fs::read_to_string(list).unwrap();
    let blob = text.lines().nth(1).unwrap();
    write_anew(list, text.replace(blob, &blob.replacen("0000", "0001", 1)).as_bytes());
    assert_eq!(site.verify().status, 1);
    let ran = ours(&site.clock, &site.backup_words(&[]));
    assert!(ran.status == 3 && ran.stderr.contains("it is made anew"), "{}", ran.stderr);
    site.verify().expect_success();
}

/// The next full was made without blobs, behind chains that have them: drill and status called that well.
#[test]
fn a_chain_without_blobs_behind_one_with_them_is_told() {
    let site = Site::new("bushy");
    site.backup(&[]);
    site.zodb("pack", &["0"]);
    site.zodb("grow", &["1", "1"]);
    site.clock.pass(Duration::from_secs(60));
    let plain = args!["-B", "-F", "-r", site.repository(), "-f", site.path("Data.fs")];
    ours(&site.clock, &plain).expect_success();
    let ran = ours(&site.clock, &args!["status", "-r", site.repository()]);
    let told = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status == 3 && told.contains("made without blobs"), "{told}");
    let drill = args!["drill", "-r", site.repository(), "--scratch", site.path("")];
    assert_eq!(ours(&site.clock, &drill).status, 3);
}

/// "Nothing was changed", and blobs were.
#[test]
fn what_cannot_be_restored_is_refused_before_a_blob_is_written() {
    let site = three_backups();
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    let there = files_below(&dir);
    let changed = a_small_one(&there);
    write_anew(changed, &vec![7; usize::try_from(changed.metadata().unwrap().len()).unwrap()]);
    let last = site.repository().join("2033-05-18-03-36-20.deltafs");
    let mut bytes = std::fs::read(&last).unwrap();
    bytes.push(0);
    write_anew(&last, &bytes);
    let before = tree(&dir);
    let ran = ours(&site.clock, &site.restore_words(data.parent().unwrap(), &["--update"]));
    assert!(ran.status != 0);
    assert!(tree(&dir) == before, "as it was: {}", ran.stderr);
}

/// The marks that a blob was looked at were set by a backup that went meanwhile: what is wrong for the others is told.
#[test]
fn old_backups_that_go_do_not_hide_what_is_wrong_for_others() {
    use testkit::HookFs;
    let site = Site::new("bushy");
    site.backup(&[]);
    site.backup(&["--full"]);
    let victim = a_small_one(&site.stored()).clone();
    write_anew(&victim, &vec![0; usize::try_from(victim.metadata().unwrap().len()).unwrap()]);
    let list = site.lists()[0].clone();
    let blob = victim.clone();
    // The first backup goes when its blob is opened.
    let fs = HookFs::new(move |call: &testkit::Call| {
        if call.path == blob {
            let _ = std::fs::remove_file(&list);
        }
        Ok(())
    });
    let ran = super::ours_with(&fs, &site.clock, &args!["-V", "-r", site.repository()]);
    assert!(
        ran.status == 1 && ran.stderr.contains(victim.file_name().unwrap().to_str().unwrap()),
        "{}",
        ran.stderr
    );
}

/// With the old flags nothing ever removed a blob.
#[test]
fn k_removes_the_blobs_that_only_older_backups_needed() {
    let site = Site::new("bushy");
    site.zodb("grow", &["1", "4"]);
    site.backup(&[]);
    site.zodb("pack", &["0"]);
    site.clock.pass(Duration::from_secs(60));
    let (repository, file, blobs) = (site.repository(), site.path("Data.fs"), site.path("blobs"));
    ours(&site.clock, &args!["-BFk", "-r", &repository, "-f", &file, "--blobs", &blobs]).expect_success();
    assert_eq!(site.stored().len(), site.blobs().len());
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &site.blobs(), "the new full");
}

/// What a pack moved stands beside the directory under the name that the server has for it.
#[test]
fn what_a_pack_removed_is_found_through_a_link_too() {
    let site = Site::new("bushy");
    site.zodb("grow", &["1", "4"]);
    std::fs::copy(site.path("Data.fs"), site.path("Before.fs")).unwrap();
    site.zodb("pack", &["1"]);
    std::os::unix::fs::symlink("blobs", site.path("link")).unwrap();
    let words =
        args!["-B", "-r", site.repository(), "-f", site.path("Before.fs"), "--blobs", site.path("link")];
    ours(&site.clock, &words).expect_success();
}

/// A server that opens the database elsewhere would have lost its later blobs.
#[test]
fn nothing_is_put_aside_where_no_database_shows_whose_it_is() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let before = tree(&site.path("blobs"));
    let data = site.path("Elsewhere.fs");
    let words = args![
        "restore",
        "-r",
        site.repository(),
        "-o",
        &data,
        "--blobs",
        site.path("blobs"),
        "--update",
        "--prune-extra"
    ];
    let ran = ours(&site.clock, &words);
    assert_eq!(ran.status, 4, "{}", ran.stderr);
    assert!(tree(&site.path("blobs")) == before && !data.exists());
}
