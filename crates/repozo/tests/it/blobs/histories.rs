use super::{Site, expect_all, files_below, ours, ours_with, read};
use crate::common::args;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use testkit::HookFs;

/// Growth, undo, a pack, growth: every backup has every blob of its state, and nothing was copied twice.
#[test]
fn every_backup_restores_with_every_blob_of_its_state() {
    for layout in ["bushy", "lawn"] {
        let site = Site::new(layout);
        let mut states = Vec::new();
        let back_up = |states: &mut Vec<_>, words: &[&str], kind: &str| {
            let told = site.backup(words);
            assert_eq!((&told["kind"], &told["blobs_missing"]), (&kind.into(), &0.into()), "{told}");
            assert_eq!(told["blobs"], site.blobs().len());
            states.push((told["name"].as_str().unwrap()[..19].to_owned(), site.blobs()));
            told["blobs_copied"].as_u64().unwrap()
        };
        let first_count = back_up(&mut states, &[], "full");
        assert_eq!(first_count, site.blobs().len() as u64);
        for (seed, words, step) in
            [("1", &["--quick"][..], "grow"), ("2", &["--gzip"], "grow"), ("", &["--quick"], "undo")]
        {
            let before_count = site.blobs().len() as u64;
            let more = if step == "grow" { vec![seed, "3"] } else { Vec::new() };
            site.zodb(step, &more);
            let copied_count = back_up(&mut states, words, "incremental");
            assert_eq!(copied_count, site.blobs().len() as u64 - before_count, "only what is new");
        }
        site.zodb("pack", &["1"]);
        assert_eq!(back_up(&mut states, &[], "full"), 0, "the repository has what the pack left");
        site.zodb("grow", &["3", "2"]);
        back_up(&mut states, &["--quick"], "incremental");
        for (name, blobs) in &states {
            let (ran, data, dir) = site.restore(&["--at", name]);
            let told: serde_json::Value = serde_json::from_slice(&ran.expect_success().stdout).unwrap();
            assert_eq!((&told["blobs"], &told["blobs_missing"]), (&blobs.len().into(), &0.into()));
            expect_all(&read(&data, &dir), blobs, name);
            assert_eq!(std::fs::read_to_string(dir.join(".layout")).unwrap(), layout, "{name}");
        }
        site.verify().expect_success();
        let all: std::collections::BTreeSet<_> = states.iter().flat_map(|(_, blobs)| blobs.keys()).collect();
        assert_eq!(site.stored().len(), all.len(), "one copy of each revision");
    }
}

/// Also between backups: a blob of a later transaction of the same file does not come.
#[test]
fn any_transaction_restores_with_the_blobs_of_then() {
    let site = Site::new("bushy");
    site.zodb("grow", &["5", "6"]);
    site.backup(&[]);
    let all = site.blobs();
    let tids: std::collections::BTreeSet<&str> =
        all.keys().map(|name| name.split('-').nth(1).unwrap()).collect();
    assert!(tids.len() > 6);
    for tid in &tids {
        let (ran, data, dir) = site.restore(&["--tid", &format!("0x{tid}")]);
        ran.expect_success();
        let expected = all.iter().filter(|(name, _)| name.split('-').nth(1).unwrap() <= *tid);
        let expected = expected.map(|(name, content)| (name.clone(), content.clone())).collect();
        expect_all(&read(&data, &dir), &expected, tid);
        assert_eq!(files_below(&dir).len(), expected.len() + 1, "and the marker of the layout");
    }
}

/// Names and modes are those that ZODB made.
#[test]
fn the_tree_is_the_one_that_zodb_made() {
    for layout in ["bushy", "lawn"] {
        let site = Site::new(layout);
        site.backup(&[]);
        let (ran, _, dir) = site.restore(&[]);
        ran.expect_success();
        let tree = |dir: &Path| -> Vec<(String, u32)> {
            let files = files_below(dir).into_iter().filter(|file| !file.starts_with(dir.join("tmp")));
            let mode = |file: &Path| file.metadata().unwrap().permissions().mode() & 0o777;
            files.map(|file| (file.strip_prefix(dir).unwrap().display().to_string(), mode(&file))).collect()
        };
        assert_eq!(tree(&dir), tree(&site.path("blobs")));
        let mode = |dir: &Path| dir.metadata().unwrap().permissions().mode() & 0o777;
        let inner = files_below(&dir)[1].parent().unwrap().to_owned();
        assert_eq!(mode(&inner), mode(&site.path("blobs")), "who may write there may write here");
    }
}

/// A directory that is there is completed; what does not belong stays.
#[test]
fn a_blob_directory_that_is_there_is_completed_if_that_is_asked_for() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let before = site.blobs();
    site.zodb("grow", &["1", "3"]);
    site.backup(&["--quick"]);
    let (ran, data, dir) = site.restore(&["--at", "2033-05-18-03-34-20"]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &before, "the first");
    let words = |more: &[&str]| site.restore_words(data.parent().unwrap(), more);
    let refused = ours(&site.clock, &words(&[]));
    assert_eq!(refused.status, 4, "{}", refused.stderr);
    assert!(refused.stderr.contains("is there and not empty"), "{}", refused.stderr);
    // One is damaged, one is cut.
    let there = files_below(&dir);
    let large: Vec<_> = there.iter().filter(|file| file.metadata().unwrap().len() > 50).collect();
    std::fs::remove_file(large[0]).unwrap();
    std::fs::write(large[0], vec![0; 60]).unwrap();
    std::fs::write(dir.join("notes"), "of the administrator").unwrap();
    let ran = ours(&site.clock, &words(&["--update"])).expect_success();
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(told["change"], "grown");
    assert_eq!(told["blobs_written"], site.blobs().len() - before.len() + 1);
    expect_all(&read(&data, &dir), &site.blobs(), "updated");
    assert!(dir.join("notes").exists());
}

