//! On one repository and one database, both programs do the same and say the same.

use super::cell::{Cell, Program, Writer};
use super::history::{HISTORIES, History};
use super::site::Site;
use crate::common::{args, content};
use classic::{Dat, DatLine, Stamp, Sum};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use testkit::{Ran, names};

#[test]
fn after_whatever_python_wrote_both_decide_and_say_the_same() {
    compare_all(Writer::Always(Program::Python), &Difference::ALL);
}

#[test]
fn after_whatever_ours_wrote_both_decide_and_say_the_same() {
    let of_pythons_own = Difference::ComparesTheLastThatHoldsBytes;
    let possible: Vec<_> =
        Difference::ALL.into_iter().filter(|difference| *difference != of_pythons_own).collect();
    compare_all(Writer::Always(Program::Ours), &possible);
}

#[test]
fn after_whatever_both_wrote_in_turns_both_decide_and_say_the_same() {
    compare_all(Writer::InTurns { first: Program::Python }, &Difference::ALL);
}

#[test]
fn after_whatever_both_wrote_in_turns_ours_first_both_decide_and_say_the_same() {
    compare_all(Writer::InTurns { first: Program::Ours }, &Difference::ALL);
}

/// All that may differ in what the two programs do and say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// Python shows the log of ZODB's FileStorage, which names an index of another file. Ours makes a new index
    /// in silence: a pack leaves such an index each time.
    NoLogOfFileStorage,
    /// Where nothing but an unfinished tail is new, Python writes an increment of no bytes, at each run. Ours
    /// writes nothing, and says so.
    NoEmptyIncrement,
    /// `-Q` of Python compares the last increment, which may be an empty one: that is no comparison. Ours
    /// compares the last that holds bytes, and names that.
    ComparesTheLastThatHoldsBytes,
    /// Python names the last increment by the path of its list, where it may have been once. Ours names it where
    /// it is.
    NamesTheFileWhereItIs,
    /// `-k` of Python deletes the oldest file first. Ours deletes chain by chain, each from its end, so that
    /// what is left after a crash restores.
    RemovesTheNewestOfAChainFirst,
    /// Python deletes the target before it begins. Ours replaces it when everything else is done.
    ReplacesAtTheEnd,
    /// `-V` of Python looks at the newest chain. Ours looks at the older ones, too, and first.
    VerifiesAllChains,
}

impl Difference {
    const ALL: [Difference; 7] = [
        Difference::NoLogOfFileStorage,
        Difference::NoEmptyIncrement,
        Difference::ComparesTheLastThatHoldsBytes,
        Difference::NamesTheFileWhereItIs,
        Difference::RemovesTheNewestOfAChainFirst,
        Difference::ReplacesAtTheEnd,
        Difference::VerifiesAllChains,
    ];

    /// Python's lines, as ours must print them.
    fn apply(self, lines: Vec<String>, seen: &Seen<'_>) -> Vec<String> {
        match self {
            Difference::NoLogOfFileStorage => {
                lines.into_iter().filter(|line| !line.starts_with("Ignoring index for ")).collect()
            }
            Difference::NoEmptyIncrement => without_empty_increment(lines),
            Difference::ComparesTheLastThatHoldsBytes => with_last_that_holds_bytes(lines, seen),
            Difference::NamesTheFileWhereItIs => with_last_where_it_is(lines, seen),
            Difference::RemovesTheNewestOfAChainFirst => with_newest_removed_first(lines),
            Difference::ReplacesAtTheEnd => with_replacing_at_the_end(lines),
            Difference::VerifiesAllChains => with_all_chains_verified(lines, seen),
        }
    }
}

/// What a run finds.
struct Seen<'a> {
    repository: &'a Path,
    files: &'a Files,
    source: &'a [u8],
}

impl Seen<'_> {
    /// The lines of every list, the oldest list first.
    fn dats(&self) -> Vec<Vec<DatLine>> {
        let is_dat = |name: &str| Path::new(name).extension().is_some_and(|ending| ending == "dat");
        self.files
            .0
            .iter()
            .filter(|(name, _)| is_dat(name))
            .map(|(_, bytes)| Dat::parse(bytes).lines)
            .collect()
    }

    fn path_of(&self, line: &DatLine) -> String {
        self.repository.join(line.name().unwrap().to_string()).to_str().unwrap().to_owned()
    }
}

