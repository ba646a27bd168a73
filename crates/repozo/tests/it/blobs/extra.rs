use super::{Site, files_below, ours, ours_with, read, tree};
use crate::common::dying;
use std::path::Path;
use std::sync::atomic::Ordering;
use testkit::{Call, HookFs};

/// A directory that was brought back to the first state: with what came later, an orphan, and notes.
fn put_back(site: &Site) -> (Vec<std::ffi::OsString>, std::path::PathBuf, std::path::PathBuf) {
    site.backup(&[]);
    site.zodb("grow", &["1", "3"]);
    site.backup(&["--quick"]);
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    let orphan = dir.join("0x00/0x00/0x00/0x00/0x00/0x00/0x99/0x98");
    std::fs::create_dir_all(&orphan).unwrap();
    std::fs::write(orphan.join("0x03f0000000000000.blob"), "of an aborted vote").unwrap();
    std::fs::write(dir.join("notes"), "of the administrator").unwrap();
    let words = ["--at", "2033-05-18-03-34-20", "--update", "--prune-extra"];
    (site.restore_words(data.parent().unwrap(), &words), data, dir)
}

/// What does not belong is put aside, not removed, and what is no blob stays where it is.
#[test]
fn what_does_not_belong_to_the_state_is_put_aside_if_that_is_asked_for() {
    let site = Site::new("bushy");
    let first = tree(&site.path("blobs"));
    let (words, data, dir) = put_back(&site);
    let before = tree(&dir);
    let ran = ours(&site.clock, &words).expect_success();
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(told["blobs_put_aside"], before.len() - first.len());
    let aside = dir.join(".repozo-extra");
    assert!(ran.stderr.contains(aside.to_str().unwrap()), "{}", ran.stderr);
    let moved = tree(&aside);
    assert_eq!(moved.len(), before.len() - first.len());
    let now: std::collections::BTreeMap<_, _> =
        tree(&dir).into_iter().filter(|(path, _)| !path.starts_with(".repozo-extra")).collect();
    assert!(now == first, "exactly the blobs of the state");
    assert!(moved.iter().all(|(path, bytes)| before.get(path) == Some(bytes)), "as they were");
    assert!(dir.join("notes").exists());
    assert!(!dir.join("0x00/0x00/0x00/0x00/0x00/0x00/0x99").exists(), "no empty directories are left");
    let found = read(&data, &dir);
    assert_eq!(found.len(), first.len());
    // A second time there is nothing to put aside, and what is there is left alone.
    let ran = ours(&site.clock, &words).expect_success();
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&told["blobs_put_aside"], &told["change"]), (&0.into(), &"unchanged".into()));
    assert_eq!(tree(&aside).len(), moved.len());
}

/// Until the state is restored the database that is there needs its blobs.
#[test]
fn nothing_is_put_aside_before_the_database_is_in_place() {
    let site = Site::new("bushy");
    let first = tree(&site.path("blobs"));
    let (words, data, dir) = put_back(&site);
    let (template, full_len) = (site.path("template"), data.metadata().unwrap().len());
    super::broken::copy_dir(data.parent().unwrap(), &template);
    let all = tree(&dir);
    let mut died_count = 0;
    for at in 1.. {
        std::fs::remove_dir_all(data.parent().unwrap()).unwrap();
        super::broken::copy_dir(&template, data.parent().unwrap());
        let (fs, died) = dying(at);
        let ran = crate::common::ours_with(&fs, &site.clock, &words);
        let is_there = |path: &Path| dir.join(path).exists();
        let needed = if data.metadata().unwrap().len() == full_len { &all } else { &first };
        assert!(needed.keys().all(|path| is_there(path)), "call {at}");
        let left = files_below(&dir).len();
        assert!(left > all.len(), "call {at}: everything is at one place or the other");
        if !died.load(Ordering::Relaxed) {
            ran.expect_success();
            break;
        }
        died_count += 1;
    }
    assert!(died_count > 20, "{died_count}");
}

/// A server that packs removes directories while it is looked what does not belong.
#[test]
fn a_directory_that_goes_meanwhile_has_nothing_that_does_not_belong() {
    let site = Site::new("bushy");
    let (words, data, dir) = put_back(&site);
    let first = tree(&site.path("blobs")).len();
    let going = dir.join("0x00/0x00/0x00/0x00/0x00/0x00/0x99/0x98");
    let gone = going.clone();
    let fs = HookFs::new(move |call: &Call| {
        if call.op == "list" && call.path == gone && gone.exists() {
            std::fs::remove_dir_all(&gone)?;
        }
        Ok(())
    });
    ours_with(&fs, &site.clock, &words).expect_success();
    assert!(!going.exists());
    assert!(first > 0 && !read(&data, &dir).is_empty());
    // A directory that cannot be read may have anything in it.
    let fs = HookFs::new(move |call: &Call| match call.op == "list" && call.path.ends_with("0x00/0x00") {
        true => Err(std::io::Error::from_raw_os_error(5)),
        false => Ok(()),
    });
    let ran = ours_with(&fs, &site.clock, &words);
    assert!(ran.status == 1 && ran.stderr.contains("0x00/0x00"), "{}", ran.stderr);
}
