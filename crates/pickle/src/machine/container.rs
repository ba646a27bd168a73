//! Tuples, lists and dicts.

use std::io::Read;

use super::Machine;
use crate::value::{Handle, Node};
use crate::{LoadError, opcode as op};

impl<R: Read> Machine<'_, R> {
    pub(super) fn tuple(&mut self, opcode: u8) -> Result<(), LoadError> {
        let items = match opcode {
            op::TUPLE => self.pop_to_mark()?,
            op::TUPLE1 => vec![self.pop()?],
            op::TUPLE2 => {
                let second = self.pop()?;
                vec![self.pop()?, second]
            }
            op::TUPLE3 => {
                let third = self.pop()?;
                let second = self.pop()?;
                vec![self.pop()?, second, third]
            }
            _ => Vec::new(),
        };
        self.push_node(Node::Tuple(items))
    }

    pub(super) fn list(&mut self, opcode: u8) -> Result<(), LoadError> {
        let items = match opcode {
            op::EMPTY_LIST => return self.push_node(Node::List(Vec::new())),
            op::LIST => {
                let items = self.pop_to_mark()?;
                return self.push_node(Node::List(items));
            }
            op::APPEND => vec![self.pop()?],
            _ => self.pop_to_mark()?,
        };
        let top = self.pop()?;
        self.stack.push(top);
        match self.arena.node_mut(top) {
            Some(Node::List(list)) => list.extend(items),
            _ => return Err(self.kind("a list", top)),
        }
        Ok(())
    }

    pub(super) fn dict(&mut self, opcode: u8) -> Result<(), LoadError> {
        let items = match opcode {
            op::EMPTY_DICT => return self.push_node(Node::Dict(Vec::new())),
            op::DICT => {
                let items = self.pop_pairs()?;
                return self.push_node(Node::Dict(items));
            }
            op::SETITEM => {
                let value = self.pop()?;
                vec![[self.pop()?, value]]
            }
            _ => self.pop_pairs()?,
        };
        let top = self.pop()?;
        self.stack.push(top);
        match self.arena.node_mut(top) {
            Some(Node::Dict(dict)) => dict.extend(items),
            _ => return Err(self.kind("a dict", top)),
        }
        Ok(())
    }

    fn pop_pairs(&mut self) -> Result<Vec<[Handle; 2]>, LoadError> {
        let items = self.pop_to_mark()?;
        match items.as_chunks() {
            (pairs, []) => Ok(pairs.to_vec()),
            _ => Err(LoadError::OddItems { pos: self.pos, found_count: items.len() }),
        }
    }
}
