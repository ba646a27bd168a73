//! States of databases, made by real ZODB, once.

use super::cell::Program;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;
use testkit::{Database, Oracle, Ran};

/// All histories.
pub(crate) static HISTORIES: LazyLock<Vec<History>> = LazyLock::new(|| {
    let mut oracle = Oracle::start();
    let tell: [(&'static str, Tell); 7] = [
        ("texts, undo, blob, large record", texts_undo_blob_and_large_record),
        ("packs", packs),
        (ROLLED_BACK, rolled_back),
        ("unfinished tails", unfinished_tails),
        ("stale and missing indexes", stale_and_missing_indexes),
        ("empty at first", empty_at_first),
        ("objects beyond the first bucket of the index", objects_beyond_the_first_bucket),
    ];
    let first_seconds = (0..).map(|number| FIRST_TRANSACTION_SECONDS + number * 1_000_000);
    let numbered = first_seconds.zip(tell);
    numbered.map(|(seconds, (name, tell))| History::tell(&mut oracle, seconds, name, tell)).collect()
});

/// The history whose database goes back to an earlier state.
const ROLLED_BACK: &str = "rolled back";

impl History {
    /// Where the database went back, ours warns, and `-k` keeps backups with later transactions unless it is
    /// forced; Python sees nothing. The words and the deletion are tested elsewhere: here ours is forced.
    pub(crate) fn args_of(&self, program: Program, mut args: Vec<OsString>) -> Vec<OsString> {
        if program == Program::Ours && self.name == ROLLED_BACK {
            args.push("--force".into());
        }
        args
    }

    /// What ours said, without that warning; only here may it be.
    pub(crate) fn without_warning(&self, mut ran: Ran) -> Ran {
        if self.name == ROLLED_BACK {
            let is_warning = |line: &&str| line.contains("was it cut, or restored?");
            ran.stderr = ran.stderr.split_inclusive('\n').filter(|line| !is_warning(line)).collect();
        }
        ran
    }
}

/// The length of the pieces in which ours reads and writes.
const PIECE_LEN: usize = 1 << 20;

/// A database that grows to lengths at and beside the ends of pieces. Too large for every cell.
pub(crate) static PIECES: LazyLock<History> = LazyLock::new(|| {
    let mut oracle = Oracle::start();
    History::tell(&mut oracle, FIRST_TRANSACTION_SECONDS, "as long as pieces", |teller| {
        let mut database = Database::new();
        for (name, len) in [
            ("one piece", PIECE_LEN),
            ("one piece more", 2 * PIECE_LEN),
            ("a piece less a byte more", 3 * PIECE_LEN - 1),
            ("a piece and a byte more", 4 * PIECE_LEN),
        ] {
            grow_to(&mut database, len);
            fs::write(teller.path(), database.bytes()).unwrap();
            teller.moment(name);
        }
    })
});

fn grow_to(database: &mut Database, len: usize) {
    let mut tried = database.clone();
    tried.commit(&[(1, 0)]);
    let data_len = len - tried.bytes().len();
    database.commit(&[(1, data_len)]);
    assert_eq!(database.bytes().len(), len);
}

/// When the first transaction of the first history is made, in seconds since 1970. The others' are later: no two
/// are of one database.
const FIRST_TRANSACTION_SECONDS: u64 = 1_600_000_000;

/// A database at the moments when it is backed up.
pub(crate) struct History {
    pub(crate) name: &'static str,
    pub(crate) moments: Vec<Moment>,
}

/// The files of a database at one moment.
pub(crate) struct Moment {
    pub(crate) name: &'static str,
    /// `Data.fs`, tail included.
    pub(crate) data: Vec<u8>,
    /// `Data.fs.index`, which may be missing, old, or anything.
    pub(crate) index: Option<Vec<u8>>,
    /// How much of `data` is committed.
    pub(crate) committed_len: usize,
    /// The index that ZODB itself makes of the committed bytes.
    pub(crate) true_index: Vec<u8>,
}

impl Moment {
    pub(crate) fn committed(&self) -> &[u8] {
        &self.data[..self.committed_len]
    }

    pub(crate) fn has_tail(&self) -> bool {
        self.data.len() > self.committed_len
    }
}

type Tell = fn(&mut Teller<'_>);

/// Makes a history.
struct Teller<'a> {
    oracle: &'a mut Oracle,
    dir: TempDir,
    now_seconds: u64,
    moments: Vec<Moment>,
}

impl History {
    fn tell(oracle: &mut Oracle, first_seconds: u64, name: &'static str, tell: Tell) -> History {
        let dir = tempfile::tempdir().unwrap();
        let mut teller = Teller { oracle, dir, now_seconds: first_seconds, moments: Vec::new() };
        tell(&mut teller);
        History { name, moments: teller.moments }
    }
}

impl Teller<'_> {
    fn path(&self) -> PathBuf {
        self.dir.path().join("Data.fs")
    }

    fn index_path(&self) -> PathBuf {
        self.dir.path().join("Data.fs.index")
    }

    /// Lets ZODB do something, a minute after the last thing.
    fn act(&mut self, op: &str, fields: &Value) -> Value {
        self.now_seconds += 60;
        let mut fields = fields.clone();
        fields["now"] = self.now_seconds.into();
        fields["seed"] = self.now_seconds.into();
        self.oracle.act(op, &self.path(), &fields)
    }

    fn commit(&mut self, fields: &Value) {
        self.act("commit", fields);
    }

    fn commits(&mut self, count: u64) {
        for _ in 0..count {
            self.commit(&json!({"objects": 3}));
        }
    }

    /// Backs up here: keeps the files as they are.
    fn moment(&mut self, name: &'static str) {
        let true_index_path = self.dir.path().join("true.index");
        let out = json!({"out": true_index_path.to_str().unwrap()});
        let end = self.oracle.act("index", &self.path(), &out)["end"].as_u64().unwrap();
        self.moments.push(Moment {
            name,
            data: fs::read(self.path()).unwrap(),
            index: fs::read(self.index_path()).ok(),
            committed_len: usize::try_from(end).unwrap(),
            true_index: fs::read(true_index_path).unwrap(),
        });
    }
}

