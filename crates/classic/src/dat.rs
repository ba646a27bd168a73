use crate::{BackupName, Sum};
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// One line of a `.dat` file: which bytes of the database a data file holds, and their sum.
///
/// `PATH START END MD5`, separated by white space. Only the last component of the path counts, so that a
/// repository can be moved; and a path that climbs out of it leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatLine {
    /// The path as written: bytes, everything before the last three fields.
    pub path: Vec<u8>,
    /// First position that the file holds.
    pub start_pos: u64,
    /// Position behind the last one; never before `start_pos`.
    pub end_pos: u64,
    /// MD5 of the uncompressed bytes.
    pub sum: Sum,
}

impl DatLine {
    /// The data file that the line speaks of, if its name is one.
    pub fn name(&self) -> Option<BackupName> {
        let base = self.path.rsplit(|byte| *byte == b'/').next()?;
        BackupName::parse(OsStr::from_bytes(base))
    }

    /// How many bytes of the database the file holds.
    pub fn len(&self) -> u64 {
        self.end_pos - self.start_pos
    }

    /// Whether it holds none: Python's repozo writes such increments.
    pub fn is_empty(&self) -> bool {
        self.start_pos == self.end_pos
    }

    /// Whether Python's repozo, which splits at any white space, reads the line as it is meant.
    fn is_readable_by_python(path: &[u8]) -> bool {
        // Python counts the four separators below the blank as white space, Rust does not.
        let splits = |c: char| c.is_whitespace() || c.is_control();
        std::str::from_utf8(path).is_ok_and(|text| !text.chars().any(splits))
    }

    /// The line of a new backup. The path is written as Python writes it, the repository as it was given
    /// joined with the name; where Python could not read that, the name alone, which it can.
    pub(crate) fn new(
        repository: &Path,
        name: BackupName,
        start_pos: u64,
        end_pos: u64,
        sum: Sum,
    ) -> DatLine {
        let joined = repository.join(name.to_string()).into_os_string();
        let path = if Self::is_readable_by_python(joined.as_bytes()) {
            joined.as_bytes().to_vec()
        } else {
            name.to_string().into_bytes()
        };
        DatLine { path, start_pos, end_pos, sum }
    }
}

/// The content of a `.dat` file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dat {
    /// The lines up to the first that cannot be read.
    pub lines: Vec<DatLine>,
    /// The number, from 1, of the first line that cannot be read, if there is one.
    pub bad_line: Option<usize>,
    /// Whether that line is the last one and has no end of line: an append that was cut short.
    pub torn: bool,
}

impl Dat {
    /// Parses the bytes of a `.dat` file. A last line without LF counts if it is complete.
    pub fn parse(bytes: &[u8]) -> Dat {
        let mut dat = Dat::default();
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate().peekable();
        while let Some((at, line)) = lines.next() {
            match parse_line(line) {
                Some(line) => dat.lines.push(line),
                None => {
                    dat.bad_line = Some(at + 1);
                    dat.torn = lines.peek().is_none() && is_cut_short(line);
                    break;
                }
            }
        }
        dat
    }

    /// The bytes of the file: one line each, ended by LF.
    pub fn render(lines: &[DatLine]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in lines {
            bytes.extend_from_slice(&line.path);
            // Writing into memory cannot fail.
            let _ = writeln!(bytes, " {} {} {}", line.start_pos, line.end_pos, line.sum);
        }
        bytes
    }
}

/// Whether a bad line is a good one's beginning, or that and the zeros with which a file may grow before its bytes
/// arrive; anything else is no trace of an append.
fn is_cut_short(line: &[u8]) -> bool {
    let zeros_len = line.iter().rev().take_while(|byte| **byte == 0).count();
    !line.ends_with(b"\n") && !line[..line.len() - zeros_len].contains(&0)
}

fn parse_line(line: &[u8]) -> Option<DatLine> {
    let line = line.trim_ascii();
    let (rest, sum) = split_last_field(line)?;
    let (rest, end) = split_last_field(rest)?;
    let (path, start) = split_last_field(rest)?;
    let line = DatLine {
        path: path.to_vec(),
        start_pos: parse_number(start)?,
        end_pos: parse_number(end)?,
        sum: Sum::parse(sum)?,
    };
    (!path.is_empty() && line.start_pos <= line.end_pos).then_some(line)
}

fn split_last_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let space_at = line.iter().rposition(u8::is_ascii_whitespace)?;
    Some((line[..space_at].trim_ascii_end(), &line[space_at + 1..]))
}