fn without_empty_increment(mut lines: Vec<String>) -> Vec<String> {
    if lines.iter().any(|line| line.starts_with("writing incremental: 0 bytes to ")) {
        lines.truncate(lines.len() - 3);
        lines.push("No changes, nothing to do".to_owned());
    }
    lines
}

const LAST_FILE: &str = "last incremental file: ";

fn with_last_that_holds_bytes(mut lines: Vec<String>, seen: &Seen<'_>) -> Vec<String> {
    let Some(at) = lines.iter().position(|line| line.starts_with(LAST_FILE)) else { return lines };
    let dats = seen.dats();
    let dat = dats.last().unwrap();
    if dat.last().unwrap().is_empty() {
        let last = dat.iter().rfind(|line| !line.is_empty()).unwrap();
        let DatLine { start_pos, end_pos, sum, .. } = last;
        let held = usize::try_from(*start_pos).unwrap()..usize::try_from(*end_pos).unwrap();
        let found = Sum::of(&seen.source[held]);
        lines[at] = format!("{LAST_FILE}{}", String::from_utf8_lossy(&last.path));
        lines[at + 1] = format!("last incremental checksum: {sum}");
        lines[at + 2] = format!("source checksum range: [{start_pos}..{end_pos}], sum: {found}");
    }
    lines
}

fn with_last_where_it_is(mut lines: Vec<String>, seen: &Seen<'_>) -> Vec<String> {
    for line in &mut lines {
        if let Some(path) = line.strip_prefix(LAST_FILE) {
            let name = Path::new(path).file_name().unwrap();
            *line = format!("{LAST_FILE}{}", seen.repository.join(name).display());
        }
    }
    lines
}

fn with_newest_removed_first(lines: Vec<String>) -> Vec<String> {
    let is_removal = |line: &String| line.starts_with("removing old backup file ");
    let is_full = |line: &String| is_removal(line) && !line.contains(".deltafs");
    let (removals, mut rest): (Vec<String>, Vec<String>) = lines.into_iter().partition(is_removal);
    // They are the last lines, and begin with a full.
    for chain in removals.chunk_by(|_, next| !is_full(next)) {
        rest.extend(chain.iter().rev().cloned());
    }
    rest
}

fn with_replacing_at_the_end(mut lines: Vec<String>) -> Vec<String> {
    if let Some(at) = lines.iter().position(|line| line.starts_with("Deleting old ")) {
        let deleting = lines.remove(at);
        lines.push(deleting.replacen("Deleting", "Replacing", 1));
    }
    lines
}

fn with_all_chains_verified(mut lines: Vec<String>, seen: &Seen<'_>) -> Vec<String> {
    if let Some(at) = lines.iter().position(|line| line.starts_with("Verifying ")) {
        let mut dats = seen.dats();
        dats.pop();
        let older = dats.iter().flatten().map(|line| format!("Verifying {}", seen.path_of(line)));
        lines.splice(at..at, older.collect::<Vec<_>>());
    }
    lines
}

/// The files of a repository.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

impl Files {
    pub(crate) fn of(dir: &Path) -> Files {
        Files(names(dir).into_iter().map(|name| (name.clone(), content(&dir.join(name)))).collect())
    }

    pub(crate) fn put(&self, dir: &Path) {
        for name in names(dir) {
            fs::remove_file(dir.join(name)).unwrap();
        }
        for (name, bytes) in &self.0 {
            fs::write(dir.join(name), bytes).unwrap();
        }
    }
}

/// What a backup run did.
struct Outcome {
    ran: Ran,
    files: Files,
    /// Length and sum of what the new data file holds, if it is compressed.
    held: Option<Value>,
}

fn compare_all(writer: Writer, possible: &[Difference]) {
    let mut site = Site::new();
    let mut used = BTreeSet::new();
    for history in HISTORIES.iter() {
        for cell in Cell::all(writer) {
            compare(&mut site, history, cell, &mut used);
        }
    }
    assert_eq!(Vec::from_iter(used), possible, "differences that there are");
}