fn texts_undo_blob_and_large_record(teller: &mut Teller<'_>) {
    teller.act("create", &json!({}));
    teller.moment("created");
    teller.commits(2);
    teller.commit(&json!({
        "user": "/plone Jürgen Ångström", "description": "Überarbeitet: 日本語 🦀\nzweite Zeile",
        "extension": {"ключ": "значение", "zahl": 17, "liste": [1, 2.5, "drei"]},
    }));
    teller.moment("texts in many languages, extension data");
    // Of a change, and of a creation: the second leaves an object that does not exist.
    teller.commit(&json!({"pool": 1}));
    let undone = teller.act("undo", &json!({"description": "undo"}));
    assert_eq!(undone["undone"], true);
    teller.commit(&json!({"objects": 4, "pool": 10_000}));
    assert_eq!(teller.act("undo", &json!({}))["undone"], true);
    teller.moment("undone");
    let blobs = teller.dir.path().join("blobs");
    let blob = teller.act("blob", &json!({"blobs": blobs.to_str().unwrap(), "data_b64": "YmxvYg=="}));
    teller.moment("a blob");
    teller.moment("nothing new");
    teller.commit(&json!({"size": 300_000}));
    teller.act("delete_object", &json!({"oid": blob["oid"]}));
    teller.moment("a large record, a deleted object");
    teller.commit(&json!({"objects": 0, "description": "no records"}));
    teller.moment("a transaction without records");
}

fn packs(teller: &mut Teller<'_>) {
    teller.act("create", &json!({}));
    teller.commits(6);
    teller.moment("before");
    teller.commits(3);
    teller.moment("grown");
    teller.act("pack", &json!({}));
    teller.moment("packed and smaller");
    teller.commits(2);
    teller.moment("grown behind the pack");
    teller.act("pack", &json!({}));
    teller.commit(&json!({"size": 40_000}));
    teller.moment("packed and larger");
    teller.moment("nothing new");
    teller.commits(1);
    teller.moment("grown again");
}

/// A backup was put in the place of the database, and work went on from there.
fn rolled_back(teller: &mut Teller<'_>) {
    teller.act("create", &json!({}));
    teller.commits(2);
    teller.moment("before");
    let data = fs::read(teller.path()).unwrap();
    teller.commits(2);
    teller.moment("grown");
    fs::write(teller.path(), &data).unwrap();
    teller.moment("rolled back, with the index of the time to come");
    teller.commit(&json!({"size": 500}));
    teller.moment("another way");
    fs::write(teller.path(), &data).unwrap();
    teller.commit(&json!({"size": 9000, "objects": 2, "index": "keep"}));
    teller.moment("rolled back and longer than before, with the index of the other way");
    teller.commits(1);
    teller.moment("grown again");
}

