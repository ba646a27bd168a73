use filestorage::Tid;
use std::collections::BTreeMap;

/// The data of a blob's record, as ZODB writes it.
pub const BLOB_RECORD: &[u8] = b"\x80\x03cZODB.blob\nBlob\nq\x01.\x80\x03N.";

/// A `Data.fs` in memory, written as ZODB writes one. Tids count up from a fixed one.
#[derive(Debug, Clone)]
pub struct Database {
    bytes: Vec<u8>,
    tid: u64,
    current: BTreeMap<u64, u64>,
    ends: Vec<u64>,
}

impl Default for Database {
    fn default() -> Database {
        Database::new()
    }
}

impl Database {
    /// A database without transactions.
    pub fn new() -> Database {
        Database {
            bytes: b"FS30".to_vec(),
            tid: 0x03f4_7f95_0000_0000,
            current: BTreeMap::new(),
            ends: vec![4],
        }
    }

    /// The database in these bytes, which has no unfinished transaction. What is committed behind it refers to nothing before.
    pub fn of_bytes(bytes: &[u8]) -> Database {
        let mut database = Database { bytes: bytes.to_vec(), ..Database::new() };
        while database.ends[database.ends.len() - 1] < database.len() {
            let pos = usize::try_from(database.ends[database.ends.len() - 1]).unwrap();
            let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
            database.tid = number(pos);
            database.ends.push(pos as u64 + number(pos + 8) + 8);
        }
        database
    }

    /// One with `count` transactions of a few objects each.
    pub fn with_transactions(count: u64) -> Database {
        let mut database = Database::new();
        for number in 0..count {
            database.commit(&[(number % 7, 50 + usize::try_from(number).unwrap() * 13 % 300), (number, 20)]);
        }
        database
    }

    /// The same, of another history: its tids are others.
    pub fn of_another_history(count: u64) -> Database {
        let mut database = Database::new();
        database.tid = 0x03f5_0000_0000_0001;
        for number in 0..count {
            database.commit(&[(number % 7, 60)]);
        }
        database
    }

    /// The file as it is.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Length of the file.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Never: there is always the magic.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Every position between two transactions, and the end.
    pub fn ends(&self) -> &[u64] {
        &self.ends
    }

    /// How many transactions there are.
    pub fn count(&self) -> usize {
        self.ends.len() - 1
    }

    /// The file as it was behind its first `number` transactions.
    pub fn up_to(&self, number: usize) -> &[u8] {
        &self.bytes[..usize::try_from(self.ends[number]).unwrap()]
    }

    /// The tid of transaction `number`, counted from 1.
    pub fn tid(&self, number: usize) -> Tid {
        let pos = usize::try_from(self.ends[number - 1]).unwrap();
        Tid::from_be_bytes(self.bytes[pos..pos + 8].try_into().unwrap())
    }

    /// The next transaction is that of so many minutes behind the first one.
    pub fn set_minute(&mut self, minute: u64) {
        self.tid = 0x03f4_7f95_0000_0000 + (minute << 32);
    }

    /// Goes back to the state behind the first `number` transactions.
    pub fn put_back(&mut self, number: usize) {
        let tid = self.tid;
        *self = Database { tid, ..Database::of_bytes(self.up_to(number)) };
    }

    /// Appends a committed transaction with one record per (oid, length of data).
    pub fn commit(&mut self, records: &[(u64, usize)]) {
        self.append_filled(b' ', records);
        self.ends.push(self.len());
        self.current.extend(self.positions(records));
    }

    /// Appends a committed transaction that names a new revision of each of these blobs.
    pub fn commit_blobs(&mut self, oids: &[u64]) {
        let records: Vec<_> = oids.iter().map(|oid| (*oid, BLOB_RECORD.to_vec())).collect();
        self.tid += 0x1_0000;
        self.append(b' ', &records);
        self.ends.push(self.len());
        let lens: Vec<_> = oids.iter().map(|oid| (*oid, BLOB_RECORD.len())).collect();
        self.current.extend(self.positions(&lens));
    }

    /// Appends a transaction that is voted and not finished.
    pub fn vote(&mut self, records: &[(u64, usize)]) {
        self.append_filled(b'c', records);
    }

    /// Cuts off what stands behind the last committed transaction.
    pub fn abort(&mut self) {
        self.bytes.truncate(usize::try_from(*self.ends.last().unwrap()).unwrap());
    }