/// The old flags do the same.
#[test]
fn the_old_flags_back_up_and_recover_blobs_too() {
    let site = Site::new("bushy");
    let (repository, file, blobs) = (site.repository(), site.path("Data.fs"), site.path("blobs"));
    ours(&site.clock, &args!["-B", "-r", &repository, "-f", &file, "--blobs", &blobs]).expect_success();
    let (data, dir) = (site.path("New.fs"), site.path("new-blobs"));
    ours(&site.clock, &args!["-R", "-r", &repository, "-o", &data, "--blobs", &dir]).expect_success();
    expect_all(&read(&data, &dir), &site.blobs(), "-R");
    let ran = ours(&site.clock, &args!["-R", "-r", &repository, "--blobs", &dir]);
    assert!(
        ran.status == 1 && ran.stderr.ends_with("--blobs needs --output in recover mode\n"),
        "{}",
        ran.stderr
    );
}

/// A drill looks for the file of every record; status counts, and says where blobs were left out.
#[test]
fn drills_and_monitoring_know_blobs() {
    let site = Site::new("lawn");
    site.backup(&[]);
    let run = |words: &[std::ffi::OsString]| {
        let ran = ours(&site.clock, words);
        (ran.status, String::from_utf8(ran.stdout).unwrap())
    };
    let drill = args!["drill", "-r", site.repository(), "--scratch", site.path("")];
    let (status, told) = run(&drill);
    assert!(status == 0 && told.contains(&format!(", {} blobs, ", site.blobs().len())), "{told}");
    let (status, told) = run(&args!["status", "-r", site.repository()]);
    assert!(status == 0 && told.contains(&format!("{} blobs, ", site.blobs().len())), "{told}");
    let (_, told) = run(&args!["status", "-r", site.repository(), "--format=prometheus"]);
    for name in ["repozo_blobs{", "repozo_blobs_bytes{", "repozo_missing_blobs{"] {
        assert!(told.contains(name), "{told}");
    }
    std::fs::remove_file(&site.stored()[0]).unwrap();
    let (status, told) = run(&drill);
    assert!(status == 3 && told.contains("the drill failed"), "{told}");
    // Somebody leaves the blobs out.
    site.zodb("grow", &["1", "1"]);
    site.clock.pass(std::time::Duration::from_secs(60));
    run(&args!["-B", "-r", site.repository(), "-f", site.path("Data.fs")]);
    let (status, told) = run(&args!["status", "-r", site.repository()]);
    assert!(status == 3 && told.contains("1 backup of the newest chain made without blobs"), "{told}");
}

/// What no backup names any more goes, and nothing else.
#[test]
fn forget_removes_the_blobs_that_no_backup_names() {
    let site = Site::new("bushy");
    site.backup(&[]);
    site.zodb("grow", &["1", "3"]);
    site.backup(&["--quick"]);
    site.zodb("pack", &["0"]);
    site.zodb("grow", &["2", "1"]);
    site.backup(&[]);
    let (before_count, now) = (site.stored().len(), site.blobs());
    let orphan = site.stored()[0].parent().unwrap().join("0000000000000001-00000000000000ff");
    std::fs::write(site.stored()[0].parent().unwrap().join("notes"), "of the administrator").unwrap();
    if orphan.parent().unwrap().ends_with("000") {
        std::fs::write(&orphan, "of a run that died").unwrap();
    }
    let words = args!["forget", "-r", site.repository(), "--keep-last", "1", "--apply", "--json"];
    let ran = ours(&site.clock, &words).expect_success();
    let summary: serde_json::Value =
        serde_json::from_str(str::from_utf8(&ran.stdout).unwrap().lines().last().unwrap()).unwrap();
    let left: Vec<_> = site.stored().into_iter().filter(|file| !file.ends_with("notes")).collect();
    assert_eq!(left.len(), now.len());
    assert!(left.len() < before_count && !orphan.exists());
    assert_eq!(summary["blobs_removed"], before_count - left.len() + 1);
    let (ran, data, dir) = site.restore(&[]);
    ran.expect_success();
    expect_all(&read(&data, &dir), &now, "what is left");
    site.verify().expect_success();
}

/// Other tools look at every directory and file; of these there may be hundreds of thousands.
#[test]
fn an_increment_looks_at_its_own_blobs_and_no_others() {
    let site = Site::new("bushy");
    site.zodb("plant", &["1", "300"]);
    site.backup(&[]);
    let before = site.blobs();
    site.zodb("grow", &["1", "2"]);
    let new: Vec<String> = site.blobs().keys().filter(|name| !before.contains_key(*name)).cloned().collect();
    let dir = site.path("blobs");
    let tid_of = |name: &String| name.split('-').nth(1).unwrap().to_owned();
    site.clock.pass(std::time::Duration::from_secs(60));
    let (fs, calls) = HookFs::noting();
    ours_with(&fs, &site.clock, &site.backup_words(&["--quick"])).expect_success();
    let calls = calls.lock().unwrap();
    let paths: Vec<&Path> =
        calls.iter().map(|call| call.path.as_path()).filter(|path| path.starts_with(&dir)).collect();
    let others: Vec<_> = paths
        .iter()
        .filter(|path| !new.iter().any(|name| path.to_str().unwrap().contains(&tid_of(name))))
        .filter(|path| ***path != *dir && !path.ends_with(".layout"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(paths.len() <= 6 * new.len() + 6, "{} looks for {} blobs", paths.len(), new.len());
}
