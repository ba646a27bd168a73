//! What was restored of a database that ZODB wrote and packed is what ZODB itself had then.

use crate::common::{args, ours};
use crate::safety::START;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::{Oracle, TestClock, python, root};

/// The data of every object as of a tid, by its digest, as ZODB loads it.
fn state_of(path: &Path, tid: Option<&str>) -> Value {
    let script = root().join("tests/oracle/inside.py");
    let ran = Command::new(python()).arg(script).arg("state").arg(path).args(tid).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// A database that grows, is packed and grows again; a backup now and then. Every transaction of before the pack and of
/// behind it restores to what ZODB loads of that moment from the database that was never packed.
#[test]
fn every_transaction_before_and_behind_a_pack_restores_to_what_zodb_had() {
    let dir = tempfile::tempdir().unwrap();
    let (file, whole) = (dir.path().join("Data.fs"), dir.path().join("Whole.fs"));
    let (repository, target) = (dir.path().join("repository"), dir.path().join("Restored.fs"));
    std::fs::create_dir(&repository).unwrap();
    let clock = TestClock::at(START + 1000);
    let mut oracle = Oracle::start();
    let mut now = START;
    let mut act = |op: &str, path: &Path, mut fields: Value| {
        fields["now"] = json!(now);
        oracle.act(op, path, &fields)["tid"].as_str().unwrap().to_owned()
    };
    let mut tids = vec![act("create", &file, json!({}))];
    std::fs::copy(&file, &whole).unwrap();
    for round in 0..3 {
        for number in 0..4 {
            now += 60;
            let fields = json!({ "objects": 2, "pool": 4, "seed": round * 10 + number });
            let mut act = |path: &Path| {
                let mut fields = fields.clone();
                fields["now"] = json!(now);
                oracle.act("commit", path, &fields)["tid"].as_str().unwrap().to_owned()
            };
            let tid = act(&file);
            assert_eq!(act(&whole), tid);
            tids.push(tid);
        }
        clock.pass(Duration::from_secs(600));
        let line = args!["-B", "-r", &repository, "-f", &file];
        ours(&clock, &line).expect_success();
        if round == 1 {
            now += 60;
            oracle.act("pack", &file, &json!({ "now": now }));
        }
    }
    let fulls = testkit::names(&repository).into_iter().filter(|name| name.ends_with(".fs")).count();
    assert_eq!(fulls, 2, "the pack made a full necessary");
    for tid in &tids {
        let shown = format!("0x{tid}");
        ours(&clock, &args!["restore", "-r", &repository, "-o", &target, "--tid", &shown]).expect_success();
        assert_eq!(state_of(&target, None), state_of(&whole, Some(tid)), "{tid}");
    }
}
