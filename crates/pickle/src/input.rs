//! A byte stream that knows where it is.

use std::io::{self, BufRead, BufReader, Read};

use crate::LoadError;

/// Bytes taken from the stream at once; also the most that is allocated on a mere promise.
const PIECE_LEN: usize = 64 << 10;

/// A buffered stream with its position.
#[derive(Debug)]
pub(crate) struct Input<R> {
    stream: BufReader<R>,
    pos: u64,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream: BufReader::with_capacity(PIECE_LEN, stream), pos: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn pos(&self) -> u64 {
        self.pos
    }

    /// Whether no byte is left.
    pub(crate) fn at_end(&mut self) -> Result<bool, LoadError> {
        Ok(self.piece()?.is_empty())
    }

    pub(crate) fn byte(&mut self, expected: &'static str) -> Result<u8, LoadError> {
        let [byte] = self.array(expected)?;
        Ok(byte)
    }

    pub(crate) fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], LoadError> {
        let mut array = [0; N];
        let mut filled_len = 0;
        while filled_len < N {
            let piece = self.piece()?;
            if piece.is_empty() {
                return Err(self.truncated(expected));
            }
            let piece_len = piece.len().min(N - filled_len);
            array[filled_len..filled_len + piece_len].copy_from_slice(&piece[..piece_len]);
            self.consume(piece_len);
            filled_len += piece_len;
        }
        Ok(array)
    }

    /// Appends `len` bytes to `out`, which grows only by what really arrives.
    pub(crate) fn append(
        &mut self,
        out: &mut Vec<u8>,
        len: u64,
        expected: &'static str,
    ) -> Result<(), LoadError> {
        let mut missing_len = len;
        while missing_len > 0 {
            let piece = self.piece()?;
            if piece.is_empty() {
                return Err(self.truncated(expected));
            }
            let piece_len = usize::try_from(missing_len).map_or(piece.len(), |len| len.min(piece.len()));
            out.extend_from_slice(&piece[..piece_len]);
            self.consume(piece_len);
            missing_len -= piece_len as u64;
        }
        Ok(())
    }

    /// Appends to `out` up to the next LF, which is consumed and left out.
    ///
    /// Stops with `false` as soon as `out` gets longer than `max_len`, not counting one piece.
    pub(crate) fn append_line(
        &mut self,
        out: &mut Vec<u8>,
        max_len: u64,
        expected: &'static str,
    ) -> Result<bool, LoadError> {
        loop {
            let piece = self.piece()?;
            if piece.is_empty() {
                return Err(self.truncated(expected));
            }
            let line_end = piece.iter().position(|&byte| byte == b'\n');
            let text_len = line_end.unwrap_or(piece.len());
            out.extend_from_slice(&piece[..text_len]);
            self.consume(text_len + usize::from(line_end.is_some()));
            if out.len() as u64 > max_len {
                return Ok(false);
            }
            if line_end.is_some() {
                return Ok(true);
            }
        }
    }

    /// The bytes at hand, at least one unless the stream has ended.
    fn piece(&mut self) -> Result<&[u8], LoadError> {
        loop {
            match self.stream.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(LoadError::Read { pos: self.pos, source }),
            }
        }
        Ok(self.stream.buffer())
    }

    fn consume(&mut self, len: usize) {
        self.stream.consume(len);
        self.pos += len as u64;
    }

    fn truncated(&self, expected: &'static str) -> LoadError {
        LoadError::Truncated { pos: self.pos, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time and is interrupted before each.
    struct Reluctant<'b>(&'b [u8], bool);

    impl Read for Reluctant<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.0.read(&mut buffer[..1])
        }
    }

    #[test]
    fn a_promise_allocates_nothing() {
        let mut out = Vec::new();
        let error = Input::new(&[1, 2, 3][..]).append(&mut out, u64::MAX, "a string").unwrap_err();
        assert!(matches!(error, LoadError::Truncated { pos: 3, expected: "a string" }));
        assert_eq!(out, [1, 2, 3]);
        assert!(out.capacity() < 100);
    }

    #[test]
    fn reads_through_interruptions() {
        let mut input = Input::new(Reluctant(b"abcdefg\nhi", false));
        assert_eq!(input.array("three").unwrap(), *b"abc");
        let mut out = Vec::new();
        input.append(&mut out, 2, "two").unwrap();
        assert!(input.append_line(&mut out, 100, "a line").unwrap());
        assert_eq!((out.as_slice(), input.pos()), (&b"defg"[..], 8));
        assert!(!input.append_line(&mut out, 4, "a line").unwrap());
        input.byte("one").unwrap();
        assert!(input.at_end().unwrap());
        assert!(matches!(input.byte("one"), Err(LoadError::Truncated { pos: 10, .. })));
    }

    #[test]
    fn other_errors_are_passed_on() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        }
        assert!(matches!(Input::new(Broken).at_end(), Err(LoadError::Read { pos: 0, .. })));
    }
}
