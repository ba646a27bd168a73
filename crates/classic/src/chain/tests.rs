use super::*;

const SUM: &str = "d41d8cd98f00b204e9800998ecf8427e";

fn name(text: &str) -> BackupName {
    BackupName::parse(format!("2010-05-14-{text}").as_ref()).unwrap()
}

fn chain(files: &[&str], lines: &[(&str, u64, u64)]) -> Chain {
    let text: String =
        lines.iter().map(|(file, start, end)| format!("r/2010-05-14-{file} {start} {end} {SUM}\n")).collect();
    let files: Vec<_> = files.iter().map(|file| name(file)).collect();
    Chain { full: name("01-00-00.fs"), files, dat: DatState::Read(Dat::parse(text.as_bytes())) }
}

const FULL: &str = "01-00-00.fs";
const ONE: &str = "02-00-00.deltafs";
const TWO: &str = "03-00-00.deltafsz";

#[test]
fn lines_that_fit_tile_the_database() {
    let tiling = chain(&[FULL, ONE, TWO], &[(FULL, 0, 9), (ONE, 9, 9), (TWO, 9, 20)]).tile();
    assert_eq!((tiling.parts.len(), tiling.end_pos(), tiling.fault), (3, 20, None));
    assert!(tiling.unlisted.is_empty());
}

#[test]
fn a_fault_stops_the_tiling_where_it_is() {
    let fault = |files: &[&str], lines: &[(&str, u64, u64)]| {
        let tiling = chain(files, lines).tile();
        (tiling.parts.len(), tiling.fault.unwrap())
    };
    let all = [FULL, ONE, TWO];
    assert_eq!(fault(&all, &[]), (0, Fault::NoLines));
    assert_eq!(
        fault(&all, &[(FULL, 0, 9), (ONE, 10, 12)]),
        (1, Fault::Hole { name: name(ONE), expected_pos: 9, start_pos: 10 })
    );
    assert_eq!(
        fault(&all, &[(FULL, 0, 9), (ONE, 9, 12), (TWO, 9, 20)]),
        (2, Fault::Overlap { name: name(TWO), expected_pos: 12, start_pos: 9 })
    );
    assert_eq!(
        fault(&[FULL, TWO], &[(FULL, 0, 9), (ONE, 9, 12), (TWO, 12, 13)]),
        (1, Fault::Missing(name(ONE)))
    );
    assert_eq!(
        fault(&all, &[(FULL, 0, 9), (TWO, 9, 12), (ONE, 12, 13)]),
        (2, Fault::WrongName { number: 3 })
    );
    assert_eq!(fault(&all, &[(ONE, 0, 9)]), (0, Fault::WrongName { number: 1 }));
    // Python's repozo writes this when the list was lost before an incremental.
    let only_incremental = fault(&all, &[(ONE, 9, 12)]);
    assert_eq!(only_incremental, (0, Fault::Hole { name: name(ONE), expected_pos: 0, start_pos: 9 }));
}

#[test]
fn a_torn_last_line_is_not_counted_and_no_fault() {
    let mut chain = chain(&[FULL, ONE], &[]);
    let text = format!("r/2010-05-14-{FULL} 0 9 {SUM}\nr/2010-05-14-{ONE} 9 1");
    chain.dat = DatState::Read(Dat::parse(text.as_bytes()));
    let tiling = chain.tile();
    assert_eq!(
        (tiling.parts.len(), tiling.fault.clone(), tiling.unlisted.clone()),
        (1, None, vec![name(ONE)])
    );
    chain.dat = DatState::Read(Dat::parse(b"r/2010-05"));
    assert!(chain.has_no_lines());
}

#[test]
fn a_line_written_twice_counts_once() {
    let tiling = chain(&[FULL, ONE], &[(FULL, 0, 9), (ONE, 9, 12), (ONE, 9, 12)]).tile();
    assert_eq!((tiling.parts.len(), tiling.fault), (2, None));
}

#[test]
fn files_without_a_line_are_named() {
    let tiling = chain(&[FULL, ONE, TWO], &[(FULL, 0, 9), (TWO, 9, 20)]).tile();
    assert_eq!((tiling.parts.len(), tiling.unlisted), (2, vec![name(ONE)]));
}
