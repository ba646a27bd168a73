//! How Python shows bytes.

use std::fmt::Write;

/// A byte string as Python's `repr` has it: `b'...'`.
pub(super) fn bytes_repr(bytes: &[u8]) -> String {
    format!("b{}", quoted(bytes))
}

/// The text of these ASCII bytes as Python's `repr` has it.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut text = String::from(quote);
    for byte in bytes {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            byte if char::from(*byte) == quote => {
                text.push('\\');
                text.push(quote);
            }
            b' '..=b'~' => text.push(char::from(*byte)),
            byte => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text.push(quote);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_python_shows_them() {
        for (bytes, expected) in [
            (b"".as_slice(), "b''"),
            (b"plain", "b'plain'"),
            (b"it's", r#"b"it's""#),
            (br#"it's "so""#, r#"b'it\'s "so"'"#),
            (b"a\\b\n\r\t\0\x7f\xff", r"b'a\\b\n\r\t\x00\x7f\xff'"),
        ] {
            assert_eq!(bytes_repr(bytes), expected);
        }
    }
}
