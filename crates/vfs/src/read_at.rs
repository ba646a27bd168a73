use std::io;
use std::sync::Arc;

/// Positional reads: a live file, a byte slice, a whole chain of backup files.
///
/// Reading moves no cursor, so one value serves several readers at once.
pub trait ReadAt: Send + Sync {
    /// Reads up to `buf.len()` bytes from byte `pos` on; the count, which may be short, and is 0 only at
    /// or behind the end or for an empty `buf`.
    ///
    /// # Errors
    /// Whatever the medium says.
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// The length in bytes now. A live file grows, and shrinks when a voted transaction is aborted.
    ///
    /// # Errors
    /// Whatever the medium says.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is nothing to read.
    ///
    /// # Errors
    /// Whatever the medium says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads until `buf` is full or the end is met; the count.
    ///
    /// # Errors
    /// Whatever the medium says.
    fn read_full_at(&self, mut pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut done_len = 0;
        while done_len < buf.len() {
            match self.read_at(pos, &mut buf[done_len..]) {
                Ok(0) => break,
                Ok(read_len) => {
                    done_len += read_len;
                    pos += read_len as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done_len)
    }

    /// Fills `buf` from byte `pos` on.
    ///
    /// # Errors
    /// `UnexpectedEof` when fewer bytes are there; else whatever the medium says.
    fn read_exact_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<()> {
        if self.read_full_at(pos, buf)? < buf.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

/// A file, or whatever else can be read anywhere, read from its first byte on.
pub struct Sequential {
    inner: Box<dyn ReadAt>,
    pos: u64,
}

impl Sequential {
    /// A stream that stands before the first byte.
    pub fn new(inner: Box<dyn ReadAt>) -> Sequential {
        Sequential { inner, pos: 0 }
    }
}

impl io::Read for Sequential {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read_len = self.inner.read_at(self.pos, buf)?;
        self.pos += read_len as u64;
        Ok(read_len)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(pos).ok().and_then(|pos| self.get(pos..)).unwrap_or_default();
        let read_len = rest.len().min(buf.len());
        buf[..read_len].copy_from_slice(&rest[..read_len]);
        Ok(read_len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(<[u8]>::len(self) as u64)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.as_slice().read_at(pos, buf)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(<[u8]>::len(self) as u64)
    }
}

macro_rules! through_a_pointer {
    ($($pointer:ty),*) => {$(
        impl<R: ReadAt + ?Sized> ReadAt for $pointer {
            fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
                (**self).read_at(pos, buf)
            }

            fn len(&self) -> io::Result<u64> {
                (**self).len()
            }
        }
    )*};
}

through_a_pointer!(&R, Box<R>, Arc<R>);

/// The bytes of `inner`, moved up so that its first byte stands at `start_pos`.
///
/// An incremental backup holds the bytes `start..end` of a database: seen through a `Tail` they are at the
/// positions that their records speak of. Reads before `start_pos` find nothing.
#[derive(Debug, Clone)]
pub struct Tail<R> {
    inner: R,
    start_pos: u64,
}

impl<R: ReadAt> Tail<R> {
    /// `inner`, its first byte at `start_pos`.
    pub fn new(inner: R, start_pos: u64) -> Tail<R> {
        Tail { inner, start_pos }
    }
}

impl<R: ReadAt> ReadAt for Tail<R> {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        match pos.checked_sub(self.start_pos) {
            Some(inner_pos) => self.inner.read_at(inner_pos, buf),
            None => Err(io::Error::new(io::ErrorKind::InvalidInput, "read before the first byte held")),
        }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.start_pos + self.inner.len()?)
    }
}

/// The first bytes of `inner`, up to `end_pos`, as if nothing stood behind them.
#[derive(Debug, Clone)]
pub struct Head<R> {
    inner: R,
    end_pos: u64,
}

impl<R: ReadAt> Head<R> {
    /// The bytes of `inner` before `end_pos`.
    pub fn new(inner: R, end_pos: u64) -> Head<R> {
        Head { inner, end_pos }
    }
}

impl<R: ReadAt> ReadAt for Head<R> {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        let rest_len = usize::try_from(self.end_pos.saturating_sub(pos)).unwrap_or(buf.len());
        let want_len = rest_len.min(buf.len());
        self.inner.read_at(pos, &mut buf[..want_len])
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.inner.len()?.min(self.end_pos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_reads_short_at_its_end_and_nothing_behind_it() {
        let bytes = b"abcdef".to_vec();
        let mut buf = [0; 4];
        assert_eq!(bytes.read_at(4, &mut buf).unwrap(), 2);
        assert_eq!(&buf[..2], b"ef");
        assert_eq!(bytes.read_at(6, &mut buf).unwrap(), 0);
        assert_eq!(bytes.read_at(u64::MAX, &mut buf).unwrap(), 0);
        assert_eq!(bytes.read_exact_at(3, &mut buf).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_head_ends_where_it_is_told() {
        let head = Head::new(b"abcdef".to_vec(), 4);
        let mut buf = [0; 4];
        assert_eq!(head.read_full_at(2, &mut buf).unwrap(), 2);
        assert_eq!(head.len().unwrap(), 4);
        assert_eq!(head.read_at(9, &mut buf).unwrap(), 0);
    }

    #[test]
    fn a_tail_stands_at_its_start_position() {
        let tail = Tail::new(b"cdef".to_vec(), 2);
        let mut buf = [0; 3];
        tail.read_exact_at(3, &mut buf).unwrap();
        assert_eq!(&buf, b"def");
        assert_eq!(tail.len().unwrap(), 6);
        assert!(tail.read_at(1, &mut buf).is_err());
    }

    /// A medium that gives one byte at a time, is interrupted before each, and breaks at the end of its bytes.
    struct Reluctant(&'static [u8], std::sync::atomic::AtomicBool);

    impl ReadAt for Reluctant {
        fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
            if !self.1.fetch_xor(true, std::sync::atomic::Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match self.0.read_at(pos, &mut buf[..1])? {
                0 => Err(io::ErrorKind::PermissionDenied.into()),
                read_len => Ok(read_len),
            }
        }

        fn len(&self) -> io::Result<u64> {
            ReadAt::len(self.0)
        }
    }

    #[test]
    fn a_read_goes_on_over_short_reads_and_interruptions_and_ends_at_other_errors() {
        let medium = Reluctant(b"abcdef", false.into());
        let mut buf = [0; 4];
        medium.read_exact_at(1, &mut buf).unwrap();
        assert_eq!(&buf, b"bcde");
        let error = medium.read_full_at(3, &mut buf).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(medium.read_full_at(6, &mut []).unwrap(), 0, "nothing is wanted, nothing is read");
    }

    #[test]
    fn what_has_no_byte_is_empty_whatever_it_is_seen_through() {
        for (bytes, is_empty) in [(&b""[..], true), (b"a", false), (b"abc", false)] {
            let len = bytes.len() as u64;
            assert_eq!((ReadAt::len(bytes).unwrap(), bytes.is_empty()), (len, is_empty));
            let vec = bytes.to_vec();
            let all: [&dyn ReadAt; 4] = [&vec, &bytes, &Arc::new(vec.clone()), &Tail::new(bytes, 0)];
            for source in all {
                assert_eq!((source.len().unwrap(), source.is_empty().unwrap()), (len, is_empty));
            }
        }
    }
}
