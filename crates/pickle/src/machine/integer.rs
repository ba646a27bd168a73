//! Integers, in text and in binary.

use std::io::Read;

use super::Machine;
use crate::text::{Decimal, decimal};
use crate::value::Node;
use crate::{LoadError, opcode as op};

/// The longest integer that is understood, in bytes.
const MAX_INT_LEN: usize = size_of::<i64>();

impl<R: Read> Machine<'_, R> {
    pub(super) fn integer(&mut self, opcode: u8) -> Result<(), LoadError> {
        let number = match opcode {
            op::INT => return self.int_line(),
            op::LONG => {
                let line = self.line("an integer in text")?;
                self.decimal(line.strip_suffix(b"L").unwrap_or(&line))?
            }
            op::BININT => i64::from(i32::from_le_bytes(self.input.array("a 4-byte integer")?)),
            op::BININT1 => i64::from(self.input.byte("a 1-byte integer")?),
            op::BININT2 => i64::from(u16::from_le_bytes(self.input.array("a 2-byte integer")?)),
            op::LONG1 => {
                let len = u32::from(self.input.byte("the length of an integer")?);
                self.long(len)?
            }
            _ => {
                let len = u32::from_le_bytes(self.input.array("the length of an integer")?);
                self.long(len)?
            }
        };
        self.push_node(Node::Int(number))
    }

    /// Two's complement, little-endian, with as many bytes as it needs.
    fn long(&mut self, len: u32) -> Result<i64, LoadError> {
        let len = len as usize;
        if len > MAX_INT_LEN {
            return Err(LoadError::IntTooLarge { pos: self.pos });
        }
        let mut digits = Vec::with_capacity(MAX_INT_LEN);
        self.input.append(&mut digits, len as u64, "an integer")?;
        let is_negative = digits.last().is_some_and(|&top| top >= 0x80);
        let mut bytes = [if is_negative { 0xff } else { 0 }; MAX_INT_LEN];
        bytes[..len].copy_from_slice(&digits);
        Ok(i64::from_le_bytes(bytes))
    }

    /// The argument of INT, which protocols 0 and 1 also use for bools.
    fn int_line(&mut self) -> Result<(), LoadError> {
        let line = self.line("an integer in text")?;
        let node = match line.as_slice() {
            b"00" => Node::Bool(false),
            b"01" => Node::Bool(true),
            digits => Node::Int(self.decimal(digits)?),
        };
        self.push_node(node)
    }

    /// A line with a decimal number; an L behind it marks a Python 2 long.
    pub(super) fn decimal_line(&mut self) -> Result<i64, LoadError> {
        let line = self.line("an integer in text")?;
        self.decimal(&line)
    }

    fn decimal(&self, digits: &[u8]) -> Result<i64, LoadError> {
        match decimal(digits) {
            Decimal::Int(number) => Ok(number),
            Decimal::TooLarge => Err(LoadError::IntTooLarge { pos: self.pos }),
            Decimal::Malformed => Err(self.syntax("an integer in text")),
        }
    }
}
