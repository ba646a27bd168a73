//! What a database is made of: by class, by size, by day.

use crate::classes::Classes;
use crate::data::{DataReader, MetRecord};
use crate::graph::strong;
use crate::links::{Links, LinksPart};
use crate::objects::{Beside, Objects};
use crate::{Amount, Error, Histogram, LostSpan};
use filestorage::{Tid, TransactionHeader};
use pickle::record::{ClassName, RecordScanner};
use std::collections::BTreeMap;
use vfs::ReadAt;

/// What a database is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Bytes of the file.
    pub source_len: u64,
    /// Bytes of which nothing can be read.
    pub lost_len: u64,
    /// Objects of which the references are not all known.
    pub unreadable_count: u64,
    /// Transactions, with all that is in them.
    pub transactions: Amount,
    /// The first and the last transaction.
    pub tids: Option<(Tid, Tid)>,
    /// All of its objects.
    pub all: ClassStats,
    /// Its objects by class, those of most bytes first.
    pub classes: Vec<ClassStats>,
    /// Records without a class, which say that their object does not exist any more.
    pub deletions: Amount,
    /// How long the data of the objects is now.
    pub object_lens: Histogram,
    /// How long the transactions are.
    pub transaction_lens: Histogram,
    /// What was committed on each day, in UTC; days of which nothing is left are not there.
    pub days: Vec<Day>,
}

/// The objects of one class.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassStats {
    /// The name of the class, `.` where it cannot be read.
    pub class: String,
    /// Objects that exist, and what a pack keeps of each: a record with all of its data.
    pub objects: Amount,
    /// Data records, as they stand in the file.
    pub revisions: Amount,
    /// Those of the objects that the root does not lead to, which a pack removes.
    pub unreachable: Amount,
}

impl ClassStats {
    /// Bytes of records that are not current.
    pub fn historic_len(&self) -> u64 {
        self.revisions.len.saturating_sub(self.objects.len)
    }

    /// Bytes of records that a pack up to now removes.
    pub fn freed_len(&self) -> u64 {
        self.historic_len() + self.unreachable.len
    }

    fn add(&mut self, other: &ClassStats) {
        self.objects += other.objects;
        self.revisions += other.revisions;
        self.unreachable += other.unreachable;
    }
}

/// What was committed on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Year, as tids have it: from 1900 on.
    pub year: u32,
    /// Month, from 1 on.
    pub month: u32,
    /// Day of the month, from 1 on.
    pub day: u32,
    /// The transactions.
    pub transactions: Amount,
}

/// Finds out what `source` is made of, and hands what cannot be read to `lost`.
///
/// Memory: about 25 bytes an object, and 2 or 3 for each reference; besides the largest record.
///
/// # Errors
/// Where nothing looks like a database, where it cannot be read, and those of `lost`.
pub fn stats(
    source: &dyn ReadAt,
    lost: &mut dyn FnMut(LostSpan) -> Result<(), Error>,
) -> Result<Stats, Error> {
    let mut stats = Stats { source_len: source.len()?, ..Stats::default() };
    let mut days = BTreeMap::new();
    let objects = Objects::of(source, &mut |beside| match beside {
        Beside::Transaction(header) => {
            stats.transaction(&header, &mut days);
            Ok(())
        }
        Beside::Lost(span) => {
            stats.lost_len += span.len();
            lost(span)
        }
    })?;
    stats.days = days
        .into_iter()
        .map(|((year, month, day), transactions)| Day { year, month, day, transactions })
        .collect();
    let mut counted = Counted::default();
    objects.look_at_records(
        source,
        |looked: &mut Looked, met| looked.look(met, objects.is_current(&met.header)),
        |looked| {
            stats.object_lens.add_all(&looked.lens);
            stats.deletions += looked.deletions;
            stats.unreadable_count += looked.unreadable_count;
            counted.add(looked)
        },
    )?;
    // No positions are asked for any more, and what follows needs its own.
    drop(objects);
    stats.classes = counted.by_class();
    for class in &stats.classes {
        stats.all.add(class);
    }
    stats.all.revisions += stats.deletions;
    Ok(stats)
}

impl Stats {
    /// Whether all could be read; if not, what the root leads to may be counted as if it did not.
    pub fn is_whole(&self) -> bool {
        self.lost_len == 0 && self.unreadable_count == 0
    }

    /// The classes behind the `count` largest ones, together.
    pub fn smaller_than(&self, count: usize) -> ClassStats {
        let mut rest = ClassStats::default();
        self.classes.iter().skip(count).for_each(|class| rest.add(class));
        rest
    }

    fn transaction(&mut self, header: &TransactionHeader, days: &mut BTreeMap<(u32, u32, u32), Amount>) {
        let amount = Amount::one(header.end_pos() - header.pos);
        self.transactions += amount;
        self.transaction_lens.add(amount.len);
        let (first, _) = self.tids.unwrap_or((header.tid, header.tid));
        self.tids = Some((first, header.tid));
        let time = header.tid.calendar();
        *days.entry((time.year, time.month, time.day)).or_default() += amount;
    }
}

/// What the records of one span are.
#[derive(Default)]
struct Looked {
    reader: DataReader,
    scanner: RecordScanner,
    classes: Classes,
    /// By the numbers of the classes.
    counts: Vec<ClassStats>,
    deletions: Amount,
    unreadable_count: u64,
    lens: Histogram,
    links: LinksPart,
}

impl Looked {
    fn look(&mut self, met: &mut MetRecord<'_, '_>, is_current: bool) -> Result<(), Error> {
        let header = met.header;
        let record_len = header.end_pos() - header.pos;
        let Some(whole_len) = met.whole_len()? else {
            self.deletions += Amount::one(record_len);
            return Ok(());
        };
        let Looked { reader, scanner, classes, counts, unreadable_count, lens, links, .. } = self;
        let bytes = reader.read(met)?.ok().flatten().unwrap_or_default();
        let number = classes.number(ClassName::of_record(bytes));
        let at = usize::try_from(number).unwrap_or_default();
        counts.resize(counts.len().max(at + 1), ClassStats::default());
        counts[at].revisions += Amount::one(record_len);
        if is_current {
            let scanned = scanner.scan(bytes, &mut |reference| {
                if let Some(oid) = strong(&reference) {
                    links.refer(oid);
                }
            });
            *unreadable_count += u64::from(scanned.is_err());
            counts[at].objects += Amount::one(whole_len);
            lens.add(whole_len - (header.data_pos() - header.pos));
            links.note(header.oid, number, whole_len);
        }
        Ok(())
    }
}

/// What the records of all spans are.
#[derive(Default)]
struct Counted {
    classes: Classes,
    counts: Vec<ClassStats>,
    links: Links,
}

impl Counted {
    fn add(&mut self, looked: Looked) -> Result<(), Error> {
        let numbers = self.classes.adopt(looked.classes);
        self.counts.resize(self.classes.names().len(), ClassStats::default());
        for (number, count) in numbers.iter().zip(&looked.counts) {
            self.counts[usize::try_from(*number).unwrap_or_default()].add(count);
        }
        self.links.add(looked.links, numbers)
    }

    fn by_class(mut self) -> Vec<ClassStats> {
        for (count, unreachable) in self.counts.iter_mut().zip(self.links.unreachable()) {
            count.unreachable = unreachable;
        }
        for (count, name) in self.counts.iter_mut().zip(self.classes.names()) {
            count.class = name.to_string();
        }
        self.counts.sort_by(|a, b| b.revisions.len.cmp(&a.revisions.len).then_with(|| a.class.cmp(&b.class)));
        self.counts
    }
}
