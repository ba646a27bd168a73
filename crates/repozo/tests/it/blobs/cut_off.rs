//! What the sweeps of power cuts and kills found of blobs, each once more by its name.

use super::{Site, args, ours, ours_with, tree};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use testkit::{Call, HookFs};

/// Whether there was a call of that name on that path.
fn has(calls: &Arc<Mutex<Vec<Call>>>, op: &str, path: &Path) -> bool {
    calls.lock().unwrap().iter().any(|call| call.op == op && call.path == path)
}

fn restore_words(site: &Site, dir: &Path) -> Vec<std::ffi::OsString> {
    let mut words = site.restore_words(dir, &["--update"]);
    words.push("--quick".into());
    words
}

/// The removal of the directory of drafts was not on the disk when the power went, and no later run copied anything: it stayed.
#[test]
fn drafts_that_a_power_cut_brought_back_are_removed_when_nothing_is_to_be_copied() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let drafts = site.repository().join("blobs/new");
    std::fs::create_dir(&drafts).unwrap();
    std::fs::write(drafts.join("0000000000000001-03f47fbf56666666"), "half").unwrap();
    assert_eq!(site.backup(&[])["kind"], "nothing");
    assert!(!drafts.exists());
}

/// The marker had both of its names behind a power cut; the draft's stayed.
#[test]
fn a_draft_of_the_marker_beside_the_marker_is_removed_when_the_restore_goes_on() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let (_, data, blobs) = site.restore(&[]);
    let draft = blobs.join(".layout.0123456789abcdef.part");
    std::fs::write(&draft, "bushy").unwrap();
    ours(&site.clock, &restore_words(&site, data.parent().unwrap())).expect_success();
    assert!(!draft.exists());
}

/// A restore was killed just when its last names were made; the next one found all there, said so, and synced nothing.
#[test]
fn names_that_a_killed_restore_left_are_made_durable_by_the_next_one() {
    let site = Site::new("lawn");
    site.backup(&[]);
    let (_, data, blobs) = site.restore(&[]);
    let (fs, calls) = HookFs::noting();
    ours_with(&fs, &site.clock, &restore_words(&site, data.parent().unwrap())).expect_success();
    let dirs: Vec<PathBuf> =
        tree(&blobs).into_keys().map(|file| blobs.join(file).parent().unwrap().to_owned()).collect();
    for dir in dirs.iter().chain([&blobs, &data.parent().unwrap().to_owned()]) {
        assert!(
            has(&calls, "sync_dir", dir) || has(&calls, "sync_all", &blobs.join(".repozo-new")),
            "{dir:?}"
        );
    }
}

/// A backup was killed behind the renaming of its list; the next one found nothing to do, said so, and the list could go with
/// the power. So could a list of blobs.
#[test]
fn a_run_with_nothing_to_do_makes_the_names_durable_that_a_killed_one_left() {
    let site = Site::new("bushy");
    site.backup(&[]);
    for blobs in [&[][..], &args!["--blobs", site.path("blobs")]] {
        let mut words = args!["-B", "-r", site.repository(), "-f", site.path("Data.fs")].to_vec();
        words.extend(blobs.iter().cloned());
        let (fs, calls) = HookFs::noting();
        ours_with(&fs, &site.clock, &words).expect_success();
        assert!(!calls.lock().unwrap().iter().any(|call| call.op == "create"), "there is nothing to do");
        assert!(has(&calls, "sync_dir", &site.repository()));
    }
}

/// A forget was killed behind the removal of lists of blobs, and the next one removed the blobs: with the power the lists came
/// back, and named what was gone.
#[test]
fn lists_that_a_killed_forget_removed_are_gone_for_good_before_blobs_are() {
    let site = Site::new("bushy");
    site.backup(&[]);
    site.zodb("grow", &["1", "3"]);
    site.zodb("pack", &["0"]);
    site.backup(&["--full"]);
    let words = args!["forget", "-r", site.repository(), "--keep-last", "1", "--apply"];
    ours(&site.clock, &words).expect_success();
    // A blob that no list names, as it is there when the first run was killed.
    let stored = site.stored();
    let stray = stored[0].with_file_name(format!(
        "{}-0000000000000001",
        stored[0].file_name().unwrap().to_str().unwrap().split('-').next().unwrap()
    ));
    std::fs::write(&stray, "of nobody").unwrap();
    let (fs, calls) = HookFs::noting();
    ours_with(&fs, &site.clock, &words).expect_success();
    let calls = calls.lock().unwrap();
    let at = |op: &str, path: &Path| calls.iter().position(|call| call.op == op && call.path == path);
    let removed_at = at("remove", &stray).unwrap();
    let list_at =
        calls.iter().position(|call| call.op == "list" && call.path == site.repository().join("blobs"));
    let synced = calls[..list_at.unwrap()].iter().rfind(|call| call.path == site.repository());
    assert!(list_at.unwrap() < removed_at);
    assert!(
        calls[..removed_at].iter().any(|call| call.op == "sync_dir" && call.path == site.repository()),
        "{synced:?}"
    );
}

/// The list of the chain could not be read when the blobs were to be backed up: a chain of nothing has no blobs, and the status
/// was 0.
#[test]
fn a_list_that_cannot_be_read_when_blobs_are_backed_up_is_told() {
    let site = Site::new("bushy");
    site.backup(&[]);
    site.zodb("grow", &["1", "3"]);
    site.clock.pass(std::time::Duration::from_secs(60));
    let dat = site.repository().join("2033-05-18-03-34-20.dat");
    assert!(dat.exists());
    let mut is_published = false;
    let fs = HookFs::new(move |call: &Call| {
        is_published |= call.op == "rename_over" && call.path == dat;
        match is_published && call.op == "open" && call.path == dat {
            true => Err(std::io::Error::from_raw_os_error(5)),
            false => Ok(()),
        }
    });
    let ran = ours_with(&fs, &site.clock, &site.backup_words(&["--quick"]));
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(".dat: cannot be read (Input/output error"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the blobs of its backups were not backed up"), "{}", ran.stderr);
}