fn unfinished_tails(teller: &mut Teller<'_>) {
    teller.act("create", &json!({}));
    teller.commits(2);
    teller.moment("before");
    teller.act("abort_after_vote", &json!({"leave": true}));
    teller.moment("a voted tail alone");
    teller.moment("the same voted tail");
    // ZODB cuts the tail off.
    teller.commits(1);
    teller.act("tail", &json!({"kind": "voted"}));
    teller.moment("a transaction and another voted tail");
    teller.act("tail", &json!({"kind": "finish"}));
    teller.moment("the tail is finished");
    teller.act("abort_after_vote", &json!({"leave": true, "size": 5000}));
    teller.moment("a longer tail alone");
    teller.commits(2);
    teller.moment("transactions instead of the tail");
}

fn stale_and_missing_indexes(teller: &mut Teller<'_>) {
    teller.act("create", &json!({}));
    teller.commit(&json!({"objects": 5, "index": "none"}));
    teller.moment("no index");
    teller.commits(1);
    teller.commit(&json!({"objects": 5, "pool": 500, "index": "keep"}));
    teller.moment("an index of one transaction before");
    teller.commit(&json!({"index": "keep"}));
    teller.act("undo", &json!({"index": "keep"}));
    teller.moment("an index of three transactions before");
    teller.act("pack", &json!({"index": "keep"}));
    teller.moment("an index of the time before the pack");
    teller.commit(&json!({"index": "keep", "size": 30_000}));
    teller.moment("an index of another file, long enough");
    teller.commit(&json!({"index": "none"}));
    teller.act("abort_after_vote", &json!({"leave": true, "index": "none"}));
    teller.moment("no index, a transaction, a voted tail");
}

fn empty_at_first(teller: &mut Teller<'_>) {
    fs::write(teller.path(), b"FS30").unwrap();
    teller.moment("no transaction");
    teller.moment("still no transaction");
    teller.act("create", &json!({}));
    teller.moment("the root");
    teller.commit(&json!({"objects": 0}));
    teller.moment("a transaction without records");
    teller.commits(1);
    teller.moment("objects");
}

/// The finished tail has the last oid of the first bucket.
fn objects_beyond_the_first_bucket(teller: &mut Teller<'_>) {
    teller.act("create", &json!({}));
    teller.commits(1);
    teller.moment("few objects");
    teller.act("tail", &json!({"kind": "voted"}));
    teller.act("tail", &json!({"kind": "finish"}));
    teller.moment("the last oid of the first bucket");
    teller.commit(&json!({"objects": 6, "pool": 10_000}));
    let index = teller.oracle.act("load_index", &teller.index_path(), &json!({}));
    let last_oid = index["items"].as_array().unwrap().last().unwrap()[0].as_str().unwrap();
    assert!(last_oid > "000000000000ffff", "{last_oid}");
    teller.moment("a second bucket");
    teller.commits(2);
    teller.moment("both buckets change");
    teller.commit(&json!({"objects": 40, "pool": 10_000, "index": "keep"}));
    teller.moment("the second bucket grows, the index is old");
}

/// Puts the files of a moment where a server would have them.
pub(crate) fn show(moment: &Moment, path: &Path) {
    let mut index_path = path.as_os_str().to_owned();
    index_path.push(".index");
    fs::write(path, &moment.data).unwrap();
    match &moment.index {
        Some(index) => fs::write(index_path, index).unwrap(),
        None => drop(fs::remove_file(index_path)),
    }
}

/// An index of another database, by which the last transaction begins where no text is: in the middle of a record.
pub(crate) fn misleading_index(data: &[u8]) -> Option<Vec<u8>> {
    let status_at = |end: usize| {
        let len = u64::from_be_bytes(data[end - 8..end].try_into().unwrap());
        let start = end.checked_sub(8 + usize::try_from(len).ok()?).filter(|start| *start >= 4)?;
        data.get(start + 16)
    };
    let end = (100..data.len()).find(|end| status_at(*end).is_some_and(|status| !status.is_ascii()))?;
    let mut index = Vec::new();
    filestorage::Index::new().save(u64::try_from(end).unwrap(), &mut index).unwrap();
    Some(index)
}
