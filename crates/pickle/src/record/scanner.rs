use super::item::Item;
use super::{ClassName, Parts, Reference};
use crate::{LoadError, opcode as op, text};
use std::borrow::Cow;

/// The highest protocol that Python reads in a record.
const MAX_PROTOCOL: u8 = 3;
const OID_LEN: usize = 8;

/// Runs the two pickles of records without making anything, and tells the references. One for many records saves
/// their allocations.
#[derive(Debug, Default)]
pub struct RecordScanner {
    stack: Vec<Item>,
    /// Heights of the stack where a MARK was set.
    marks: Vec<usize>,
    memo: Vec<Option<Item>>,
}

impl RecordScanner {
    /// Goes through the data of one record and hands each reference to `each`, in the order of the opcodes, repeated
    /// ones too; where its pickles end.
    ///
    /// Memory: at most 40 bytes for each byte of `data`.
    ///
    /// # Errors
    /// Every variant of [`LoadError`] but those of reading; positions count from the record's first byte. References
    /// before the fault have been told.
    pub fn scan<'d>(
        &mut self,
        data: &'d [u8],
        each: &mut dyn FnMut(Reference<'d>),
    ) -> Result<Parts, LoadError> {
        self.memo.clear();
        let mut run = Run { data, at: 0, op_at: 0, held: self, each };
        let class_end = run.pickle()?;
        let state_end = run.pickle()?;
        Ok(Parts { class_end, state_end })
    }

    /// Whether `data` is one pickle from its first to its last byte, as the extension of a transaction is.
    pub fn is_pickle(&mut self, data: &[u8]) -> bool {
        self.memo.clear();
        let mut run = Run { data, at: 0, op_at: 0, held: self, each: &mut |_| {} };
        run.pickle().is_ok_and(|end| end == data.len())
    }
}

/// One record on its way.
struct Run<'r, 'd> {
    data: &'d [u8],
    /// Behind what was read.
    at: usize,
    /// The opcode at work.
    op_at: usize,
    held: &'r mut RecordScanner,
    each: &'r mut dyn FnMut(Reference<'d>),
}

