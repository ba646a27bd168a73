//! Whoever wrote a repository, both programs restore every state from it, byte by byte.

use super::cell::{Cell, Program, Scope, Writer};
use super::history::{HISTORIES, History, Moment, PIECES};
use super::site::Site;
use crate::common::args;
use classic::{Stamp, Sum};
use std::collections::BTreeSet;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use testkit::{Ran, names};

#[test]
fn what_python_wrote_both_restore_at_every_date() {
    replay_all(Writer::Always(Program::Python));
}

#[test]
fn what_ours_wrote_both_restore_at_every_date() {
    replay_all(Writer::Always(Program::Ours));
}

#[test]
fn what_python_began_and_both_went_on_with_in_turns_both_restore_at_every_date() {
    replay_all(Writer::InTurns { first: Program::Python });
}

#[test]
fn what_ours_began_and_both_went_on_with_in_turns_both_restore_at_every_date() {
    replay_all(Writer::InTurns { first: Program::Ours });
}

/// Python writes lines that it cannot read in such a repository; ours writes what Python can.
#[test]
fn what_ours_wrote_into_a_repository_with_blanks_in_its_name_both_restore_at_every_date() {
    let mut site = Site::with_repository_named(["blank in\u{a0}name", "tab\tin name"]);
    for history in HISTORIES.iter() {
        for cell in varied_cells(Writer::Always(Program::Ours)) {
            replay(&mut site, history, cell);
        }
    }
}

#[test]
fn where_a_piece_ends_with_the_data_both_restore_at_every_date() {
    let mut site = Site::new();
    for writer in [Writer::InTurns { first: Program::Ours }, Writer::InTurns { first: Program::Python }] {
        for cell in varied_cells(writer) {
            replay(&mut site, &PIECES, cell);
        }
    }
}

fn varied_cells(writer: Writer) -> impl Iterator<Item = Cell> {
    Cell::all(writer).filter(|cell| cell.scope == Scope::Varied && !cell.kill_old)
}

fn replay_all(writer: Writer) {
    let mut site = Site::new();
    for history in HISTORIES.iter() {
        for cell in Cell::all(writer) {
            replay(&mut site, history, cell);
        }
    }
}

fn replay(site: &mut Site, history: &History, cell: Cell) {
    site.clear();
    let mut expected = Expected::default();
    for (step, moment) in history.moments.iter().enumerate() {
        let program = cell.writer.at(step);
        let at = format!("{cell}; history {}; step {step}, {}, by {program:?}", history.name, moment.name);
        let stamp = site.next_step(step, moment);
        let args = cell.backup_args(step, &site.spelled(step), &site.source());
        let args = history.args_of(program, args);
        let mut ran = history.without_warning(site.run(program, &args));
        ran.stderr = without_pythons_log(&ran.stderr);
        assert_quiet(&format!("{at}: {args:?}"), &ran, b"");
        expected.after(cell, step, &site.spelled(step), stamp, moment);
        expected.assert_repository(&at, &site.repository());
        for reader in Program::ALL {
            let at = format!("{at}; read by {reader:?}");
            assert_newest_is_read(&at, site, reader, moment);
            assert_every_date_is_read(&at, site, reader, &expected);
        }
    }
}

/// Exit status 0, nothing on standard error, and exactly this on standard output.
#[track_caller]
fn assert_quiet(at: &str, ran: &Ran, stdout: &[u8]) {
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{at}");
    assert_same_bytes(&format!("{at}: standard output"), &ran.stdout, stdout);
}

/// Where the index beside the database is of another file, ZODB's FileStorage logs that it makes a new one, and
/// Python shows the log. Ours makes a new one in silence: a pack leaves such an index each time.
fn without_pythons_log(stderr: &str) -> String {
    stderr.split_inclusive('\n').filter(|line| !line.starts_with("Ignoring index for ")).collect()
}

/// Equality that does not print the bytes, which may be many.
#[track_caller]
fn assert_same_bytes(at: &str, found: &[u8], expected: &[u8]) {
    let lens = (found.len(), expected.len());
    let differs_at = found.iter().zip(expected).position(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "{at}: (found, expected) lengths {lens:?}, first different byte {differs_at:?}"
    );
}

#[track_caller]
fn bytes_of(at: &str, path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{at}: {}: {error}", path.display()))
}

#[track_caller]
fn assert_newest_is_read(at: &str, site: &mut Site, reader: Program, moment: &Moment) {
    let (repository, target) = (site.repository(), site.target());
    for with_verify in ["", "w"] {
        let flags = format!("-R{with_verify}r");
        let ran = site.run(reader, &args![&flags, &repository, "-o", &target]);
        let at = format!("{at}: {flags}");
        assert_quiet(&at, &ran, b"");
        assert_target_is(&at, site, moment);
    }
    let ran = site.run(reader, &args!["-Rr", &repository]);
    assert_quiet(&format!("{at}: -R to standard output"), &ran, moment.committed());
    for flags in ["-Vr", "-VQr"] {
        assert_quiet(&format!("{at}: {flags}"), &site.run(reader, &args![flags, &repository]), b"");
    }
}

