//! Reading an index of any form, bucket by bucket.

use std::io::Read;
use std::vec;

use super::bucket::{Bucket, PrefixOrder};
use super::{Error, mapping, shape};
use crate::{Limits, Pickle, PickleReader, Value};

/// Enough for one bucket of a stream; above the longest one, so that its length gets an error of
/// its own.
const BUCKET_LIMITS: Limits =
    Limits { max_string_len: 1 << 20, max_node_count: 16, max_total_len: 2 << 20, max_opcode_count: 32 };

/// An index that is being read.
///
/// After an error the reader is of no further use.
#[derive(Debug)]
pub struct IndexReader<R> {
    pickles: PickleReader<R>,
    end_pos: u64,
    source: Source,
}

/// Where the next bucket comes from.
#[derive(Debug)]
enum Source {
    Stream(PrefixOrder),
    Held(vec::IntoIter<Bucket>),
    Ended,
}

impl<R: Read> IndexReader<R> {
    /// Reads the first pickle, within [`Limits::default`].
    ///
    /// That is a few bytes of the present form and the whole index of an old one.
    ///
    /// # Errors
    ///
    /// [`Error::Load`], [`Error::Shape`], [`Error::EndPos`]. Of an old form also
    /// [`Error::MissingKey`], [`Error::StateVersion`], [`Error::SharedNode`],
    /// [`Error::DuplicateOid`], [`Error::TooLarge`], and what a bucket can break, as
    /// [`next_bucket`](Self::next_bucket) has it for the present form.
    pub fn open(input: R) -> Result<Self, Error> {
        Self::open_within(input, &Limits::default())
    }

    /// Reads the first pickle within limits of the caller's choice.
    ///
    /// The limits hold for this pickle, and `max_total_len` also for the buckets of an old form;
    /// the other pickles of the present form are held to one bucket each.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    ///
    /// **Source:** index-format.md, section 5.
    pub fn open_within(input: R, limits: &Limits) -> Result<Self, Error> {
        let mut pickles = PickleReader::new(input);
        let first = pickles.load(limits)?;
        if matches!(first.value(first.root()), Value::Int(_)) {
            let end_pos = shape::end_pos(&first, first.root())?;
            return Ok(Self { pickles, end_pos, source: Source::Stream(PrefixOrder::default()) });
        }
        let (end_pos, buckets) = mapping::read(&first, limits.max_total_len)?;
        Ok(Self { pickles, end_pos, source: Source::Held(buckets.into_iter()) })
    }

    /// The end of the last transaction that the index covers, in bytes of the data file; at
    /// least 4.
    pub fn end_pos(&self) -> u64 {
        self.end_pos
    }

    /// Whether the buckets follow one by one, as in the present form, and the last bytes of all are the final None.
    pub fn is_stream(&self) -> bool {
        matches!(self.source, Source::Stream(_))
    }

    /// The next bucket, in ascending order of prefixes; none behind the last one.
    ///
    /// What follows the final None is never looked at, as in Python.
    ///
    /// # Errors
    ///
    /// [`Error::Load`], [`Error::Shape`], [`Error::StringLen`], [`Error::NoFinalNone`], and one
    /// variant for each rule a bucket can break: [`Error::PrefixOrder`], [`Error::BucketEmpty`],
    /// [`Error::BucketLen`], [`Error::BucketTooLong`], [`Error::SuffixOrder`],
    /// [`Error::PositionRange`].
    pub fn next_bucket(&mut self) -> Result<Option<Bucket>, Error> {
        let order = match &mut self.source {
            Source::Stream(order) => order,
            Source::Held(buckets) => return Ok(buckets.next()),
            Source::Ended => return Ok(None),
        };
        if self.pickles.at_end()? {
            return Err(Error::NoFinalNone { pos: self.pickles.pos() });
        }
        let pickle = self.pickles.load(&BUCKET_LIMITS)?;
        let bucket = stream_bucket(&pickle, self.end_pos, order)?;
        if bucket.is_none() {
            self.source = Source::Ended;
        }
        Ok(bucket)
    }

    /// Whether bytes follow what was read. Behind the last bucket none should.
    ///
    /// # Errors
    ///
    /// [`Error::Load`].
    pub fn is_followed(&mut self) -> Result<bool, Error> {
        Ok(!self.pickles.at_end()?)
    }
}

/// The bucket in a pickle of the stream; none for the final None.
fn stream_bucket(pickle: &Pickle, end_pos: u64, order: &mut PrefixOrder) -> Result<Option<Bucket>, Error> {
    if pickle.value(pickle.root()) == Value::None {
        return Ok(None);
    }
    let [prefix, data] = shape::tuple(pickle, pickle.root(), "a tuple of prefix and bucket, or None")?;
    mapping::packed_bucket(pickle, [prefix, data], end_pos, order).map(Some)
}
