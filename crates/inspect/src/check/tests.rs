//! Each sample is a file that ZODB wrote, most then changed in one place; where it was changed is what has to be told.

use super::*;
use std::io;

fn sample(name: &str) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/samples/").to_owned() + name;
    #[expect(clippy::disallowed_methods, reason = "tests read their fixtures")]
    std::fs::read(path).unwrap()
}

/// After every sample.
fn now() -> Tid {
    Tid::from_unix_seconds(1_900_000_000.0).unwrap()
}

fn found(bytes: &[u8], deep: bool) -> (Vec<Finding>, CheckSummary) {
    let mut findings = Vec::new();
    let request = CheckRequest { now: now(), deep };
    let summary = check(&bytes.to_vec(), &request, &mut |finding| {
        findings.push(finding.clone());
        Ok(())
    });
    (findings, summary.unwrap().summary)
}

fn words(name: &str) -> Vec<(&'static str, u64)> {
    let bytes = sample(name);
    let of = |deep| {
        found(&bytes, deep).0.iter().map(|finding| (finding.kind.word(), finding.pos)).collect::<Vec<_>>()
    };
    assert_eq!(of(false), of(true), "{name}: what is current is all that is wrong");
    of(false)
}

#[test]
fn every_damage_is_told_where_it_is_and_nothing_else() {
    for (name, expected) in [
        // 463 is T4; its record, of oid 1, is at 503. T2 is at 249, its record at 283.
        ("bad-back-forward.fs", &[("back-pointer", 503)][..]),
        ("bad-back-middle.fs", &[("back-pointer", 503)]),
        ("bad-back-oid.fs", &[("back-pointer", 503)]),
        ("bad-hole.fs", &[("lost", 463)]),
        ("bad-magic.fs", &[("lost", 0)]),
        // T4's data is in T2, which is lost.
        ("bad-plen.fs", &[("lost", 249), ("back-pointer", 503)]),
        ("bad-vlen.fs", &[("lost", 249), ("back-pointer", 503)]),
        ("bad-prev.fs", &[("previous", 283)]),
        ("bad-rec-tid.fs", &[("record-tid", 503)]),
        ("bad-status-c.fs", &[("lost", 463)]),
        ("bad-status.fs", &[("status", 463)]),
        ("bad-tid-order.fs", &[("tid-order", 463), ("record-tid", 503)]),
        ("bad-tlen-huge.fs", &[("lost", 463)]),
        ("bad-tlen-small.fs", &[("lost", 463)]),
        ("bad-tlen.fs", &[("lost", 463)]),
        ("bad-tloc.fs", &[("lost", 463)]),
        ("bad-trailer.fs", &[("lost", 463)]),
        ("refs-broken.fs", &[("data", 1980)]),
        ("tail-zerodata.fs", &[("data", 3156)]),
        ("tail-zerobody.fs", &[("never-written", 3124)]),
        ("fs30-version.fs", &[("version", 462)]),
        ("fs21-version.fs", &[("version", 462)]),
    ] {
        assert_eq!(words(name), expected, "{name}");
        assert!(found(&sample(name), false).1.problems_count > 0, "{name}");
    }
}

#[test]
fn what_is_strange_and_sound_is_a_note() {
    for (name, expected) in [
        ("dup-oid.fs", &[("doubled", 233)][..]),
        ("status-u.fs", &[("undone", 119), ("packed-behind-others", 354)]),
        ("tail-cut.fs", &[("tail", 3124)]),
        ("tail-cut1.fs", &[("tail", 3124)]),
        ("tail-garbage.fs", &[("tail", 3124)]),
        ("tail-header22.fs", &[("tail", 3124)]),
        ("tail-tid.fs", &[("tail", 3124)]),
        ("tail-voted.fs", &[("tail", 3124)]),
        ("tail-voted-part.fs", &[("tail", 3124)]),
        ("tail-zeros.fs", &[("tail", 3124)]),
        ("tail-zeros20.fs", &[("tail", 3124)]),
    ] {
        assert_eq!(words(name), expected, "{name}");
        let (_, summary) = found(&sample(name), false);
        assert_eq!((summary.problems_count, summary.lost_len), (0, 0), "{name}");
    }
}

#[test]
fn sound_databases_are_silent() {
    for name in [
        "plain.fs",
        "undo.fs",
        "deleted.fs",
        "empty-txn.fs",
        "long-meta.fs",
        "tiny.fs",
        "zlib.fs",
        "fs21.fs",
        "blobs.fs",
        "lawn.fs",
        "magic-only.fs",
        "refs.fs",
        "refs-other.fs",
        "pack-before.fs",
        "pack-after-gc.fs",
        "pack2-before.fs",
        "pack2-after-gc.fs",
        "pack2-after-nogc.fs",
        "tail-base.fs",
    ] {
        assert_eq!(words(name), [], "{name}");
    }
}

#[test]
fn what_is_counted_is_what_zodb_counts() {
    let (_, summary) = found(&sample("undo.fs"), false);
    let counts = (summary.transactions_count, summary.records_count, summary.objects_count);
    assert_eq!((counts, summary.end_pos, summary.tail), ((11, 13, 5), Some(1385), None));
    let (_, summary) = found(&sample("bad-trailer.fs"), false);
    assert_eq!((summary.transactions_count, summary.lost_len, summary.end_pos), (10, 98, Some(1385)));
}

