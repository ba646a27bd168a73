//! Where the two programs meet a state that only one of them copes with, or that only the other one makes.

use super::cell::{Cell, Program, Writer};
use super::history::{HISTORIES, misleading_index};
use super::site::Site;
use crate::common::{args, content};
use std::fs;
use std::path::Path;
use testkit::names;

/// The endings of the files that a backup run made.
fn endings_of_new_files(site: &mut Site, program: Program, flags: &str) -> Vec<String> {
    let before = names(&site.repository());
    let args = args![flags, "-r", site.repository(), "-f", site.source()];
    site.run(program, &args).expect_success();
    let ending = |name: String| name.split_once('.').unwrap().1.to_owned();
    names(&site.repository()).into_iter().filter(|name| !before.contains(name)).map(ending).collect()
}

/// Python's `-Q` compares nothing then: whatever is longer passes as grown, also another database.
#[test]
fn after_an_empty_increment_of_pythons_ours_still_sees_another_database() {
    let history = |name| HISTORIES.iter().find(|history| history.name == name).unwrap();
    let (unfinished, other) = (history("unfinished tails"), history("packs"));
    let (before, tail) = (&unfinished.moments[0], &unfinished.moments[1]);
    let longer = other.moments.iter().find(|moment| moment.data.len() > tail.data.len()).unwrap();
    let mut site = Site::new();
    for flags in ["-BQ", "-B"] {
        site.clear();
        site.next_step(0, before);
        assert_eq!(endings_of_new_files(&mut site, Program::Python, flags), ["dat", "fs", "index"]);
        site.next_step(1, tail);
        assert_eq!(endings_of_new_files(&mut site, Program::Python, flags), ["deltafs", "index"]);
        site.next_step(2, longer);
        assert_eq!(endings_of_new_files(&mut site, Program::Ours, flags), ["dat", "fs", "index"], "{flags}");
        for reader in Program::ALL {
            let ran = site.run(reader, &args!["-Rr", site.repository()]).expect_success();
            assert!(ran.stdout == longer.committed(), "{flags}, {reader:?}");
        }
    }
}

/// Ours builds the index of an increment on the one before it, which somebody may have removed or spoilt.
#[test]
fn after_the_indexes_were_removed_or_cut_the_next_backup_has_a_true_one() {
    let mut site = Site::new();
    for history in HISTORIES.iter() {
        for cell in Cell::all(Writer::InTurns { first: Program::Python }).filter(|cell| !cell.kill_old) {
            site.clear();
            for (step, moment) in history.moments.iter().enumerate() {
                spoil_indexes(&site.repository(), step);
                let stamp = site.next_step(step, moment);
                let args = cell.backup_args(step, &site.repository(), &site.source());
                let at = format!("{cell}; history {}; step {step}, {}", history.name, moment.name);
                let ran = site.run(cell.writer.at(step), &args);
                assert_eq!(ran.status, 0, "{at}: {}", ran.stderr);
                let index = site.repository().join(format!("{stamp}.index"));
                assert!(!index.exists() || content(&index) == moment.true_index, "{at}");
            }
        }
    }
}

fn spoil_indexes(repository: &Path, step: usize) {
    for name in names(repository).iter().filter(|name| name.ends_with(".index")) {
        let path = repository.join(name);
        if step.is_multiple_of(3) {
            fs::remove_file(path).unwrap();
        } else {
            let bytes = content(&path);
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }
    }
}

/// A short date means the time before its first second, to both; ours says what it leaves out.
#[test]
fn between_backups_and_with_short_dates_both_restore_the_same() {
    let mut site = Site::new();
    for history in HISTORIES.iter() {
        site.clear();
        let mut dates = Vec::new();
        for (step, moment) in history.moments.iter().enumerate() {
            let stamp = site.next_step(step, moment).to_string();
            let args = args!["-BQ", "-r", site.repository(), "-f", site.source()];
            site.run(Program::ALL[step % 2], &args).expect_success();
            dates.extend([10, 13, 16, 19].map(|len| stamp[..len].to_owned()));
            // Whatever the digits are: the last one counted down is earlier, counted up is later.
            let last = stamp[18..].parse::<u32>().unwrap();
            dates.extend(
                [last.saturating_sub(1), (last + 1).min(9)].map(|last| format!("{}{last}", &stamp[..18])),
            );
        }
        for date in dates {
            assert_same_at(&mut site, &date, history.name);
        }
    }
}

#[track_caller]
fn assert_same_at(site: &mut Site, date: &str, history: &str) {
    let args = args!["-Rr", site.repository(), "-D", date];
    let [python, ours] = Program::ALL.map(|program| site.run(program, &args));
    let at = format!("history {history}, -D {date}");
    assert_eq!((python.status, &python.stdout), (ours.status, &ours.stdout), "{at}");
    let is_told = |line: &str| line.starts_with(&format!("warning: --date {date} means before"));
    let lines: Vec<_> = ours.stderr.lines().filter(|line| !is_told(line)).collect();
    match python.stderr.strip_suffix('\n') {
        None => assert_eq!(lines, [""; 0], "{at}"),
        Some(error) => assert!(lines.len() == 1 && lines[0].starts_with(error), "{at}: {lines:?}"),
    }
    assert!(date.len() < 19 || !ours.stderr.contains("warning"), "{at}: {}", ours.stderr);
}

/// ZODB looks for a transaction where the index says that the database ends. With the index of another database,
/// as a pack leaves it, that is in the middle of a record, and may be no text where ZODB expects some.
#[test]
fn an_index_of_another_database_that_ends_zodb_in_a_traceback_is_passed_over() {
    let (mut site, moment) = (Site::new(), HISTORIES[0].moments.last().unwrap());
    let index = misleading_index(&moment.data).unwrap();
    let back_up = |site: &mut Site, program, index: Option<&[u8]>| {
        site.start_again();
        site.next_step(0, moment);
        let path = site.source().with_file_name("Data.fs.index");
        match index {
            Some(index) => fs::write(path, index).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        let args = args!["-B", "-r", site.repository(), "-f", site.source()];
        site.run(program, &args)
    };
    let ran = back_up(&mut site, Program::Python, Some(&index));
    assert!(ran.status == 1 && ran.stderr.contains("UnicodeDecodeError"), "{}", ran.stderr);
    back_up(&mut site, Program::Python, None).expect_success();
    let without = contents(&site);
    back_up(&mut site, Program::Ours, Some(&index)).expect_success();
    assert!(contents(&site) == without, "what Python does without the index");
}

fn contents(site: &Site) -> Vec<(String, Vec<u8>)> {
    let dir = site.repository();
    names(&dir).into_iter().map(|name| (name.clone(), content(&dir.join(name)))).collect()
}