fn compare(site: &mut Site, history: &History, cell: Cell, used: &mut BTreeSet<Difference>) {
    site.clear();
    for (step, moment) in history.moments.iter().enumerate() {
        let at = format!("{cell}; history {}; step {step}, {}", history.name, moment.name);
        let stamp = site.next_step(step, moment);
        let (repository, spelled) = (site.repository(), site.spelled(step));
        let before = Files::of(&repository);
        let mut args = cell.backup_args(step, &spelled, &site.source());
        args.push("-v".into());
        let at_backup = format!("{at}: {args:?}");
        let python = back_up(site, Program::Python, &args, stamp);
        before.put(&repository);
        let mut ours = back_up(site, Program::Ours, &history.args_of(Program::Ours, args), stamp);
        ours.ran = history.without_warning(ours.ran);
        let seen = Seen { repository: &spelled, files: &before, source: &moment.data };
        assert_same_words(&at_backup, &python.ran, &ours.ran, &seen, used);
        let is_unfinished_alone = python.ran.stderr.contains("\nwriting incremental: 0 bytes to ");
        assert!(!is_unfinished_alone || moment.has_tail(), "{at_backup}");
        if is_unfinished_alone {
            assert!(ours.files == before, "{at_backup}: ours writes nothing for a tail alone");
        } else {
            assert_same_files(&at_backup, &python, &ours);
        }
        let kept = if cell.writer.at(step) == Program::Python { python } else { ours };
        kept.files.put(&repository);
        compare_reading(&at, site, &spelled, stamp, used);
    }
}

fn back_up(site: &mut Site, program: Program, args: &[OsString], stamp: Stamp) -> Outcome {
    let ran = site.run(program, args);
    let repository = site.repository();
    let compressed = ["fsz", "deltafsz"].map(|ending| repository.join(format!("{stamp}.{ending}")));
    let held = compressed.iter().find(|path| path.exists()).map(|path| gunzip(site, path));
    Outcome { ran, files: Files::of(&repository), held }
}

fn gunzip(site: &mut Site, path: &Path) -> Value {
    site.oracle.act("gunzip", path, &json!({}))
}

#[track_caller]
fn assert_same_files(at: &str, python: &Outcome, ours: &Outcome) {
    let names = |outcome: &Outcome| outcome.files.0.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(python), names(ours), "{at}: names of files");
    assert_eq!(python.held, ours.held, "{at}: what the compressed file holds");
    for (name, bytes) in &python.files.0 {
        let is_compressed = name.ends_with("fsz");
        assert!(is_compressed || *bytes == ours.files.0[name], "{at}: {name} differs");
    }
}

/// Ours says what Python says, but for the differences that may be.
#[track_caller]
fn assert_same_words(at: &str, python: &Ran, ours: &Ran, seen: &Seen<'_>, used: &mut BTreeSet<Difference>) {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let mut expected = lines(&python.stderr);
    for difference in Difference::ALL {
        let changed = difference.apply(expected.clone(), seen);
        if changed != expected {
            used.insert(difference);
        }
        expected = changed;
    }
    assert_eq!(
        lines(&ours.stderr),
        expected,
        "{at}: left ours, right as Python, which said\n{}",
        python.stderr
    );
    assert_eq!(ours.status, python.status, "{at}: exit status");
    assert!(ours.stdout == python.stdout, "{at}: standard output");
}

/// Every way to read the repository: what is said.
fn compare_reading(at: &str, site: &mut Site, spelled: &Path, stamp: Stamp, used: &mut BTreeSet<Difference>) {
    let (repository, target) = (site.repository(), site.target());
    let files = Files::of(&repository);
    let seen = Seen { repository: spelled, files: &files, source: &[] };
    let date = || OsString::from(stamp.as_str());
    let to_file = |flags: &str| args![flags, spelled, "-o", &target].to_vec();
    for (args, target_is_there) in [
        (to_file("-Rvr"), false),
        (to_file("-Rvr"), true),
        (to_file("-Rvwr"), true),
        (args!["-Rvr", spelled, "-D", date()].to_vec(), true),
        (args!["-Rvwr", spelled].to_vec(), true),
        (args!["-Vvr", spelled].to_vec(), true),
        (args!["-VQvr", spelled].to_vec(), true),
    ] {
        let [python, ours] = Program::ALL.map(|program| {
            if !target_is_there {
                site.remove_target();
            }
            site.run(program, &args)
        });
        assert_same_words(&format!("{at}: {args:?}"), &python, &ours, &seen, used);
    }
    assert!(Files::of(&repository) == files, "{at}: who reads changes nothing");
}