fn parse_number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number: u64 = is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok())??;
    // No file is that long, and sums of two positions must fit.
    (number < 1 << 62).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "d41d8cd98f00b204e9800998ecf8427e";

    fn name() -> BackupName {
        BackupName::parse("2010-05-14-12-52-31.fs".as_ref()).unwrap()
    }

    #[test]
    fn a_line_is_written_as_python_writes_it_and_read_back() {
        let line = DatLine::new(Path::new("backup/repo"), name(), 0, 9, Sum::of(b""));
        let bytes = Dat::render(std::slice::from_ref(&line));
        assert_eq!(bytes, format!("backup/repo/2010-05-14-12-52-31.fs 0 9 {SUM}\n").as_bytes());
        assert_eq!(Dat::parse(&bytes), Dat { lines: vec![line], ..Dat::default() });
    }

    #[test]
    fn where_python_could_not_split_the_path_the_name_stands_alone() {
        use std::os::unix::ffi::OsStrExt;
        for repository in [
            &b"my repo"[..],
            b"tab\there",
            b"line\nfeed",
            b"not-utf8-\xff",
            "no\u{a0}break".as_bytes(),
            b"fs\x1c",
        ] {
            let line = DatLine::new(Path::new(OsStr::from_bytes(repository)), name(), 0, 0, Sum::of(b""));
            assert_eq!(line.path, b"2010-05-14-12-52-31.fs", "{}", repository.escape_ascii());
        }
        assert_eq!(
            DatLine::new(Path::new("dépôt"), name(), 0, 0, Sum::of(b"")).path,
            "dépôt/2010-05-14-12-52-31.fs".as_bytes()
        );
    }

    #[test]
    fn only_the_last_path_component_counts() {
        for path in
            ["/etc/../2010-05-14-12-52-31.fs", "2010-05-14-12-52-31.fs", "a b/c\td/2010-05-14-12-52-31.fs"]
        {
            let dat = Dat::parse(format!("{path} 0 9 {SUM}\n").as_bytes());
            assert_eq!(dat.lines[0].name(), Some(name()), "{path}");
        }
        let dat = Dat::parse(format!("../../etc/passwd 0 9 {SUM}\n").as_bytes());
        assert_eq!(dat.lines[0].name(), None);
    }

    #[test]
    fn a_torn_last_line_is_told_apart_from_a_bad_one() {
        let good = format!("r/2010-05-14-12-52-31.fs 0 9 {SUM}\n");
        for cut_len in 1..good.len() {
            let text = format!("{good}{}", &good[..cut_len]);
            let dat = Dat::parse(text.as_bytes());
            if cut_len == good.len() - 1 {
                assert_eq!((dat.lines.len(), dat.bad_line), (2, None), "only the LF is missing");
            } else {
                assert_eq!((dat.lines.len(), dat.bad_line, dat.torn), (1, Some(2), true), "{cut_len}");
            }
        }
        let dat = Dat::parse(format!("{good}junk\n{good}").as_bytes());
        assert_eq!((dat.lines.len(), dat.bad_line, dat.torn), (1, Some(2), false));
    }

    #[test]
    fn zeros_end_a_line_that_was_cut_short_and_stand_in_none() {
        let torn = |bytes: &[u8]| Dat::parse(bytes).torn;
        assert!(torn(b"r/2010-05-14-12-52-31.fs 0"));
        assert!(torn(b"r/2010-05-14-12-52-31.fs 0\0\0\0"), "a file that grew before its bytes arrived");
        assert!(!torn(b"FS30\x03\xf4\x7f\0\0\0\0\x9b "), "a database");
    }

    #[test]
    fn lines_that_promise_nonsense_are_bad() {
        for line in [
            "x.fs 0 9",
            "0 9 d41d8cd98f00b204e9800998ecf8427e",
            "x.fs -1 9 d41d8cd98f00b204e9800998ecf8427e",
            "x.fs 9 0 d41d8cd98f00b204e9800998ecf8427e",
            "x.fs 0 9 d41d8cd98f00b204e9800998ecf8427",
            "x.fs 0 9 d41d8cd98f00b204e9800998ecf8427g",
            "x.fs 0 +9 d41d8cd98f00b204e9800998ecf8427e",
            "x.fs 0 99999999999999999999 d41d8cd98f00b204e9800998ecf8427e",
            "",
        ] {
            let dat = Dat::parse(format!("{line}\n").as_bytes());
            assert_eq!((dat.lines.len(), dat.bad_line), (0, Some(1)), "{line:?}");
        }
        assert_eq!(Dat::parse(b""), Dat::default());
    }

    #[test]
    fn a_position_that_no_file_has_is_no_number() {
        assert_eq!(parse_number(b"4611686018427387903"), Some((1 << 62) - 1));
        for bad in ["4611686018427387904", "18446744073709551616", "", "-1", "+1", "1.0"] {
            assert_eq!(parse_number(bad.as_bytes()), None, "{bad}");
        }
    }
}
