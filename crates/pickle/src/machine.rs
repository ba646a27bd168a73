//! The stack machine that a pickle is a program for.

mod container;
mod integer;
mod object;
mod string;

use std::collections::HashMap;
use std::io::Read;

use crate::input::Input;
use crate::value::{Arena, Handle, Node, Pickle};
use crate::{Limits, LoadError, opcode as op};

/// The highest protocol that is understood.
const MAX_PROTOCOL: u8 = 3;

/// The state while one pickle is loaded.
pub(crate) struct Machine<'m, R> {
    input: &'m mut Input<R>,
    limits: &'m Limits,
    arena: Arena,
    stack: Vec<Handle>,
    /// Heights of the stack where a MARK was set.
    marks: Vec<usize>,
    memo: HashMap<u64, Handle>,
    /// Position of the opcode at work.
    pos: u64,
}

impl<'m, R: Read> Machine<'m, R> {
    pub(crate) fn new(input: &'m mut Input<R>, limits: &'m Limits) -> Self {
        let pos = input.pos();
        Self {
            input,
            limits,
            arena: Arena::default(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            pos,
        }
    }

    /// Runs the program up to its STOP.
    pub(crate) fn run(mut self) -> Result<Pickle, LoadError> {
        let start_pos = self.input.pos();
        for _ in 0..self.limits.max_opcode_count {
            self.pos = self.input.pos();
            if self.pos - start_pos > self.limits.max_total_len {
                return Err(self.limit("bytes", self.limits.max_total_len));
            }
            let opcode = self.input.byte("an opcode")?;
            if opcode == op::STOP {
                let root = self.pop()?;
                return Ok(Pickle { arena: self.arena, root });
            }
            self.step(opcode)?;
        }
        Err(self.limit("opcodes", self.limits.max_opcode_count))
    }

    fn step(&mut self, opcode: u8) -> Result<(), LoadError> {
        match opcode {
            op::PROTO => self.protocol(),
            op::NONE => self.push_node(Node::None),
            op::TRUE | op::FALSE => self.push_node(Node::Bool(opcode == op::TRUE)),
            op::INT | op::LONG | op::BININT | op::BININT1 | op::BININT2 | op::LONG1 | op::LONG4 => {
                self.integer(opcode)
            }
            op::STRING | op::BINSTRING | op::SHORT_BINSTRING | op::BINBYTES | op::SHORT_BINBYTES => {
                self.byte_string(opcode)
            }
            op::UNICODE | op::BINUNICODE | op::SHORT_BINUNICODE => self.text_string(opcode),
            op::EMPTY_TUPLE | op::TUPLE | op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => self.tuple(opcode),
            op::EMPTY_LIST | op::LIST | op::APPEND | op::APPENDS => self.list(opcode),
            op::EMPTY_DICT | op::DICT | op::SETITEM | op::SETITEMS => self.dict(opcode),
            op::GLOBAL => self.global(),
            op::NEWOBJ | op::REDUCE => self.call(opcode),
            op::BUILD => self.build(),
            op::PUT | op::BINPUT | op::LONG_BINPUT => self.put(opcode),
            op::GET | op::BINGET | op::LONG_BINGET => self.get(opcode),
            op::MARK | op::POP | op::POP_MARK | op::DUP => self.shuffle(opcode),
            found => Err(LoadError::Opcode { pos: self.pos, found }),
        }
    }

    fn protocol(&mut self) -> Result<(), LoadError> {
        match self.input.byte("a protocol number")? {
            0..=MAX_PROTOCOL => Ok(()),
            found => Err(LoadError::Protocol { pos: self.pos, found }),
        }
    }

    /// The opcodes that only move what is on the stack.
    fn shuffle(&mut self, opcode: u8) -> Result<(), LoadError> {
        match opcode {
            op::MARK => {
                if self.marks.len() >= self.limits.max_node_count {
                    return Err(self.limit("marks", self.limits.max_node_count as u64));
                }
                self.marks.push(self.stack.len());
            }
            op::DUP => {
                let top = self.pop()?;
                self.stack.push(top);
                self.push(top)?;
            }
            // A POP right behind a MARK takes the mark away.
            op::POP if self.marks.last() != Some(&self.stack.len()) => {
                self.pop()?;
            }
            _ => {
                self.pop_to_mark()?;
            }
        }
        Ok(())
    }

    fn put(&mut self, opcode: u8) -> Result<(), LoadError> {
        let index = self.memo_index(opcode)?;
        let top = self.pop()?;
        self.stack.push(top);
        self.memo.insert(index, top);
        if self.memo.len() > self.limits.max_node_count {
            return Err(self.limit("memo entries", self.limits.max_node_count as u64));
        }
        Ok(())
    }

    fn get(&mut self, opcode: u8) -> Result<(), LoadError> {
        let index = self.memo_index(opcode)?;
        let found = self.memo.get(&index).copied();
        self.push(found.ok_or(LoadError::NoMemo { pos: self.pos, index })?)
    }

    fn memo_index(&mut self, opcode: u8) -> Result<u64, LoadError> {
        match opcode {
            op::PUT | op::GET => {
                let index = self.decimal_line()?;
                u64::try_from(index).map_err(|_| self.syntax("a memo index"))
            }
            op::BINPUT | op::BINGET => Ok(u64::from(self.input.byte("a memo index")?)),
            _ => Ok(u64::from(u32::from_le_bytes(self.input.array("a memo index")?))),
        }
    }

    fn push_node(&mut self, node: Node) -> Result<(), LoadError> {
        let max_count = self.limits.max_node_count;
        let handle = if self.arena.nodes.len() < max_count { self.arena.push(self.pos, node) } else { None };
        self.push(handle.ok_or_else(|| self.limit("values", max_count as u64))?)
    }

    fn push(&mut self, handle: Handle) -> Result<(), LoadError> {
        if self.stack.len() >= self.limits.max_node_count {
            return Err(self.limit("values on the stack", self.limits.max_node_count as u64));
        }
        self.stack.push(handle);
        Ok(())
    }

    /// The top of the stack, if it is above the last mark.
    fn pop(&mut self) -> Result<Handle, LoadError> {
        let mark_height = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= mark_height {
            return Err(LoadError::StackEmpty { pos: self.pos });
        }
        self.stack.pop().ok_or(LoadError::StackEmpty { pos: self.pos })
    }

    /// Everything above the last mark, which goes too.
    fn pop_to_mark(&mut self) -> Result<Vec<Handle>, LoadError> {
        let height = self.marks.pop().ok_or(LoadError::NoMark { pos: self.pos })?;
        Ok(self.stack.split_off(height))
    }

    fn limit(&self, what: &'static str, limit: u64) -> LoadError {
        LoadError::Limit { pos: self.pos, what, limit }
    }

    fn syntax(&self, expected: &'static str) -> LoadError {
        LoadError::Syntax { pos: self.pos, expected }
    }

    fn kind(&self, expected: &'static str, found: Handle) -> LoadError {
        LoadError::Kind { pos: self.pos, expected, found: self.arena.value(found).kind() }
    }
}