/// T0 to T3 stand before it, T5 to T10 behind: their records are all still found.
#[test]
fn behind_damage_the_next_sound_transaction_goes_on() {
    let sound = sample("undo.fs");
    for at in 463..561 {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x81;
        let (findings, summary) = found(&bytes, false);
        // The user, the description and the record's own data can be anything.
        let is_free = (486..503).contains(&at);
        assert_eq!(findings.is_empty(), is_free, "byte {at}: {findings:?}");
        assert!(findings.iter().all(|finding| (463..=561).contains(&finding.pos)), "byte {at}: {findings:?}");
        assert!(summary.transactions_count >= 10 && summary.end_pos == Some(1385), "byte {at}");
    }
}

#[test]
fn the_data_of_old_revisions_is_looked_into_when_that_is_asked_for() {
    let mut bytes = sample("undo.fs");
    // The first record of oid 1, at 160, has data at 202. It was stored again since.
    bytes[202..241].fill(0);
    assert_eq!(found(&bytes, false).0, []);
    let (findings, _) = found(&bytes, true);
    let told: Vec<(u64, &str)> = findings.iter().map(|finding| (finding.pos, finding.kind.word())).collect();
    // T3 at 372 undoes to it.
    assert_eq!(told, [(160, "zero-data"), (405, "zero-data")], "{findings:?}");
}

/// Fuzzing found it: the data of T3 is in T1, of which both lengths reach over the end of the file. All was given up with
/// "unexpected end of file".
#[test]
fn a_back_pointer_into_what_reaches_over_the_end_is_one_finding() {
    let mut bytes = sample("undo.fs");
    bytes[126 + 14] = 0x20;
    bytes[160 + 40] = 0x10;
    let (findings, summary) = found(&bytes, false);
    let told: Vec<(&str, u64)> = findings.iter().map(|finding| (finding.kind.word(), finding.pos)).collect();
    assert_eq!(told, [("lost", 126), ("back-pointer", 405)], "{findings:?}");
    assert_eq!((summary.transactions_count, summary.end_pos), (10, Some(1385)));
    crate::refs(&bytes, crate::RefsRequest::default(), &mut |_| Ok(())).unwrap();
}

/// Fuzzing found it: of the second record of an object in a transaction, nobody looked at the previous one.
#[test]
fn a_doubled_record_has_the_previous_one_of_the_first() {
    let mut bytes = sample("dup-oid.fs");
    let told = |bytes: &[u8]| {
        found(bytes, false).0.iter().map(|finding| (finding.kind.word(), finding.pos)).collect::<Vec<_>>()
    };
    assert_eq!(told(&bytes), [("doubled", 233)]);
    // Its last byte; no record stands there.
    bytes[233 + 23] ^= 1;
    assert_eq!(told(&bytes), [("doubled", 233), ("previous", 233)]);
}

/// Fuzzing found it: with the magic lost, too, 0 to 3 were taken for places of a record that may stand there.
#[test]
fn no_previous_record_is_in_the_lost_magic() {
    let told = |bytes: &[u8]| {
        found(bytes, false).0.iter().map(|finding| (finding.kind.word(), finding.pos)).collect::<Vec<_>>()
    };
    for previous_pos in [0, 2] {
        let mut bytes = sample("undo.fs");
        // T2 at 249 has the second record of oid 1, at 283.
        bytes[283 + 16..283 + 24].fill(0);
        bytes[283 + 23] = previous_pos;
        assert_eq!(told(&bytes), [("previous", 283)]);
        bytes[3] = 0xfe;
        assert_eq!(told(&bytes), [("lost", 0), ("previous", 283)]);
    }
}

#[test]
fn times_that_cannot_be_are_told() {
    let bytes = sample("plain.fs");
    let first = Tid::from_be_bytes(bytes[4..12].try_into().unwrap());
    let request = CheckRequest { now: first, deep: false };
    let mut futures_count = 0;
    let summary = check(&bytes, &request, &mut |finding| {
        futures_count += u64::from(finding.kind == FindingKind::Future);
        Ok(())
    });
    assert_eq!((futures_count, summary.unwrap().summary.problems_count), (5, 5), "all but the first");
    for (tid, kind) in [(0, Some(FindingKind::NoTime)), (first.number(), None)] {
        assert_eq!(finding::strange_time(Tid::new(tid), now()), kind);
    }
    let thirty_first =
        filestorage::Calendar { year: 2020, month: 2, day: 31, hour: 0, minute: 0, second: 0.0 };
    let tid = Tid::from_calendar(thirty_first).unwrap();
    assert_eq!(finding::strange_time(tid, now()), Some(FindingKind::NoTime));
}

#[test]
fn who_does_not_want_more_ends_it() {
    let stop = || Error::Output(io::Error::from(io::ErrorKind::BrokenPipe));
    let request = CheckRequest { now: now(), deep: false };
    let ended = check(&sample("bad-back-oid.fs"), &request, &mut |_| Err(stop()));
    assert!(matches!(ended, Err(Error::Output(_))));
}

#[test]
fn what_is_no_database_at_all_is_an_error() {
    for name in ["zero.fs", "magic-3.fs"] {
        let request = CheckRequest { now: now(), deep: false };
        assert!(matches!(check(&sample(name), &request, &mut |_| Ok(())), Err(Error::Source(_))), "{name}");
    }
}
