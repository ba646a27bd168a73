use crate::walker::Halt;
use crate::{Damage, DamageKind, TransactionHeader, Visitor, Walker};

/// A walk along bytes that pass by once, in pieces of any size: a copy is checked while it is made.
#[derive(Debug)]
pub struct StreamWalker {
    walker: Walker,
    /// Position of the next byte that will be fed.
    pos: u64,
    /// The first bytes of what the walker wants, when a piece ended inside of it.
    carry: Vec<u8>,
    stopped: Option<Halt>,
}

impl StreamWalker {
    /// A walk over a stream whose first byte stands at `pos`, which is the walker's boundary or before it.
    pub fn new(walker: Walker, pos: u64) -> StreamWalker {
        StreamWalker { walker, pos, carry: Vec::new(), stopped: None }
    }

    /// Takes the next bytes of the stream. After a stop they are passed over.
    pub fn feed(&mut self, mut bytes: &[u8], visitor: &mut dyn Visitor) {
        while self.stopped.is_none() && !bytes.is_empty() {
            let (want_pos, want_len) = self.walker.wants();
            let gap_len = want_pos.saturating_sub(self.pos + self.carry.len() as u64);
            let skip_len = usize::try_from(gap_len).unwrap_or(usize::MAX).min(bytes.len());
            bytes = &bytes[skip_len..];
            self.pos += skip_len as u64;
            if bytes.is_empty() {
                return;
            }
            if want_len == 0 {
                // Bytes behind the limit: more than were announced.
                self.stopped = Some(Halt::ShortHeader);
                return;
            }
            let take_len = (want_len - self.carry.len()).min(bytes.len());
            self.take(&bytes[..take_len], want_len, visitor);
            bytes = &bytes[take_len..];
        }
    }

    /// Whether the walk cannot go on: what is fed from now on is passed over.
    pub fn has_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    fn take(&mut self, bytes: &[u8], want_len: usize, visitor: &mut dyn Visitor) {
        if self.carry.is_empty() && bytes.len() == want_len {
            self.pos += want_len as u64;
            self.stopped = self.walker.accept(bytes, visitor).err();
            return;
        }
        self.carry.extend_from_slice(bytes);
        if self.carry.len() == want_len {
            self.pos += want_len as u64;
            let wanted = std::mem::take(&mut self.carry);
            self.stopped = self.walker.accept(&wanted, visitor).err();
        }
    }

    /// The last transaction, when the stream was sound transactions to the limit and not a byte more.
    ///
    /// # Errors
    /// Where it was not: the damage that stopped the walk, or the transaction that the stream cuts.
    pub fn finish(&self) -> Result<Option<TransactionHeader>, Damage> {
        let limit_pos = self.walker.limit_pos();
        self.finish_at(limit_pos)
    }

    /// The same, when the stream had to end at `limit_pos`, which was not known before.
    ///
    /// # Errors
    /// As those of [`StreamWalker::finish`].
    pub fn finish_at(&self, limit_pos: u64) -> Result<Option<TransactionHeader>, Damage> {
        match (&self.stopped, self.walker.boundary_pos()) {
            // A stream can also end before the walk begins.
            (None, Some(pos)) if pos == limit_pos && self.pos == pos => Ok(self.walker.last()),
            (Some(Halt::Broken(damage)), _) => Err(*damage),
            (Some(Halt::Cut(header) | Halt::Voted(header)), _) => Err(unfinished(header.pos, limit_pos)),
            _ => {
                let end_pos = self.pos + self.carry.len() as u64;
                Err(unfinished(self.walker.transaction_pos(), limit_pos.min(end_pos)))
            }
        }
    }
}

fn unfinished(pos: u64, limit_pos: u64) -> Damage {
    Damage { transaction_pos: pos, pos, kind: DamageKind::Unfinished { limit_pos } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Nothing;

    /// A target that walks a stream in pieces found it: the end of a walk over no transaction at all was told as
    /// sound before its first byte had come.
    #[test]
    fn a_stream_that_ends_before_the_walk_begins_is_not_complete() {
        for len in 0..=5 {
            let mut stream = StreamWalker::new(Walker::new(4, None, 4), 0);
            stream.feed(&b"FS30x"[..len], &mut Nothing);
            assert_eq!(stream.finish().is_ok(), len == 4, "{len} bytes");
        }
    }

    /// Behind a stop nothing more is looked at, so a caller need not feed the rest.
    #[test]
    fn a_stream_stops_at_the_first_byte_that_is_wrong_and_says_what_it_was() {
        let sound = crate::samples::sample("undo.fs");
        let walk = |bytes: &[u8], limit_pos| {
            let mut stream = StreamWalker::new(Walker::new(4, None, limit_pos), 0);
            let mut stop = None;
            for (at, byte) in bytes.iter().enumerate() {
                stream.feed(&[*byte], &mut Nothing);
                stop = stop.or(stream.has_stopped().then_some(at));
            }
            (stop, stream.finish())
        };
        let unfinished_at = |pos, limit_pos| {
            let kind = DamageKind::Unfinished { limit_pos };
            Err(Damage { transaction_pos: pos, pos, kind })
        };
        assert_eq!(walk(&sound, 1385).0, None);
        // The last transaction begins at 1256; its header has 23 bytes.
        assert_eq!(walk(&sound, 1300), (Some(1256 + 22), unfinished_at(1256, 1300)), "the limit cuts it");
        assert_eq!(walk(&sound, 1256), (Some(1256), unfinished_at(1256, 1256)), "more than announced");
        assert_eq!(walk(&sound[..1256], 1385), (None, unfinished_at(1256, 1256)), "cut before a header");
        let mut voted = sound.clone();
        voted[1256 + 16] = b'c';
        assert_eq!(walk(&voted, 1385), (Some(1256 + 22), unfinished_at(1256, 1385)));
        let (stop, damage) = walk(&crate::samples::sample("bad-trailer.fs"), 1385);
        assert!(matches!(damage, Err(Damage { kind: DamageKind::Trailer { .. }, .. })), "{damage:?}");
        assert_eq!(stop, Some(463 + 90 + 7));
    }

    /// Symptom: an increment that was cut inside of a transaction was told with a position in the middle of it as that
    /// of the transaction, and with an end some bytes before the last one. Cause: where the walker's next wish began
    /// was taken for both.
    #[test]
    fn a_stream_that_is_cut_names_the_transaction_that_is_not_complete_and_where_the_bytes_end() {
        let sound = crate::samples::sample("undo.fs");
        let (_, seen) = crate::samples::scan(&sound).unwrap();
        for piece_len in [1, 7, 2000] {
            for cut_len in 4..sound.len() {
                let mut stream = StreamWalker::new(Walker::new(4, None, sound.len() as u64), 0);
                sound[..cut_len].chunks(piece_len).for_each(|piece| stream.feed(piece, &mut Nothing));
                let end_pos = cut_len as u64;
                let cut = seen.transactions.iter().find(|header| header.end_pos() > end_pos).unwrap();
                assert_eq!(stream.finish(), Err(unfinished(cut.pos, end_pos)), "pieces of {piece_len}");
            }
        }
    }
}
