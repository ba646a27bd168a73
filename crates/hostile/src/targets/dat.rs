//! The list of a chain: parsed, rendered, and laid end to end.

use super::{allowed, chances};
use crate::within;
use classic::{BackupKind, BackupName, Chain, Dat, DatLine, DatState, Fault, Stamp};
use std::collections::BTreeSet;

pub(super) fn run(data: &[u8]) {
    let dat = within(allowed(1000, 30, data.len()), || Dat::parse(data));
    check_lines(data, &dat);
    let rendered = Dat::render(&dat.lines);
    assert_eq!(Dat::parse(&rendered), Dat { lines: dat.lines.clone(), ..Dat::default() });
    let lines = dat.lines.len();
    within(allowed(10_000, 60, data.len()), || lay(data, dat));
    // Fewer lines are the same lines.
    let cut: Vec<u8> =
        data.split_inclusive(|byte| *byte == b'\n').take(lines / 2).flatten().copied().collect();
    assert_eq!(Dat::parse(&cut).lines, Dat::parse(data).lines[..lines / 2]);
}

/// The lines as anybody would read them who splits at white space.
fn check_lines(data: &[u8], dat: &Dat) {
    let mut lines = data.split_inclusive(|byte| *byte == b'\n');
    for line in &dat.lines {
        let text = lines.next().unwrap();
        let fields: Vec<&[u8]> =
            text.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).collect();
        let [.., start, end, sum] = &fields[..] else { panic!("fewer than four fields") };
        let number = |digits: &[u8]| String::from_utf8(digits.to_vec()).unwrap().parse::<u64>().unwrap();
        assert_eq!((line.start_pos, line.end_pos), (number(start), number(end)));
        assert!(line.start_pos <= line.end_pos && line.end_pos < 1 << 62);
        assert_eq!(line.len(), line.end_pos - line.start_pos);
        assert_eq!(line.sum.to_string().as_bytes(), sum.to_ascii_lowercase());
        assert!(text.starts_with(fields[0]) || text[0].is_ascii_whitespace());
        if fields.len() == 4 {
            assert_eq!(line.path, fields[0]);
        }
        check_name(line);
    }
    match dat.bad_line {
        Some(number) => {
            assert_eq!(number, dat.lines.len() + 1);
            let bad = lines.next().unwrap();
            // A line's beginning, and perhaps the zeros with which a file grows before its bytes arrive.
            let zeros_at = bad.iter().position(|byte| *byte == 0).unwrap_or(bad.len());
            let is_beginning = !bad.ends_with(b"\n") && bad[zeros_at..].iter().all(|byte| *byte == 0);
            assert_eq!(dat.torn, lines.next().is_none() && is_beginning);
        }
        None => assert!(lines.next().is_none() && !dat.torn),
    }
}

/// Whatever the path is: the name is a file of the repository itself.
fn check_name(line: &DatLine) {
    let Some(name) = line.name() else { return };
    let text = name.to_string();
    assert!(line.path.ends_with(text.as_bytes()));
    let before = &line.path[..line.path.len() - text.len()];
    assert!(before.is_empty() || before.ends_with(b"/"));
    assert!(
        !text.contains(['/', '\0', '\n']) && text != ".." && BackupName::parse(text.as_ref()) == Some(name)
    );
}

/// Parts that fit together, from the first byte on, of files that are there.
fn lay(data: &[u8], dat: Dat) {
    let mut rng = chances(data);
    let other = Stamp::parse(b"2027-01-15-08-00-00").unwrap();
    let names: BTreeSet<BackupName> = dat.lines.iter().filter_map(DatLine::name).collect();
    let full = names.first().copied().filter(BackupName::is_full);
    let full = full.unwrap_or(BackupName { stamp: other, kind: BackupKind::Full, gzip: false });
    let files: Vec<BackupName> = names.iter().copied().filter(|_| rng.u8(..16) != 0).collect();
    let line_count = dat.lines.len();
    let chain = Chain { full, files: files.clone(), dat: DatState::Read(dat) };
    let tiling = chain.tile();
    let mut end_pos = 0;
    for (at, part) in tiling.parts.iter().enumerate() {
        assert_eq!(part.start_pos, end_pos);
        assert_eq!(at == 0, part.name == full);
        assert!(files.contains(&part.name));
        end_pos = part.end_pos;
    }
    assert_eq!(tiling.end_pos(), end_pos);
    assert!(tiling.parts.is_sorted_by(|a, b| a.name < b.name));
    assert!(tiling.unlisted.iter().all(|name| !names.contains(name)));
    if let Some(Fault::BadLine { number } | Fault::WrongName { number }) = tiling.fault {
        assert!((1..=line_count + 1).contains(&number));
    }
}
