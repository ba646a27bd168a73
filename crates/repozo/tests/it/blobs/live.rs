//! Clients write, change, undo and abort blobs, and packs remove them, while backups loop: each one that is acknowledged restores
//! with every blob of its state. What is missing in it is what a pack took, and nothing else.

mod server;

use super::{Blobs, Site};
use crate::common::{args, run_binary, setting};
use crate::live::{backups, seed, stamp};
use server::{Heard, Server};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use testkit::{Oracle, Ran};

/// So many missing ones are told by name in one run.
const TOLD_COUNT: usize = 20;

/// A backup that was acknowledged, and what ZODB read when it was restored at once.
struct Acknowledged {
    name: String,
    last_tid: String,
    blobs: Blobs,
}

impl Acknowledged {
    fn missing(&self) -> BTreeSet<String> {
        self.blobs.iter().filter(|(_, hash)| hash.is_null()).map(|(name, _)| name.clone()).collect()
    }
}

struct Loop {
    // It ends before its directory goes.
    server: Server,
    site: Site,
    random: fastrand::Rng,
    oracle: Oracle,
    acknowledged: Vec<Acknowledged>,
}

/// Oid and tid of a file below a blob directory, of either layout.
fn name_of(below: &Path) -> String {
    let digits = |part: &std::ffi::OsStr| part.to_str().unwrap().trim_start_matches("0x").to_owned();
    let (oid, tid) =
        (below.parent().unwrap().iter().map(digits).collect::<String>(), below.file_stem().unwrap());
    format!("{oid:0>16}-{:0>16}", digits(tid))
}

/// The blobs of `dir` that lines name which end in `told`. Nothing else is said.
#[track_caller]
fn told(stderr: &str, dir: &Path, told: &str) -> BTreeSet<String> {
    let lines =
        stderr.lines().filter(|line| !line.ends_with(" more blobs are missing, unreadable or different"));
    let name = |line: &str| {
        let path = line.strip_prefix("warning: ").and_then(|line| line.strip_suffix(told));
        let below = path.and_then(|path| Path::new(path).strip_prefix(dir).ok());
        name_of(below.unwrap_or_else(|| panic!("{line}")))
    };
    lines.map(name).collect()
}

impl Loop {
    fn backup_words(&mut self) -> Vec<OsString> {
        let (repository, file, blobs) =
            (self.site.repository(), self.site.path("Data.fs"), self.site.path("blobs"));
        let random = &mut self.random;
        let mut words = if random.bool() {
            args!["backup", "-r", repository, file, "--blobs", blobs].to_vec()
        } else {
            args!["-B", "-r", repository, "-f", file, "--blobs", blobs].to_vec()
        };
        for (word, one_in) in [("--quick", 2), ("--gzip", 3), ("--full", 12), ("--containers", 3)] {
            if random.u8(..one_in) == 0 {
                words.push(word.into());
            }
        }
        words
    }

    /// A backup, whose newest state is restored at once.
    fn backup(&mut self, number: usize) {
        let repository = self.site.repository();
        let before = backups(&repository);
        let words = self.backup_words();
        let what = format!("{number}: {words:?}");
        let ran = run_binary(&words);
        assert!([0, 3].contains(&ran.status), "{what}: {} {}", ran.status, ran.stderr);
        let newest = backups(&repository).pop().unwrap();
        assert!(!before.contains(&newest), "{what}: the database grew, but there is no new backup");
        let name = stamp(&newest).to_owned();
        let told = told(
            &ran.stderr,
            &self.site.path("blobs"),
            " is not there, though a transaction names it (removed by a pack?)",
        );
        let (last_tid, blobs) = self.restored(&args!["-R", "-D", &name], &what);
        let backup = Acknowledged { name, last_tid, blobs };
        let missing = backup.missing();
        assert_eq!(ran.status, if missing.is_empty() { 0 } else { 3 }, "{what}");
        assert_eq!(told.len(), missing.len().min(TOLD_COUNT), "{what}: {missing:?}, {}", ran.stderr);
        assert!(told.is_subset(&missing), "{what}: {missing:?}, {}", ran.stderr);
        // What it said was heard later, perhaps.
        self.server.wait(&format!("{what}: a pack that took {missing:?}"), |heard| {
            missing.iter().all(|name| heard.is_removed(name))
        });
        self.acknowledged.push(backup);
    }

