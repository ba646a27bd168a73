//! The opcodes of a record, one by one, for people.

use super::scanner::lines;
use crate::{LoadError, opcode as op};
use std::fmt;

/// An opcode with its argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operation<'d> {
    /// Where it stands, in bytes from the start of the record's data.
    pub pos: usize,
    /// Its name, as Python's `pickletools` has it.
    pub name: &'static str,
    /// What follows it.
    pub argument: Argument<'d>,
}

/// What follows an opcode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Argument<'d> {
    /// Nothing.
    None,
    /// A number of one, two or four bytes.
    Integer(i64),
    /// A number of any length in two's complement, the least significant byte first.
    Long(&'d [u8]),
    /// A number with a fraction.
    Float(f64),
    /// Bytes.
    Bytes(&'d [u8]),
    /// Text, in UTF-8 where it is sound.
    Text(&'d [u8]),
    /// A line without its end.
    Line(&'d [u8]),
    /// A module and a name in it.
    Names(&'d [u8], &'d [u8]),
}

/// How an argument is written.
#[derive(Clone, Copy)]
enum Shape {
    Nothing,
    Unsigned(usize),
    Signed,
    Long(usize),
    Float,
    Bytes(usize),
    Text(usize),
    Line,
    Names,
}

use Shape::{Bytes, Float, Line, Long, Names, Nothing, Signed, Text, Unsigned};

/// **Source:** the tables of Python's `pickletools` documentation.
const OPCODES: [(u8, &str, Shape); 56] = [
    (op::PROTO, "PROTO", Unsigned(1)),
    (op::STOP, "STOP", Nothing),
    (op::MARK, "MARK", Nothing),
    (op::POP, "POP", Nothing),
    (op::POP_MARK, "POP_MARK", Nothing),
    (op::DUP, "DUP", Nothing),
    (op::NONE, "NONE", Nothing),
    (op::TRUE, "NEWTRUE", Nothing),
    (op::FALSE, "NEWFALSE", Nothing),
    (op::INT, "INT", Line),
    (op::LONG, "LONG", Line),
    (op::BININT, "BININT", Signed),
    (op::BININT1, "BININT1", Unsigned(1)),
    (op::BININT2, "BININT2", Unsigned(2)),
    (op::LONG1, "LONG1", Long(1)),
    (op::LONG4, "LONG4", Long(4)),
    (op::FLOAT, "FLOAT", Line),
    (op::BINFLOAT, "BINFLOAT", Float),
    (op::STRING, "STRING", Line),
    (op::BINSTRING, "BINSTRING", Bytes(4)),
    (op::SHORT_BINSTRING, "SHORT_BINSTRING", Bytes(1)),
    (op::BINBYTES, "BINBYTES", Bytes(4)),
    (op::SHORT_BINBYTES, "SHORT_BINBYTES", Bytes(1)),
    (op::UNICODE, "UNICODE", Line),
    (op::BINUNICODE, "BINUNICODE", Text(4)),
    (op::EMPTY_DICT, "EMPTY_DICT", Nothing),
    (op::DICT, "DICT", Nothing),
    (op::SETITEM, "SETITEM", Nothing),
    (op::SETITEMS, "SETITEMS", Nothing),
    (op::EMPTY_LIST, "EMPTY_LIST", Nothing),
    (op::LIST, "LIST", Nothing),
    (op::APPEND, "APPEND", Nothing),
    (op::APPENDS, "APPENDS", Nothing),
    (op::EMPTY_TUPLE, "EMPTY_TUPLE", Nothing),
    (op::TUPLE, "TUPLE", Nothing),
    (op::TUPLE1, "TUPLE1", Nothing),
    (op::TUPLE2, "TUPLE2", Nothing),
    (op::TUPLE3, "TUPLE3", Nothing),
    (op::PUT, "PUT", Line),
    (op::BINPUT, "BINPUT", Unsigned(1)),
    (op::LONG_BINPUT, "LONG_BINPUT", Unsigned(4)),
    (op::GET, "GET", Line),
    (op::BINGET, "BINGET", Unsigned(1)),
    (op::LONG_BINGET, "LONG_BINGET", Unsigned(4)),
    (op::GLOBAL, "GLOBAL", Names),
    (op::INST, "INST", Names),
    (op::OBJ, "OBJ", Nothing),
    (op::NEWOBJ, "NEWOBJ", Nothing),
    (op::REDUCE, "REDUCE", Nothing),
    (op::BUILD, "BUILD", Nothing),
    (op::PERSID, "PERSID", Line),
    (op::BINPERSID, "BINPERSID", Nothing),
    (op::EXT1, "EXT1", Unsigned(1)),
    (op::EXT2, "EXT2", Unsigned(2)),
    (op::EXT4, "EXT4", Signed),
    (op::SHORT_BINUNICODE, "SHORT_BINUNICODE", Text(1)),
];

/// Goes through the opcodes of a record's two pickles. What is wrong ends it, behind all that is right before.
pub fn operations(data: &[u8]) -> impl Iterator<Item = Result<Operation<'_>, LoadError>> {
    let (mut pos, mut stops_count) = (0, 0);
    std::iter::from_fn(move || {
        if stops_count == 2 {
            return None;
        }
        let read = read(data, pos);
        match &read {
            Ok((operation, len)) => {
                pos += len;
                stops_count += usize::from(operation.name == "STOP");
            }
            Err(_) => stops_count = 2,
        }
        Some(read.map(|(operation, _)| operation))
    })
}

/// The opcode at `pos`, and how long it is with its argument.
fn read(data: &[u8], pos: usize) -> Result<(Operation<'_>, usize), LoadError> {
    let short = |expected| LoadError::Truncated { pos: data.len() as u64, expected };
    let (opcode, rest) = data.get(pos..).and_then(<[u8]>::split_first).ok_or_else(|| short("an opcode"))?;
    let known = OPCODES.iter().find(|(known, ..)| known == opcode);
    let &(_, name, shape) = known.ok_or(LoadError::Opcode { pos: pos as u64, found: *opcode })?;
    let (argument, len) = argument(shape, rest).ok_or_else(|| short("an argument"))?;
    Ok((Operation { pos, name, argument }, 1 + len))
}

/// The argument that `rest` begins with, and its length there; nothing where it is cut.
fn argument(shape: Shape, rest: &[u8]) -> Option<(Argument<'_>, usize)> {
    let counted = |len_len: usize| {
        let len = usize::try_from(number(rest.get(..len_len)?)).ok()?;
        Some((rest.get(len_len..)?.get(..len)?, len_len + len))
    };
    Some(match shape {
        Nothing => (Argument::None, 0),
        Unsigned(len) => (Argument::Integer(number(rest.get(..len)?).into()), len),
        Signed => (Argument::Integer(i32::from_le_bytes(*rest.first_chunk()?).into()), 4),
        Long(len_len) => counted(len_len).map(|(bytes, len)| (Argument::Long(bytes), len))?,
        Float => (Argument::Float(f64::from_be_bytes(*rest.first_chunk()?)), 8),
        Bytes(len_len) => counted(len_len).map(|(bytes, len)| (Argument::Bytes(bytes), len))?,
        Text(len_len) => counted(len_len).map(|(bytes, len)| (Argument::Text(bytes), len))?,
        Line => {
            let len = rest.iter().position(|byte| *byte == b'\n')?;
            (Argument::Line(&rest[..len]), len + 1)
        }
        Names => {
            let (module, name, behind) = lines(rest)?;
            (Argument::Names(module, name), rest.len() - behind.len())
        }
    })
}

/// Up to four bytes, the least significant first.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

impl fmt::Display for Argument<'_> {
    /// As Python shows such a value, as far as it is short; nothing where there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lossy = String::from_utf8_lossy;
        match self {
            Argument::None => Ok(()),
            Argument::Integer(number) => write!(f, "{number}"),
            Argument::Long(bytes) => fmt_long(bytes, f),
            Argument::Float(number) => write!(f, "{number:?}"),
            Argument::Bytes(bytes) => write!(f, "b'{}'", bytes.escape_ascii()),
            Argument::Text(text) => write!(f, "{:?}", lossy(text)),
            Argument::Line(line) => write!(f, "{}", line.escape_ascii()),
            Argument::Names(module, name) => write!(f, "{} {}", lossy(module), lossy(name)),
        }
    }
}

