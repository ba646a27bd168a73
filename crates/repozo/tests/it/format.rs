//! The format, as ZODB itself reads it.

use filestorage::{
    Boundary, RecordData, RecordHeader, Tid, TransactionHeader, Visitor, committed_end, transaction_before,
};
use serde_json::json;
use testkit::{Oracle, data};

#[test]
fn tids_and_times_are_those_that_python_gives() {
    let mut oracle = Oracle::start();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 20
    };
    #[expect(clippy::cast_precision_loss, reason = "44 bits")]
    let times: Vec<f64> = (0..2000).map(|_| next() as f64 * 4e9 / (1_u64 << 44) as f64).collect();
    let answer = oracle.ask(&json!({"op": "tid", "times": times}));
    let tids: Vec<Tid> = times.iter().map(|time| Tid::from_unix_seconds(*time).unwrap()).collect();
    let ours: Vec<String> = tids.iter().map(|tid| format!("{:016x}", tid.number())).collect();
    assert_eq!(json!(ours), answer["tids"]);
    let answer = oracle.ask(&json!({"op": "tid_time", "tids": ours}));
    for ((tid, text), time) in
        tids.iter().zip(answer["texts"].as_array().unwrap()).zip(answer["times"].as_array().unwrap())
    {
        assert_eq!(tid.calendar().to_string(), text.as_str().unwrap());
        assert!((tid.unix_seconds() - time.as_f64().unwrap()).abs() < 1e-6, "{text}");
    }
}

#[derive(Default)]
struct Seen {
    transactions: Vec<TransactionHeader>,
    records: Vec<(u64, u64, u64, Option<u64>)>,
}

impl Visitor for Seen {
    fn transaction(&mut self, header: &TransactionHeader) {
        self.transactions.push(*header);
    }

    fn record(&mut self, header: &RecordHeader, data: RecordData) {
        let len = match data {
            RecordData::Here { len, .. } => Some(len),
            _ => None,
        };
        self.records.push((header.tid.number(), header.oid.number(), header.pos, len));
    }
}

/// A database of real objects, with undo, and the same packed.
#[test]
fn a_scan_sees_what_zodbs_iterator_yields_forward_and_backward() {
    let mut oracle = Oracle::start();
    for name in ["growth/stage-4.fs", "growth/stage-5-packed.fs"] {
        let bytes = std::fs::read(data(name)).unwrap();
        let mut seen = Seen::default();
        let extent = committed_end(&bytes, Boundary::start(&bytes).unwrap(), &mut seen).unwrap();
        let answer = oracle.act("iterate", &data(name), &json!({}));
        let hex = |value: &serde_json::Value| u64::from_str_radix(value.as_str().unwrap(), 16).unwrap();
        let theirs: Vec<(u64, u64, u64)> = answer["transactions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (hex(&row[0]), row[1].as_u64().unwrap(), row[2].as_u64().unwrap()))
            .collect();
        let ours: Vec<(u64, u64, u64)> =
            seen.transactions.iter().map(|t| (t.tid.number(), t.pos, t.len)).collect();
        assert_eq!(ours, theirs, "{name}");
        let records = answer["records"].as_array().unwrap();
        assert_eq!(seen.records.len(), records.len(), "{name}");
        for ((tid, oid, pos, len), row) in seen.records.iter().zip(records) {
            assert_eq!((*tid, *oid, *pos), (hex(&row[0]), hex(&row[2]), row[3].as_u64().unwrap()), "{name}");
            assert!(len.is_none() || *len == row[4].as_u64(), "{name}: {row}");
        }
        let mut backward = Vec::new();
        let mut end_pos = extent.end_pos;
        while let Some(header) = transaction_before(&bytes, end_pos).unwrap() {
            backward.insert(0, header);
            end_pos = header.pos;
        }
        assert_eq!(backward, seen.transactions, "{name}: from behind");
    }
}