impl<'d> Run<'_, 'd> {
    /// One pickle up to its STOP; where it ends. The memo is that of the pickle before.
    fn pickle(&mut self) -> Result<usize, LoadError> {
        self.held.stack.clear();
        self.held.marks.clear();
        loop {
            self.op_at = self.at;
            match self.byte("an opcode")? {
                op::STOP => {
                    self.pop()?;
                    return Ok(self.at);
                }
                opcode => self.step(opcode)?,
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), LoadError> {
        match opcode {
            op::BINPUT | op::LONG_BINPUT | op::PUT => self.put(opcode),
            op::BINGET | op::LONG_BINGET | op::GET => self.get(opcode),
            op::BINUNICODE | op::SHORT_BINBYTES | op::SHORT_BINSTRING | op::BINBYTES | op::BINSTRING => {
                self.string(opcode)
            }
            op::STRING | op::UNICODE => self.quoted_string(opcode),
            op::MARK => {
                self.held.marks.push(self.held.stack.len());
                Ok(())
            }
            op::EMPTY_TUPLE | op::TUPLE | op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => self.tuple(opcode),
            op::EMPTY_LIST | op::LIST | op::APPEND | op::APPENDS => self.list(opcode),
            op::EMPTY_DICT | op::DICT | op::SETITEM | op::SETITEMS => self.dict(opcode),
            op::BINPERSID | op::PERSID => self.reference(opcode),
            op::GLOBAL => {
                self.names()?;
                self.push(Item::global(self.op_at))
            }
            op::NEWOBJ | op::REDUCE | op::BUILD | op::INST | op::OBJ => self.object(opcode),
            op::POP | op::POP_MARK | op::DUP => self.shuffle(opcode),
            op::PROTO => match self.byte("a protocol number")? {
                0..=MAX_PROTOCOL => Ok(()),
                found => Err(LoadError::Protocol { pos: self.pos(), found }),
            },
            _ => self.scalar(opcode),
        }
    }

    /// Values of which nothing is kept.
    fn scalar(&mut self, opcode: u8) -> Result<(), LoadError> {
        match opcode {
            op::NONE | op::TRUE | op::FALSE => {}
            op::BININT1 | op::EXT1 => drop(self.take(1)?),
            op::BININT2 | op::EXT2 => drop(self.take(2)?),
            op::BININT | op::EXT4 => drop(self.take(4)?),
            op::BINFLOAT => drop(self.take(8)?),
            op::LONG1 => {
                let len = self.byte("a length")?;
                self.take(len.into())?;
            }
            op::LONG4 => {
                let len = self.len()?;
                self.take(len)?;
            }
            op::INT | op::LONG | op::FLOAT => drop(self.line()?),
            found => return Err(LoadError::Opcode { pos: self.pos(), found }),
        }
        self.push(Item::Other)
    }

    fn string(&mut self, opcode: u8) -> Result<(), LoadError> {
        let len = match opcode {
            op::SHORT_BINBYTES | op::SHORT_BINSTRING => self.byte("a length")?.into(),
            _ => self.len()?,
        };
        self.take(len)?;
        self.push(Item::string(self.op_at))
    }

    fn quoted_string(&mut self, opcode: u8) -> Result<(), LoadError> {
        let line = self.line()?;
        if opcode == op::STRING && !text::unquote(line, &mut Vec::new()) {
            return Err(LoadError::Syntax { pos: self.pos(), expected: "a quoted string" });
        }
        self.push(Item::string(self.op_at))
    }

    fn tuple(&mut self, opcode: u8) -> Result<(), LoadError> {
        let from = match opcode {
            op::TUPLE => self.pop_mark()?,
            op::EMPTY_TUPLE => self.held.stack.len(),
            op::TUPLE1 => self.top(1)?,
            op::TUPLE2 => self.top(2)?,
            _ => self.top(3)?,
        };
        let tuple = Item::tuple(&self.held.stack[from..]);
        self.held.stack.truncate(from);
        self.push(tuple)
    }

    fn list(&mut self, opcode: u8) -> Result<(), LoadError> {
        match opcode {
            op::EMPTY_LIST => return self.push(Item::List),
            op::LIST => {
                let from = self.pop_mark()?;
                self.held.stack.truncate(from);
                return self.push(Item::List);
            }
            op::APPEND => drop(self.pop()?),
            _ => {
                let from = self.pop_mark()?;
                self.held.stack.truncate(from);
            }
        }
        self.top(1).map(drop)
    }

    fn dict(&mut self, opcode: u8) -> Result<(), LoadError> {
        let from = match opcode {
            op::EMPTY_DICT => return self.push(Item::Other),
            op::SETITEM => self.top(2)?,
            _ => self.pop_mark()?,
        };
        let found_count = self.held.stack.len() - from;
        if !found_count.is_multiple_of(2) {
            return Err(LoadError::OddItems { pos: self.pos(), found_count });
        }
        self.held.stack.truncate(from);
        match opcode {
            op::DICT => self.push(Item::Other),
            _ => self.top(1).map(drop),
        }
    }

    /// What would call or fill something: what it needs is taken, and nothing is made.
    fn object(&mut self, opcode: u8) -> Result<(), LoadError> {
        let from = match opcode {
            op::BUILD => {
                self.pop()?;
                return self.top(1).map(drop);
            }
            op::INST => {
                self.names()?;
                self.pop_mark()?
            }
            op::OBJ => {
                let from = self.pop_mark()?;
                if from == self.held.stack.len() {
                    return Err(LoadError::StackEmpty { pos: self.pos() });
                }
                from
            }
            _ => self.top(2)?,
        };
        self.held.stack.truncate(from);
        self.push(Item::Other)
    }

    fn shuffle(&mut self, opcode: u8) -> Result<(), LoadError> {
        match opcode {
            op::DUP => {
                let top = self.top(1)?;
                self.push(self.held.stack[top])
            }
            // A POP right behind a MARK takes the mark away.
            op::POP if self.held.marks.last() != Some(&self.held.stack.len()) => self.pop().map(drop),
            _ => {
                let from = self.pop_mark()?;
                self.held.stack.truncate(from);
                Ok(())
            }
        }
    }

    fn reference(&mut self, opcode: u8) -> Result<(), LoadError> {
        let reference = if opcode == op::PERSID {
            let oid = self.line()?;
            Reference::Strong { oid: self.oid(oid)?, class: None }
        } else {
            let item = self.pop()?;
            self.referred(item)?
        };
        (self.each)(reference);
        self.push(Item::Other)
    }

    /// What is referred to by a value: a tuple by its first item, a string by itself, and nothing that counts by a
    /// list.
    fn referred(&self, item: Item) -> Result<Reference<'d>, LoadError> {
        let strange = || LoadError::Kind { pos: self.pos(), expected: "a reference", found: item.kind() };
        let (oid_at, class_at) = match item {
            Item::List => return Ok(Reference::Other),
            Item::String(at) => (usize::try_from(at).ok(), None),
            Item::Tuple(few) => (few.oid_at(), few.class_at()),
            Item::Other | Item::Global(_) => return Err(strange()),
        };
        let oid = string_at(self.data, oid_at.ok_or_else(strange)?).ok_or_else(strange)?;
        let class = class_at.and_then(|(at, name_at)| ClassName::at(self.data, at, name_at));
        Ok(Reference::Strong { oid: self.oid(&oid)?, class })
    }

    fn oid(&self, bytes: &[u8]) -> Result<[u8; OID_LEN], LoadError> {
        bytes.try_into().map_err(|_| LoadError::Syntax { pos: self.pos(), expected: "an oid of 8 bytes" })
    }

    fn put(&mut self, opcode: u8) -> Result<(), LoadError> {
        let index = self.memo_index(opcode)?;
        let top = self.top(1)?;
        // Whoever pickles counts what he puts: no index is as large as the record.
        if index >= self.data.len() {
            let limit = self.data.len() as u64;
            return Err(LoadError::Limit { pos: self.pos(), what: "memo entries", limit });
        }
        if index >= self.held.memo.len() {
            self.held.memo.resize(index + 1, None);
        }
        self.held.memo[index] = Some(self.held.stack[top]);
        Ok(())
    }

    fn get(&mut self, opcode: u8) -> Result<(), LoadError> {
        let index = self.memo_index(opcode)?;
        let found = self.held.memo.get(index).copied().flatten();
        self.push(found.ok_or(LoadError::NoMemo { pos: self.pos(), index: index as u64 })?)
    }

    fn memo_index(&mut self, opcode: u8) -> Result<usize, LoadError> {
        let index = match opcode {
            op::PUT | op::GET => {
                let line = self.line()?;
                let text::Decimal::Int(index) = text::decimal(line) else { return Err(self.no_memo_index()) };
                return usize::try_from(index).map_err(|_| self.no_memo_index());
            }
            op::BINPUT | op::BINGET => u32::from(self.byte("a memo index")?),
            _ => self.number()?,
        };
        usize::try_from(index).map_err(|_| self.no_memo_index())
    }

    fn no_memo_index(&self) -> LoadError {
        LoadError::Syntax { pos: self.pos(), expected: "a memo index" }
    }

    fn push(&mut self, item: Item) -> Result<(), LoadError> {
        self.held.stack.push(item);
        Ok(())
    }

    fn pop(&mut self) -> Result<Item, LoadError> {
        let top = self.top(1)?;
        let item = self.held.stack[top];
        self.held.stack.truncate(top);
        Ok(item)
    }

    /// Where the last `count` values above the last mark begin.
    fn top(&self, count: usize) -> Result<usize, LoadError> {
        let mark_height = self.held.marks.last().copied().unwrap_or(0);
        let from = self.held.stack.len().checked_sub(count).filter(|from| *from >= mark_height);
        from.ok_or(LoadError::StackEmpty { pos: self.pos() })
    }

    /// Where the values above the last mark begin; the mark is gone then.
    fn pop_mark(&mut self) -> Result<usize, LoadError> {
        self.held.marks.pop().ok_or(LoadError::NoMark { pos: self.pos() })
    }

    fn byte(&mut self, expected: &'static str) -> Result<u8, LoadError> {
        let byte = self.data.get(self.at).copied();
        self.at += 1;
        byte.ok_or(LoadError::Truncated { pos: self.data.len() as u64, expected })
    }

    fn take(&mut self, len: usize) -> Result<&'d [u8], LoadError> {
        let bytes = self.at.checked_add(len).and_then(|end| self.data.get(self.at..end));
        let bytes =
            bytes.ok_or(LoadError::Truncated { pos: self.data.len() as u64, expected: "an argument" })?;
        self.at += len;
        Ok(bytes)
    }

    /// Four bytes, the least significant first, as pickles have their numbers.
    fn number(&mut self) -> Result<u32, LoadError> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        bytes.reverse();
        Ok(u32::from_be_bytes(bytes))
    }

    fn len(&mut self) -> Result<usize, LoadError> {
        let number = self.number()?;
        usize::try_from(number).map_err(|_| LoadError::Syntax { pos: self.pos(), expected: "a length" })
    }

    fn line(&mut self) -> Result<&'d [u8], LoadError> {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let len = rest.iter().position(|byte| *byte == b'\n');
        let len =
            len.ok_or(LoadError::Truncated { pos: self.data.len() as u64, expected: "an end of line" })?;
        self.at += len + 1;
        Ok(&rest[..len])
    }

    fn names(&mut self) -> Result<(), LoadError> {
        self.line()?;
        self.line().map(drop)
    }

    fn pos(&self) -> u64 {
        self.op_at as u64
    }
}

