//! What the clients committed, and what a file holds of it.

use serde_json::Value;
use std::collections::BTreeMap;

/// A tid or an oid as 16 hex digits, whose order is that of the numbers.
pub(super) type Hex = String;

/// The records of a transaction as its client knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Committed {
    /// The MD5 of the data by oid; none where the server resolved a conflict.
    Records(BTreeMap<Hex, Option<String>>),
    /// An undo: the server knows.
    Undo,
}

/// A transaction as ZODB reads it from a file.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) tid: Hex,
    /// Written by a pack, which leaves out what is not needed any more.
    packed: bool,
    /// The MD5 of the data by oid; none where there is no data.
    records: BTreeMap<Hex, Option<String>>,
}

/// What ZODB made of a file.
pub(super) struct Listing {
    pub(super) transactions: Vec<Listed>,
    pub(super) end_pos: u64,
    pub(super) len: u64,
}

impl Listing {
    /// From the answer of the oracle's `history`.
    pub(super) fn of(answer: &Value) -> Listing {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let record = |record: &Value| (text(&record[0]), record[1].as_str().map(str::to_owned));
        let transactions = answer["transactions"].as_array().unwrap().iter().map(|listed| Listed {
            tid: text(&listed[0]),
            packed: listed[1] == "p",
            records: listed[2].as_array().unwrap().iter().map(record).collect(),
        });
        Listing {
            transactions: transactions.collect(),
            end_pos: answer["end"].as_u64().unwrap(),
            len: answer["len"].as_u64().unwrap(),
        }
    }

    pub(super) fn last_tid(&self) -> &str {
        self.transactions.last().map_or("", |last| &last.tid)
    }
}

/// All that the clients know to be committed.
#[derive(Debug, Clone, Default)]
pub(super) struct History(BTreeMap<Hex, Committed>);

impl History {
    /// Adds the words of a `commit` line behind the first.
    pub(super) fn add(&mut self, line: &str) {
        let mut words = line.split(' ');
        let tid = words.next().unwrap().to_owned();
        let mut records = BTreeMap::new();
        for word in words {
            match word.split_once(':') {
                Some((oid, md5)) => {
                    records.insert(oid.to_owned(), (md5 != "*").then(|| md5.to_owned()));
                }
                None => return drop(self.0.insert(tid, Committed::Undo)),
            }
        }
        self.0.insert(tid, Committed::Records(records));
    }

    pub(super) fn newest(&self) -> Hex {
        self.0.keys().next_back().cloned().unwrap_or_default()
    }

    /// Holds a file against what is known: it is not older than `floor`, has every transaction since the last
    /// pack with all its records, and nothing that was not committed. Returns the transactions that no client
    /// knows of yet; they are to be asked for again when all clients have ended.
    pub(super) fn judge(&self, listing: &Listing, floor: &str) -> Result<Vec<Listed>, String> {
        let last = listing.last_tid();
        if last < floor {
            return Err(format!("ends at {last}, but {floor} was acknowledged before it was begun"));
        }
        let tids = || listing.transactions.iter().map(|listed| listed.tid.as_str());
        if !tids().is_sorted_by(|a, b| a < b) {
            return Err("its tids do not rise".to_owned());
        }
        let packed = listing.transactions.iter().rfind(|listed| listed.packed);
        let packed_until = packed.map_or("", |listed| &listed.tid);
        let there: std::collections::BTreeSet<&str> = tids().collect();
        let expected = self.0.keys().map(String::as_str).filter(|tid| *tid > packed_until && *tid <= last);
        if let Some(missing) = expected.into_iter().find(|tid| !there.contains(tid)) {
            return Err(format!("{missing} is missing between {packed_until} and {last}"));
        }
        let mut unknown = Vec::new();
        for listed in &listing.transactions {
            match self.0.get(&listed.tid) {
                Some(committed) if is_as_committed(listed, committed) => {}
                Some(committed) => return Err(format!("{listed:?} was committed as {committed:?}")),
                None => unknown.push(listed.clone()),
            }
        }
        Ok(unknown)
    }

    /// Whether a transaction is known, and as it was listed.
    pub(super) fn confirms(&self, listed: &Listed) -> bool {
        self.0.get(&listed.tid).is_some_and(|committed| is_as_committed(listed, committed))
    }
}

fn is_as_committed(listed: &Listed, committed: &Committed) -> bool {
    let Committed::Records(records) = committed else { return true };
    let is_known = |(oid, md5): (&Hex, &Option<String>)| {
        records.get(oid).is_some_and(|known| known.is_none() || known == md5)
    };
    listed.records.iter().all(is_known) && (listed.packed || listed.records.len() == records.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn history() -> History {
        let mut history = History::default();
        for line in ["01 a:1 b:2", "02 a:3", "03 a:* c:4", "04 ?"] {
            history.add(line);
        }
        history
    }

    #[track_caller]
    fn judged(transactions: &Value, floor: &str) -> Result<usize, String> {
        let listing = Listing::of(&json!({"transactions": transactions, "end": 0, "len": 0}));
        history().judge(&listing, floor).map(|unknown| unknown.len())
    }

    #[test]
    fn a_prefix_is_accepted_and_so_is_what_a_pack_left_of_it() {
        let prefix = json!([["01", " ", [["a", "1"], ["b", "2"]]], ["02", " ", [["a", "3"]]]]);
        assert_eq!(judged(&prefix, "02"), Ok(0));
        let packed = json!([
            ["01", "p", [["b", "2"]]],
            ["02", "p", [["a", "3"]]],
            ["03", " ", [["a", "9"], ["c", "4"]]],
            ["04", " ", [["z", null]]],
            ["05", " ", []]
        ]);
        assert_eq!(judged(&packed, "03"), Ok(1));
    }

    #[test]
    fn what_is_older_or_lacks_something_or_holds_something_else_is_refused() {
        let whole = json!([["01", " ", [["a", "1"], ["b", "2"]]], ["02", " ", [["a", "3"]]]]);
        for (what, transactions, floor) in [
            ("older", whole, "03"),
            ("a transaction missing", json!([["02", " ", [["a", "3"]]]]), "01"),
            ("a record missing", json!([["01", " ", [["a", "1"]]]]), "01"),
            ("other data", json!([["01", "p", [["a", "2"]]]]), "01"),
            ("another object", json!([["01", "p", [["c", "1"]]]]), "01"),
            ("not rising", json!([["02", "p", []], ["01", "p", []]]), "01"),
        ] {
            assert!(judged(&transactions, floor).is_err(), "{what}");
        }
    }
}