    /// Restores into new directories; the last transaction, and what ZODB reads of each blob. What is missing is told, and there
    /// is no file that belongs to no record.
    fn restored(&mut self, which: &[OsString], what: &str) -> (String, Blobs) {
        let dir = tempfile::tempdir_in(self.site.path("")).unwrap();
        let (data, blobs) = (dir.path().join("Data.fs"), dir.path().join("blobs"));
        let ran = run_binary(
            &[which, &args!["-r", self.site.repository(), "-o", &data, "--blobs", &blobs]].concat(),
        );
        let what = format!("{what}, restored: {}", ran.stderr);
        let answer = self.oracle.act("blobs", &data, &serde_json::json!({"blobs": blobs.to_str().unwrap()}));
        let found = answer["blobs"].as_object().unwrap().clone();
        let (missing, there): (Vec<_>, Vec<_>) = found.iter().partition(|(_, hash)| hash.is_null());
        expect_told(&ran, &blobs, &missing.into_iter().map(|(name, _)| name.clone()).collect(), &what);
        let files = answer["files"].as_array().unwrap().iter();
        let files: BTreeSet<String> = files.map(|file| name_of(Path::new(file.as_str().unwrap()))).collect();
        assert!(files.iter().eq(there.iter().map(|(name, _)| *name)), "{what}: {files:?}");
        (answer["last_tid"].as_str().unwrap().to_owned(), found)
    }

    /// All is still there, as it was when it was restored first.
    fn restore_all_again(&mut self) {
        for backup in std::mem::take(&mut self.acknowledged) {
            let what = format!("{} at the end", backup.name);
            let last = format!("0x{}", backup.last_tid);
            let (last_tid, blobs) = self.restored(&args!["restore", "--even-packed", "--tid", last], &what);
            assert_eq!(last_tid, backup.last_tid, "{what}");
            assert_eq!(blobs, backup.blobs, "{what}");
            self.acknowledged.push(backup);
        }
        run_binary(&args!["verify", "-r", self.site.repository()]).expect_success();
    }
}

#[track_caller]
fn expect_told(ran: &Ran, dir: &Path, missing: &BTreeSet<String>, what: &str) {
    assert_eq!(ran.status, if missing.is_empty() { 0 } else { 3 }, "{what}");
    let told = told(&ran.stderr, dir, " is in no backup: it was missing when its transaction was backed up");
    assert_eq!(&told, missing, "{what}");
}

/// Every blob that a backup has is what was committed under its name.
fn expect_as_written(acknowledged: &[Acknowledged], before: &Blobs, heard: &Heard) {
    for backup in acknowledged {
        for (name, hash) in backup.blobs.iter().filter(|(_, hash)| !hash.is_null()) {
            let written = heard.written.get(name).map(String::as_str).or_else(|| before.get(name)?.as_str());
            assert_eq!(hash.as_str(), written, "{} {name}", backup.name);
        }
    }
}

#[expect(clippy::print_stdout, reason = "figures of a long run")]
fn back_up_all_the_time(kind: &str) {
    let seed = seed();
    let count = setting("REPOZO_LIVE_BACKUPS").unwrap_or(12) / 2;
    let site = Site::new(if seed.is_multiple_of(2) { "bushy" } else { "lawn" });
    let before = site.blobs();
    let server = Server::start(&site.path(""), kind, seed);
    let random = fastrand::Rng::with_seed(seed);
    let mut run = Loop { site, server, random, oracle: Oracle::start(), acknowledged: Vec::new() };
    for number in 0..count {
        let commit_count = run.random.usize(1..40);
        run.server.wait_for_commits(commit_count);
        if number % 3 == 1 {
            // It begins when the backup does, more or less.
            let (seconds_ago, keep_old) = (run.random.f64() * 2.0, run.random.bool());
            run.server.pack(seconds_ago, keep_old);
        }
        run.backup(number);
    }
    run.server.wait("the end of a pack", |heard| heard.count("packed") > 0);
    run.restore_all_again();
    let Loop { server, acknowledged, .. } = run;
    let heard = server.end();
    expect_as_written(&acknowledged, &before, &heard);
    for what in ["commit", "refused before", "refused after"] {
        assert!(heard.count(what) > 0, "{what} did not take part");
    }
    let read_count: usize = acknowledged.iter().map(|backup| backup.blobs.len()).sum();
    let missing: BTreeSet<String> = acknowledged.iter().flat_map(Acknowledged::missing).collect();
    println!(
        "{kind}: {} backups, restored twice with {read_count} blobs, {} with {} that packs took; {}; violations 0",
        acknowledged.len(),
        acknowledged.iter().filter(|backup| !backup.missing().is_empty()).count(),
        missing.len(),
        heard.figures()
    );
}

#[test]
fn every_backup_of_a_live_storage_restores_with_every_blob_of_its_state() {
    back_up_all_the_time("direct");
}

#[test]
fn every_backup_of_a_live_server_restores_with_every_blob_of_its_state() {
    back_up_all_the_time("served");
}
