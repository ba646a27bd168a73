//! What is in there, one blob taken out, a standby with its blobs.

use super::{Site, expect_all, files_below, ours, read, tree};
use crate::common::{args, binary, content};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

fn blob_files(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let dir = site.path("blobs");
    let name = |path: &std::path::Path| {
        let oid: String = path.parent().unwrap().to_str().unwrap().replace("0x", "").replace('/', "");
        let tid = path.file_name().unwrap().to_str().unwrap().strip_suffix(".blob").unwrap().to_owned();
        format!("0x{oid}@{tid}")
    };
    tree(&dir).into_iter().map(|(path, bytes)| (name(&path), bytes)).collect()
}

/// Each blob with its length, and of whom it is; what is in the list is what ZODB has.
#[test]
fn the_blobs_of_a_state_are_listed() {
    let site = Site::new("bushy");
    site.zodb("grow", &["4", "6"]);
    site.backup(&["--containers"]);
    let words = args!["blobs", "list", "-r", site.repository(), "--json"];
    let ran = ours(&site.clock, &words).expect_success();
    let lines: Vec<serde_json::Value> = str::from_utf8(&ran.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str| lines.iter().filter(|line| line["message_type"] == kind).collect::<Vec<_>>();
    let listed: BTreeMap<String, u64> = of("blob")
        .into_iter()
        .map(|line| {
            (
                format!("{}@{}", line["oid"].as_str().unwrap(), line["tid"].as_str().unwrap()),
                line["len"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected: BTreeMap<String, u64> =
        blob_files(&site).into_iter().map(|(name, bytes)| (name, bytes.len() as u64)).collect();
    assert_eq!(listed, expected);
    let classes = of("class");
    assert!(
        classes.iter().any(|line| line["class"] == "persistent.mapping.PersistentMapping"),
        "{classes:?}"
    );
    assert_eq!(
        classes.iter().map(|line| line["blobs"].as_u64().unwrap()).sum::<u64>(),
        expected.len() as u64
    );
    let ran = ours(&site.clock, &args!["blobs", "list", "-r", site.repository(), "-n", "2"]).expect_success();
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(text.contains(&format!("and {} more", expected.len() - 2)), "{text}");
}

/// Every revision of every blob, with its hash.
#[test]
fn a_blob_is_taken_out_as_it_was_at_a_transaction() {
    let site = Site::new("bushy");
    site.zodb("grow", &["4", "6"]);
    site.backup(&["--containers"]);
    let all = blob_files(&site);
    for (name, bytes) in &all {
        let target = site.path("out");
        ours(&site.clock, &args!["blobs", "export", name, "-r", site.repository(), "-o", &target])
            .expect_success();
        assert_eq!(&content(&target), bytes, "{name}");
        // Nothing is written over.
        let again =
            ours(&site.clock, &args!["blobs", "export", name, "-r", site.repository(), "-o", &target]);
        assert!(again.status == 4 && &content(&target) == bytes, "{}", again.stderr);
        std::fs::remove_file(&target).unwrap();
        let ran = ours(&site.clock, &args!["blobs", "export", name, "-r", site.repository(), "-o", "-"]);
        assert_eq!(&ran.expect_success().stdout, bytes, "{name}");
    }
    // Without a transaction the last one.
    let (last, bytes) = all.iter().next_back().unwrap();
    let oid = last.split('@').next().unwrap();
    let ran = ours(&site.clock, &args!["blobs", "export", oid, "-r", site.repository(), "-o", "-"]);
    assert_eq!(&ran.expect_success().stdout, bytes);
    let ran = ours(&site.clock, &args!["blobs", "export", "0x7777", "-r", site.repository(), "-o", "-"]);
    assert!(ran.status == 3 && ran.stderr.contains("no blob 0x0000000000007777"), "{}", ran.stderr);
    // A damaged one is none.
    for file in site.stored() {
        let mut bytes = content(&file);
        bytes.iter_mut().for_each(|byte| *byte ^= 1);
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, bytes).unwrap();
    }
    let (name, _) = all.iter().find(|(_, bytes)| bytes.len() > 10).unwrap();
    let target = site.path("out");
    let ran = ours(&site.clock, &args!["blobs", "export", name, "-r", site.repository(), "-o", &target]);
    assert!(ran.status == 1 && !target.exists(), "{}", ran.stderr);
}

/// `check` finds each file that is not there, of every revision.
#[test]
fn a_check_looks_for_the_file_of_every_blob() {
    let site = Site::new("lawn");
    let words = args!["check", site.path("Data.fs"), "--blobs", site.path("blobs")];
    ours(&site.clock, &words).expect_success();
    for file in files_below(&site.path("blobs")).iter().filter(|file| file.extension().is_some()) {
        let bytes = content(file);
        std::fs::remove_file(file).unwrap();
        let ran = ours(&site.clock, &words);
        let told = String::from_utf8(ran.stdout).unwrap();
        assert!(
            ran.status == 3 && told.contains(file.to_str().unwrap()) && told.contains("problems: 1\n"),
            "{told}"
        );
        std::fs::write(file, bytes).unwrap();
    }
}

/// A standby has its blobs before its database.
#[test]
fn a_standby_gets_the_blobs_of_every_backup() {
    let site = Site::new("bushy");
    site.backup(&[]);
    let (data, dir) = (site.path("Standby.fs"), site.path("standby-blobs"));
    let words =
        args!["follow", "-r", site.repository(), "-o", &data, "--blobs", &dir, "--interval", "1s", "--json"];
    let mut child = binary().args(words).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    for seed in ["1", "2"] {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told["blobs"], site.blobs().len(), "{told}");
        expect_all(&read(&data, &dir), &site.blobs(), seed);
        site.zodb("grow", &[seed, "2"]);
        site.backup(&["--quick"]);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