    /// Packs as ZODB does when every object of the first `count` transactions was written again since: they
    /// go, the others move to the front. Positions in records are made right.
    pub fn pack(&mut self, count: usize) {
        let count = count.min(self.ends.len().saturating_sub(2));
        let by = self.ends[count] - 4;
        let kept = self.bytes.split_off(usize::try_from(self.ends[count]).unwrap());
        self.bytes.truncate(4);
        self.bytes.extend(kept);
        self.ends = self.ends[count..].iter().map(|end| end - by).collect();
        self.current.clear();
        self.relocate(by);
    }

    fn relocate(&mut self, by: u64) {
        let number = |bytes: &[u8], at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
        let end = usize::try_from(*self.ends.last().unwrap()).unwrap();
        let mut pos = 4;
        while pos < end {
            let len = usize::try_from(number(&self.bytes, pos + 8)).unwrap();
            let mut record = pos + 27;
            let mut new = Vec::new();
            while record < pos + len {
                let oid = number(&self.bytes, record);
                // Two records of one object in a transaction point at the same one before it.
                let previous = self.current.get(&oid).copied().unwrap_or(0);
                new.push((oid, record as u64));
                let transaction = number(&self.bytes, record + 24) - by;
                self.bytes[record + 16..record + 24].copy_from_slice(&previous.to_be_bytes());
                self.bytes[record + 24..record + 32].copy_from_slice(&transaction.to_be_bytes());
                record += 42 + usize::try_from(number(&self.bytes, record + 34)).unwrap();
            }
            self.current.extend(new);
            pos += len + 8;
        }
    }

    fn append_filled(&mut self, status: u8, records: &[(u64, usize)]) {
        self.tid += 0x1_0000;
        let tid = self.tid;
        let filled = |(oid, data_len): &(u64, usize)| {
            let fill = tid.wrapping_mul(31).wrapping_add(*oid).to_be_bytes();
            (*oid, fill.into_iter().cycle().take(*data_len).collect())
        };
        self.append(status, &records.iter().map(filled).collect::<Vec<_>>());
    }

    fn append(&mut self, status: u8, records: &[(u64, Vec<u8>)]) {
        let pos = self.len();
        let len = 23 + 4 + records.iter().map(|(_, data)| 42 + data.len() as u64).sum::<u64>();
        self.bytes.extend(self.tid.to_be_bytes());
        self.bytes.extend(len.to_be_bytes());
        self.bytes.push(status);
        self.bytes.extend([0, 1, 0, 3, 0, 0]);
        self.bytes.extend(b"unot");
        for (oid, data) in records {
            let previous = self.current.get(oid).copied().unwrap_or(0);
            for field in [*oid, self.tid, previous, pos] {
                self.bytes.extend(field.to_be_bytes());
            }
            self.bytes.extend([0, 0]);
            self.bytes.extend((data.len() as u64).to_be_bytes());
            self.bytes.extend(data);
        }
        self.bytes.extend(len.to_be_bytes());
    }

    fn positions(&self, records: &[(u64, usize)]) -> Vec<(u64, u64)> {
        let len: u64 = records.iter().map(|(_, data_len)| 42 + *data_len as u64).sum();
        let mut pos = self.len() - 8 - len;
        let mut positions = Vec::new();
        for (oid, data_len) in records {
            positions.push((*oid, pos));
            pos += 42 + *data_len as u64;
        }
        positions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use filestorage::{Boundary, Nothing, committed_end};

    #[test]
    fn what_it_builds_is_sound_and_ends_where_it_says() {
        let mut database = Database::with_transactions(20);
        let end = |database: &Database| {
            let bytes = database.bytes().to_vec();
            committed_end(&bytes, Boundary::start(&bytes).unwrap(), &mut Nothing).unwrap().end_pos
        };
        assert_eq!(end(&database), database.len());
        let before = database.len();
        database.vote(&[(3, 100)]);
        assert_eq!(end(&database), before);
        database.abort();
        assert_eq!(database.len(), before);
        database.pack(5);
        assert_eq!(end(&database), database.len());
        assert!(database.len() < before);
        database.commit(&[(3, 9)]);
        assert_eq!(end(&database), database.len());
        database.commit_blobs(&[3, 500]);
        assert_eq!(end(&database), database.len());
    }
}