/// The two lines that name a class, and what follows.
pub(super) fn lines(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (module, rest) = (&bytes[..end], &bytes[end + 1..]);
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    Some((module, &rest[..end], &rest[end + 1..]))
}

/// What the string holds whose opcode stands at `pos`.
pub(super) fn string_at(data: &[u8], pos: usize) -> Option<Cow<'_, [u8]>> {
    let (opcode, rest) = data.get(pos..)?.split_first()?;
    let (len, rest) = match *opcode {
        op::SHORT_BINBYTES | op::SHORT_BINSTRING => {
            let (len, rest) = rest.split_first()?;
            (usize::from(*len), rest)
        }
        op::BINUNICODE | op::BINBYTES | op::BINSTRING => {
            let (mut len, rest) = rest.split_first_chunk::<4>().map(|(len, rest)| (*len, rest))?;
            len.reverse();
            (usize::try_from(u32::from_be_bytes(len)).ok()?, rest)
        }
        op::STRING | op::UNICODE => return quoted(*opcode, rest),
        _ => return None,
    };
    rest.get(..len).map(Cow::Borrowed)
}

fn quoted(opcode: u8, rest: &[u8]) -> Option<Cow<'_, [u8]>> {
    let line = rest.split(|byte| *byte == b'\n').next()?;
    if opcode == op::STRING {
        let mut bytes = Vec::new();
        return text::unquote(line, &mut bytes).then_some(Cow::Owned(bytes));
    }
    let mut letters = String::new();
    text::raw_unicode(line, &mut letters).then(|| Cow::Owned(letters.into_bytes()))
}
