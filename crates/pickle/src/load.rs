//! One pickle after the other from a stream.

use std::io::Read;

use crate::input::Input;
use crate::machine::Machine;
use crate::{Limits, LoadError, Pickle};

/// Loads pickles that stand one behind the other in a stream.
///
/// Reads ahead by up to 64 KiB. After an error the position in the stream is of no use.
#[derive(Debug)]
pub struct PickleReader<R> {
    input: Input<R>,
}

impl<R: Read> PickleReader<R> {
    /// Takes a stream that stands at the start of a pickle; positions count from here.
    pub fn new(stream: R) -> Self {
        Self { input: Input::new(stream) }
    }

    /// Bytes of the stream used so far, not counting what was only read ahead.
    pub fn pos(&self) -> u64 {
        self.input.pos()
    }

    /// Whether the stream has no further byte.
    ///
    /// # Errors
    ///
    /// [`LoadError::Read`].
    pub fn at_end(&mut self) -> Result<bool, LoadError> {
        self.input.at_end()
    }

    /// Loads one pickle, up to and including its STOP.
    ///
    /// Understands protocols 0 to 3, without persistent ids, extension codes and the two opcodes
    /// for instances of old-style classes. Calls are recorded, not made, with one exception:
    /// `_codecs.encode(text, 'latin1')`, which is how Python 3 writes byte strings below protocol
    /// 3, becomes the byte string.
    ///
    /// # Errors
    ///
    /// Every variant of [`LoadError`]; a stream that ends before the STOP is
    /// [`LoadError::Truncated`].
    ///
    /// **Source:** Python's `pickletools` documentation.
    pub fn load(&mut self, limits: &Limits) -> Result<Pickle, LoadError> {
        Machine::new(&mut self.input, limits).run()
    }
}