/// In decimal up to 128 bits, in hex beyond.
fn fmt_long(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut number = [fill; 16];
    if let Some(low) = number.get_mut(..bytes.len()) {
        low.copy_from_slice(bytes);
        return write!(f, "{}", i128::from_le_bytes(number));
    }
    write!(f, "two's complement 0x")?;
    bytes.iter().rev().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `pos NAME argument` of each, and the error behind them.
    fn shown(data: &[u8]) -> Vec<String> {
        operations(data)
            .map(|operation| match operation {
                Ok(Operation { pos, name, argument }) => {
                    format!("{pos} {name} {argument}").trim_end().to_owned()
                }
                Err(error) => error.to_string(),
            })
            .collect()
    }

    #[test]
    fn each_argument_is_shown_as_what_it_is() {
        for (data, expected) in [
            (&b"\x80\x02."[..], &["0 PROTO 2", "2 STOP"][..]),
            (b"J\xfe\xff\xff\xff.", &["0 BININT -2", "5 STOP"]),
            (b"M\x01\x02.", &["0 BININT2 513", "3 STOP"]),
            (b"\x8a\x02\x00\xff.", &["0 LONG1 -256", "4 STOP"]),
            (b"\x8a\x00.", &["0 LONG1 0", "2 STOP"]),
            (b"\x8a\x01\x7f.", &["0 LONG1 127", "3 STOP"]),
            (b"\x8a\x01\x81.", &["0 LONG1 -127", "3 STOP"]),
            (
                b"\x8a\x11abcdefghijklmnopq.",
                &["0 LONG1 two's complement 0x71706f6e6d6c6b6a696867666564636261", "19 STOP"],
            ),
            (b"G\x3f\xf8\0\0\0\0\0\0.", &["0 BINFLOAT 1.5", "9 STOP"]),
            (b"C\x03a'\xff.", &["0 SHORT_BINBYTES b'a\\'\\xff'", "5 STOP"]),
            (b"X\x03\0\0\0\xe2\x82\xac.", &["0 BINUNICODE \"\u{20ac}\"", "8 STOP"]),
            (b"I12\n.", &["0 INT 12", "4 STOP"]),
            (b"cposixpath\njoin\n.", &["0 GLOBAL posixpath join", "16 STOP"]),
        ] {
            // The state follows.
            let both = [data, b"N."].concat();
            let found = shown(&both);
            assert_eq!(found[..2], *expected);
            assert_eq!(found.len(), 4, "{found:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_ends_it_and_what_stands_behind_the_second_stop_is_not_read() {
        assert_eq!(shown(b"N.N.N.").len(), 4);
        assert_eq!(
            shown(b"N.N"),
            ["0 NONE", "1 STOP", "2 NONE", "stream ends at byte 3, expected an opcode"]
        );
        assert_eq!(shown(b"N\xff."), ["0 NONE", "opcode 0xff at byte 1 is unknown"]);
        for cut in [
            &b"K"[..],
            b"U\x03ab",
            b"X\xff\xff\xff\xffab",
            b"I12",
            b"cmodule\nname",
            b"G\0\0\0\0\0\0\0",
            b"\x8b\0",
        ] {
            assert_eq!(shown(cut), [format!("stream ends at byte {}, expected an argument", cut.len())]);
        }
        assert_eq!(shown(b""), ["stream ends at byte 0, expected an opcode"]);
    }
}
