//! Byte strings, text strings, and the lines of protocol 0.

use std::io::Read;

use super::Machine;
use crate::text;
use crate::value::Node;
use crate::{LoadError, opcode as op};

impl<R: Read> Machine<'_, R> {
    pub(super) fn byte_string(&mut self, opcode: u8) -> Result<(), LoadError> {
        let start = self.arena.bytes.len();
        match opcode {
            op::STRING => {
                let line = self.line("a quoted string")?;
                self.check_string(line.len() as u64)?;
                if !text::unquote(&line, &mut self.arena.bytes) {
                    return Err(self.syntax("a quoted string"));
                }
            }
            op::SHORT_BINSTRING | op::SHORT_BINBYTES => {
                let len = self.short_len()?;
                self.input.append(&mut self.arena.bytes, len, "a byte string")?;
            }
            _ => {
                let len = self.long_len()?;
                self.input.append(&mut self.arena.bytes, len, "a byte string")?;
            }
        }
        self.push_node(Node::Bytes(start..self.arena.bytes.len()))
    }

    pub(super) fn text_string(&mut self, opcode: u8) -> Result<(), LoadError> {
        let start = self.arena.text.len();
        if opcode == op::UNICODE {
            let line = self.line("a text string")?;
            // A Latin-1 byte can become two bytes of UTF-8.
            self.check_string(2 * line.len() as u64)?;
            if !text::raw_unicode(&line, &mut self.arena.text) {
                return Err(self.syntax("raw-unicode-escape text"));
            }
        } else {
            let len = if opcode == op::SHORT_BINUNICODE { self.short_len()? } else { self.long_len()? };
            let mut encoded = Vec::new();
            self.input.append(&mut encoded, len, "a text string")?;
            let text = str::from_utf8(&encoded).map_err(|_| self.syntax("UTF-8"))?;
            self.arena.text.push_str(text);
        }
        self.push_node(Node::Text(start..self.arena.text.len()))
    }

    /// A line of up to `max_string_len` bytes, without its LF.
    pub(super) fn line(&mut self, expected: &'static str) -> Result<Vec<u8>, LoadError> {
        let mut line = Vec::new();
        let max_len = self.limits.max_string_len;
        if self.input.append_line(&mut line, max_len, expected)? {
            Ok(line)
        } else {
            Err(self.limit("bytes in one line", max_len))
        }
    }

    /// Refuses a string before it is read if it would pass a limit.
    pub(super) fn check_string(&self, len: u64) -> Result<(), LoadError> {
        if len > self.limits.max_string_len {
            return Err(self.limit("bytes in one string", self.limits.max_string_len));
        }
        if self.arena.string_len() + len > self.limits.max_total_len {
            return Err(self.limit("bytes in all strings", self.limits.max_total_len));
        }
        Ok(())
    }

    fn short_len(&mut self) -> Result<u64, LoadError> {
        let len = u64::from(self.input.byte("the length of a string")?);
        self.check_string(len)?;
        Ok(len)
    }

    fn long_len(&mut self) -> Result<u64, LoadError> {
        let len = u64::from(u32::from_le_bytes(self.input.array("the length of a string")?));
        self.check_string(len)?;
        Ok(len)
    }
}
