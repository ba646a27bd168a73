//! A server that writes, undoes, aborts and packs while backups loop: each one that is acknowledged restores with every blob.

use super::{Blobs, Site, read};
use crate::common::{args, binary};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use testkit::{python, root};

/// What the server says that it wrote, by oid and tid.
type Written = Arc<(Mutex<BTreeMap<String, String>>, Condvar)>;

struct Server {
    child: Child,
    input: Option<ChildStdin>,
    reading: Option<JoinHandle<()>>,
    written: Written,
}

impl Server {
    fn begin(site: &Site, seed: u64) -> Server {
        let mut command = Command::new(python());
        command
            .arg(root().join("tests/oracle/blobs.py"))
            .arg("live")
            .arg(site.path(""))
            .arg(seed.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        let written = Written::default();
        let note = Arc::clone(&written);
        let reading = std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let told: BTreeMap<String, String> = serde_json::from_str(&line.unwrap()).unwrap();
                note.0.lock().unwrap().extend(told);
                note.1.notify_all();
            }
        });
        Server { child, input, reading: Some(reading), written }
    }

    /// Waits until it wrote more blobs than so many; how many it wrote.
    fn wait_for_more(&self, count: usize) -> usize {
        let (written, more) = &*self.written;
        let limit = Duration::from_secs(60);
        let waited =
            more.wait_timeout_while(written.lock().unwrap(), limit, |written| written.len() <= count);
        let (written, late) = waited.unwrap();
        assert!(!late.timed_out(), "the server does not write any more");
        written.len()
    }

    fn end(mut self) -> BTreeMap<String, String> {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
        self.reading.take().unwrap().join().unwrap();
        self.written.0.lock().unwrap().clone()
    }
}

/// A backup that was acknowledged: its words, and those of its blobs that it said to be missing.
struct Acknowledged {
    name: String,
    missing_count: u64,
}

/// With the real program and its clock. Whatever it says but 0 and 3 fails.
fn back_up(site: &Site, number: u64) -> Option<Acknowledged> {
    let mut words = args![
        "backup",
        "-r",
        site.repository(),
        site.path("Data.fs"),
        "--blobs",
        site.path("blobs"),
        "--json",
        "--wait",
        "5"
    ]
    .to_vec();
    words.extend(["--quick"].iter().filter(|_| !number.is_multiple_of(4)).map(Into::into));
    words.extend(["--gzip"].iter().filter(|_| number.is_multiple_of(3)).map(Into::into));
    words.extend(["--full"].iter().filter(|_| number % 17 == 16).map(Into::into));
    words.extend(["--containers"].iter().filter(|_| number % 5 > 2).map(Into::into));
    let ran = binary().args(&words).output().unwrap();
    let status = ran.status.code().unwrap();
    assert!(status == 0 || status == 3, "{number}: {status} {}", String::from_utf8_lossy(&ran.stderr));
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let missing_count = told["blobs_missing"].as_u64().unwrap();
    assert_eq!(status == 3, missing_count > 0, "{number}: {}", String::from_utf8_lossy(&ran.stderr));
    let name = told["name"].as_str()?[..19].to_owned();
    Some(Acknowledged { name, missing_count })
}

fn expect_restored(site: &Site, backup: &Acknowledged, written: &BTreeMap<String, String>) -> usize {
    let dir = tempfile::tempdir_in(site.path("")).unwrap();
    let (data, blobs) = (dir.path().join("Data.fs"), dir.path().join("blobs"));
    let words = args![
        "restore",
        "-r",
        site.repository(),
        "-o",
        &data,
        "--blobs",
        &blobs,
        "--at",
        &backup.name,
        "--even-packed"
    ];
    let ran = binary().args(words).output().unwrap();
    let expected = if backup.missing_count > 0 { [0, 3] } else { [0, 0] };
    assert!(
        expected.contains(&ran.status.code().unwrap()),
        "{}: {}",
        backup.name,
        String::from_utf8_lossy(&ran.stderr)
    );
    let found: Blobs = read(&data, &blobs);
    let null_count = found.values().filter(|hash| hash.is_null()).count() as u64;
    // A later run may have found what was missing.
    assert!(null_count <= backup.missing_count, "{}", backup.name);
    for (name, hash) in found.iter().filter(|(_, hash)| !hash.is_null()) {
        // What was there before the server began it did not tell.
        if let Some(written) = written.get(name) {
            assert_eq!(hash, written, "{} {name}", backup.name);
        }
    }
    found.len()
}

#[test]
fn every_backup_of_a_live_server_restores_with_every_blob_of_its_state() {
    let count = crate::common::setting("REPOZO_LIVE_BACKUPS").unwrap_or(10);
    let seed = crate::common::setting("REPOZO_LIVE_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    println!("REPOZO_LIVE_SEED={seed}");
    let site = Site::new(if seed.is_multiple_of(2) { "bushy" } else { "lawn" });
    let server = Server::begin(&site, seed);
    let mut written_count = 0;
    let backups = (0..count).filter_map(|number| {
        written_count = server.wait_for_more(written_count);
        back_up(&site, number)
    });
    let backups: Vec<Acknowledged> = backups.collect();
    let written = server.end();
    assert!(backups.len() as u64 > count / 2, "{} of {count}", backups.len());
    let looked_at: usize = backups.iter().map(|backup| expect_restored(&site, backup, &written)).sum();
    let missing_count: u64 = backups.iter().map(|backup| backup.missing_count).sum();
    let ran = binary().args(args!["verify", "-r", site.repository()]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    println!(
        "{} backups, {} revisions of blobs written meanwhile, {looked_at} restored and read by ZODB, {missing_count} told to be missing",
        backups.len(),
        written.len()
    );
}
