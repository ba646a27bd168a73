//! Names, calls and states: all recorded, none carried out.

use std::io::Read;
use std::ops::Range;

use super::Machine;
use crate::value::{Arena, Handle, Node, Value};
use crate::{LoadError, opcode as op};

impl<R: Read> Machine<'_, R> {
    pub(super) fn global(&mut self) -> Result<(), LoadError> {
        let mut line = self.line("a module name")?;
        line.push(b'\n');
        line.append(&mut self.line("a global name")?);
        self.check_string(line.len() as u64)?;
        let names = str::from_utf8(&line).map_err(|_| self.syntax("UTF-8"))?;
        let start = self.arena.text.len();
        self.arena.text.push_str(names);
        self.push_node(Node::Global(start..self.arena.text.len()))
    }

    /// NEWOBJ and REDUCE: both stand for a call with a tuple of arguments.
    pub(super) fn call(&mut self, opcode: u8) -> Result<(), LoadError> {
        let args = self.pop()?;
        let callable = self.pop()?;
        if !matches!(self.arena.value(args), Value::Tuple(_)) {
            return Err(self.kind("a tuple", args));
        }
        let text = if opcode == op::REDUCE { latin1_text(&self.arena, callable, args) } else { None };
        let Some(text) = text else {
            return self.push_node(Node::Object { callable, args, state: None });
        };
        self.check_string(text.len() as u64)?;
        let node = encode_latin1(&mut self.arena, text)
            .map_or(Node::Object { callable, args, state: None }, Node::Bytes);
        self.push_node(node)
    }

    pub(super) fn build(&mut self) -> Result<(), LoadError> {
        let given_state = self.pop()?;
        let top = self.pop()?;
        self.stack.push(top);
        match self.arena.node_mut(top) {
            Some(Node::Object { state, .. }) => *state = Some(given_state),
            _ => return Err(self.kind("an object", top)),
        }
        Ok(())
    }
}

/// The text of `_codecs.encode(text, 'latin1')`, if the call is that one.
///
/// **Source:** Python 3's pickler, which writes `bytes` so for protocols 0 to 2.
fn latin1_text(arena: &Arena, callable: Handle, args: Handle) -> Option<Range<usize>> {
    let is_encode = matches!(arena.value(callable), Value::Global { module: "_codecs", name: "encode" });
    let Value::Tuple(&[text, encoding]) = arena.value(args) else {
        return None;
    };
    let is_latin1 = matches!(arena.value(encoding), Value::Text("latin1" | "latin-1"));
    arena.text_range(text).filter(|_| is_encode && is_latin1)
}

/// Adds the Latin-1 form of a text; none if a letter has no such form.
fn encode_latin1(arena: &mut Arena, text: Range<usize>) -> Option<Range<usize>> {
    let start = arena.bytes.len();
    for letter in arena.text.get(text)?.chars() {
        let Ok(byte) = u8::try_from(letter) else {
            arena.bytes.truncate(start);
            return None;
        };
        arena.bytes.push(byte);
    }
    Some(start..arena.bytes.len())
}
