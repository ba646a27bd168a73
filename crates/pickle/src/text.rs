//! The text arguments of protocol 0: numbers in decimal, strings in quotes.

use std::num::IntErrorKind;

/// What a line of digits turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decimal {
    Int(i64),
    TooLarge,
    Malformed,
}

/// Reads a line of digits with an optional sign.
pub(crate) fn decimal(line: &[u8]) -> Decimal {
    let Ok(text) = str::from_utf8(line) else {
        return Decimal::Malformed;
    };
    match text.parse::<i64>() {
        Ok(number) => Decimal::Int(number),
        Err(error) => match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => Decimal::TooLarge,
            _ => Decimal::Malformed,
        },
    }
}

/// Appends the bytes of a quoted Python 2 string literal to `out`; false if it is not one.
///
/// **Source:** Python language reference, string literals; the pickler writes `repr(str)`.
pub(crate) fn unquote(line: &[u8], out: &mut Vec<u8>) -> bool {
    let [quote @ (b'\'' | b'"'), body @ .., last] = line else {
        return false;
    };
    if quote != last {
        return false;
    }
    let mut rest = body;
    while let [byte, after @ ..] = rest {
        rest = after;
        if byte == quote {
            return false;
        }
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let Some((unescaped, after)) = escape(rest) else {
            return false;
        };
        out.push(unescaped);
        rest = after;
    }
    true
}

/// The byte that the escape after a backslash stands for, and what follows.
fn escape(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (&kind, after) = rest.split_first()?;
    let byte = match kind {
        b'\\' | b'\'' | b'"' => kind,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'v' => 0x0b,
        b'x' => {
            let (digits, after) = after.split_at_checked(2)?;
            return Some((u8::try_from(hex(digits)?).ok()?, after));
        }
        _ => return None,
    };
    Some((byte, after))
}

/// Appends the text of a raw-unicode-escape line to `out`; false if an escape is malformed.
///
/// **Source:** Python documentation, `codecs`, `raw_unicode_escape`: Latin-1 with `\uXXXX` and
/// `\UXXXXXXXX`.
pub(crate) fn raw_unicode(line: &[u8], out: &mut String) -> bool {
    let mut rest = line;
    while let [byte, after @ ..] = rest {
        rest = after;
        let digit_count = match (byte, after) {
            (b'\\', [b'u', ..]) => 4,
            (b'\\', [b'U', ..]) => 8,
            _ => {
                out.push(char::from(*byte));
                continue;
            }
        };
        let Some((digits, after)) = after[1..].split_at_checked(digit_count) else {
            return false;
        };
        let Some(letter) = hex(digits).and_then(char::from_u32) else {
            return false;
        };
        out.push(letter);
        rest = after;
    }
    true
}

/// The number that up to eight hex digits stand for.
fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, &digit| Some(number << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        assert_eq!(decimal(b"-12"), Decimal::Int(-12));
        assert_eq!(decimal(b"9223372036854775807"), Decimal::Int(i64::MAX));
        assert_eq!(decimal(b"9223372036854775808"), Decimal::TooLarge);
        for line in [&b""[..], b"-", b"1x", b"\xff", b" 1"] {
            assert_eq!(decimal(line), Decimal::Malformed);
        }
    }

    #[test]
    fn quoted_strings() {
        let cases: [(&[u8], Option<&[u8]>); 12] = [
            (b"''", Some(b"")),
            (br#""it's""#, Some(b"it's")),
            (br"'\x00\xff\n\t\r\\\'a'", Some(b"\x00\xff\n\t\r\\'a")),
            (br"'\a\b\f\v\'\x7F'", Some(b"\x07\x08\x0c\x0b'\x7f")),
            (br#""\"it's\"""#, Some(b"\"it's\"")),
            (b"'", None),
            (b"", None),
            (b"'a\"", None),
            (b"'a'b'", None),
            (br"'\'", None),
            (br"'\x0'", None),
            (br"'\q'", None),
        ];
        for (line, expected) in cases {
            let mut out = Vec::new();
            assert_eq!(unquote(line, &mut out).then_some(out.as_slice()), expected, "{line:?}");
        }
    }

    #[test]
    fn raw_unicode_text() {
        let cases: [(&[u8], Option<&str>); 6] = [
            (b"index", Some("index")),
            (b"\xe9\\u20ac\\U0001f600", Some("\u{e9}\u{20ac}\u{1f600}")),
            (b"a\\b\\", Some("a\\b\\")),
            (b"\\u12", None),
            (b"\\ud800", None),
            (b"\\uzzzz", None),
        ];
        for (line, expected) in cases {
            let mut out = String::new();
            assert_eq!(raw_unicode(line, &mut out).then_some(out.as_str()), expected, "{line:?}");
        }
    }
}