#[track_caller]
fn assert_every_date_is_read(at: &str, site: &mut Site, reader: Program, expected: &Expected<'_>) {
    for (stamp, moment) in &expected.asked {
        let at = format!("{at}: -R -D {stamp}");
        // Without a database in the way, which the newest state had.
        site.remove_target();
        let args = args!["-Rr", site.repository(), "-D", stamp.as_str(), "-o", site.target()];
        let ran = site.run(reader, &args);
        if expected.reaches_back_to(*stamp) {
            assert_quiet(&at, &ran, b"");
            assert_target_is(&at, site, moment);
        } else {
            assert_eq!(ran.status, 1, "{at}: was killed");
            assert!(ran.stderr.starts_with(&format!("No files in repository before {stamp}")), "{at}");
            assert_eq!(names(&site.target_dir()), [""; 0], "{at}");
        }
    }
}

#[track_caller]
fn assert_target_is(at: &str, site: &Site, moment: &Moment) {
    assert_same_bytes(at, &bytes_of(at, &site.target()), moment.committed());
    assert_same_bytes(&format!("{at}: index"), &bytes_of(at, &site.target_index()), &moment.true_index);
    assert_eq!(names(&site.target_dir()), ["Data.fs", "Data.fs.index"], "{at}: nothing else is left");
}

/// What must be in the repository.
#[derive(Default)]
struct Expected<'h> {
    /// Backups that there are, oldest first.
    backups: Vec<Backup<'h>>,
    /// Every moment at which a backup was asked for, whatever came of it.
    asked: Vec<(Stamp, &'h Moment)>,
}

struct Backup<'h> {
    stamp: Stamp,
    is_full: bool,
    gzip: bool,
    start_pos: usize,
    moment: &'h Moment,
    /// What stands in the list before the file's name.
    listed_dir: String,
}

/// The repository as it was given, but not where Python could not read that.
fn listed_dir(repository: &Path) -> String {
    let given = repository.to_str().unwrap();
    match given {
        _ if given.contains(char::is_whitespace) => String::new(),
        _ if given.ends_with('/') => given.to_owned(),
        _ => format!("{given}/"),
    }
}

impl<'h> Expected<'h> {
    fn after(&mut self, cell: Cell, step: usize, repository: &Path, stamp: Stamp, moment: &'h Moment) {
        let before = self.backups.last().map(|backup| backup.moment.committed());
        let continued = before.filter(|before| moment.data.starts_with(before));
        let is_full = cell.scope_at(step) == Scope::Full || continued.is_none();
        let start_pos = if is_full { 0 } else { continued.map_or(0, <[u8]>::len) };
        // Python sees that the file is longer, and writes an increment even if nothing in it is committed.
        let looks_longer = match cell.writer.at(step) {
            Program::Python => moment.data.len() > start_pos,
            Program::Ours => moment.committed_len > start_pos,
        };
        if is_full && cell.kill_old {
            self.backups.clear();
        }
        if is_full || looks_longer {
            let (gzip, listed_dir) = (cell.gzip_at(step), listed_dir(repository));
            self.backups.push(Backup { stamp, is_full, gzip, start_pos, moment, listed_dir });
        }
        self.asked.push((stamp, moment));
    }

    /// Whether a full of that moment or an older one is left.
    fn reaches_back_to(&self, stamp: Stamp) -> bool {
        self.backups.iter().any(|backup| backup.is_full && backup.stamp <= stamp)
    }

    #[track_caller]
    fn assert_repository(&self, at: &str, repository: &Path) {
        let mut expected_names = BTreeSet::new();
        let mut dat = (String::new(), String::new());
        for backup in &self.backups {
            let Backup { stamp, is_full, gzip, start_pos, moment, listed_dir } = backup;
            let ending = if *is_full { "fs" } else { "deltafs" };
            let name = format!("{stamp}.{ending}{}", if *gzip { "z" } else { "" });
            let held = &moment.committed()[*start_pos..];
            if *is_full {
                dat = (format!("{stamp}.dat"), String::new());
            }
            let path = repository.join(&name);
            let (end_pos, sum) = (moment.committed_len, Sum::of(held));
            writeln!(dat.1, "{listed_dir}{name} {start_pos} {end_pos} {sum}").unwrap();
            if !gzip {
                assert_same_bytes(&format!("{at}: {name}"), &bytes_of(at, &path), held);
            }
            let index = format!("{stamp}.index");
            let found = bytes_of(at, &repository.join(&index));
            assert_same_bytes(&format!("{at}: {index}"), &found, &moment.true_index);
            expected_names.extend([name, index, dat.0.clone()]);
        }
        let found = String::from_utf8(bytes_of(at, &repository.join(&dat.0))).unwrap();
        assert_eq!(found, dat.1, "{at}: list of the newest chain");
        assert_eq!(names(repository), Vec::from_iter(expected_names), "{at}: files in the repository");
    }
}
