//! A database that is there is brought to a state in its place: what it lacks is added, what it has too much is cut off.

use super::{Room, expect_state};
use crate::common::{args, content, dying, ours, ours_with};
use crate::judge::truth::visible;
use serde_json::Value;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use testkit::{Call, Database, HookFs, Ran, python};

impl Room {
    pub(super) fn update_words(&self, number: usize, quick: bool) -> Vec<OsString> {
        let tid = self.database.tid(number).to_string();
        let mut all = args![
            "restore",
            "-r",
            self.repository(),
            "-o",
            self.target(),
            "--tid",
            tid,
            "--update",
            "--json"
        ]
        .to_vec();
        all.extend(quick.then(|| "--quick".into()));
        all
    }

    /// Brings the target to the state behind transaction `number`; what became of it.
    #[track_caller]
    fn update(&self, number: usize, quick: bool) -> String {
        let ran = ours(&self.clock, &self.update_words(number, quick)).expect_success();
        let told =
            |line: &str| line.starts_with("warning: removed ") && line.ends_with("left by a run that died");
        assert!(ran.stderr.lines().all(told), "{}", ran.stderr);
        expect_state(self, number, "updated");
        self.expect_no_litter();
        let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(told["len"], self.database.up_to(number).len());
        told["change"].as_str().unwrap().to_owned()
    }

    /// The target is the state behind transaction `number`, and has its index.
    pub(super) fn put_target(&self, number: usize) {
        self.restore(&["--tid", &self.database.tid(number).to_string()]).expect_success();
    }

    fn inode(&self) -> u64 {
        std::fs::metadata(self.target()).unwrap().ino()
    }

    #[track_caller]
    fn expect_no_litter(&self) {
        let names = testkit::names(self.target().parent().unwrap());
        // The lock file stays, as that of a server does.
        let litter = names.iter().filter(|name| name.starts_with("Restored.fs") && !name.ends_with(".lock"));
        let litter: Vec<_> =
            litter.filter(|name| *name != "Restored.fs" && *name != "Restored.fs.index").collect();
        assert!(litter.is_empty(), "{litter:?}");
    }
}

#[test]
fn every_state_becomes_every_other_one_in_its_place() {
    for (flags, quick) in [("", false), ("", true), ("z", true)] {
        let mut room = Room::new();
        room.long_chain(flags);
        let count = room.database.count();
        for from in (1..=count).step_by(2) {
            for to in 1..=count {
                room.put_target(from);
                let inode = room.inode();
                let expected = match from.cmp(&to) {
                    std::cmp::Ordering::Less => "grown",
                    std::cmp::Ordering::Equal => "unchanged",
                    std::cmp::Ordering::Greater => "cut-back",
                };
                assert_eq!(room.update(to, quick), expected, "{from} to {to}");
                assert_eq!(room.inode(), inode, "it is the same file");
            }
        }
    }
}

/// What Python's repozo compressed can be read from its beginning only.
#[test]
fn a_target_grows_by_what_python_compressed() {
    let mut room = Room::new();
    let mut oracle = testkit::Oracle::start();
    for _ in 0..3 {
        let args = args!["-Bz", "-r", room.repository(), "-f", room.file()];
        oracle.repozo(&args, room.clock.seconds()).expect_success();
        room.pass(60);
        room.grow();
        room.grow();
    }
    let count = room.database.count() - 2;
    for from in [3, 9, count - 1] {
        room.put_target(from);
        assert_eq!(room.update(count, true), "grown");
    }
}

/// A server that died, or an update, leaves an unfinished transaction at the end: it is no part of the database.
#[test]
fn an_unfinished_transaction_at_the_end_of_the_target_is_cut_off() {
    let mut room = Room::new();
    room.long_chain("");
    let (from, count) = (11, room.database.count());
    let state = room.database.up_to(from).to_vec();
    let next = &room.database.up_to(from + 1)[state.len()..].to_vec();
    let mut voted = next.clone();
    voted[16] = b'c';
    for (what, tail) in
        [("cut", &next[..60]), ("short", &next[..9]), ("voted", &voted[..]), ("zeros", &[0; 500])]
    {
        for (to, expected) in [(count, "grown"), (from, "unchanged"), (from - 2, "cut-back")] {
            std::fs::write(room.target(), [&state[..], tail].concat()).unwrap();
            let _ = std::fs::remove_file(room.path("Restored.fs.index"));
            assert_eq!(room.update(to, true), expected, "{what}");
        }
    }
}

/// Whatever is not a beginning or a continuation of the state is replaced, and that is told with its reason.
#[test]
fn a_target_with_other_content_is_replaced_and_that_is_said() {
    let mut room = Room::new();
    room.long_chain("");
    let count = room.database.count();
    let whole = room.database.bytes().to_vec();
    room.grow();
    room.grow();
    let mut longer = room.database.bytes().to_vec();
    longer[whole.len() + 15] ^= 1;
    let changed = |pos: usize| {
        let mut bytes = whole.clone();
        bytes[pos] ^= 1;
        bytes
    };
    let mut packed = Database::with_transactions(8);
    packed.pack(3);
    for (what, bytes, why) in [
        ("another database", Database::of_another_history(9).bytes().to_vec(), "no earlier or later state"),
        ("a packed one", packed.bytes().to_vec(), "no earlier or later state"),
        ("a byte in its middle", changed(700), "no earlier or later state"),
        ("a byte at its end", changed(whole.len() - 20), "no earlier or later state"),
        ("no database", b"hello".repeat(999), "no earlier or later state"),
        ("nothing", Vec::new(), "not sound"),
        ("no transaction", b"FS30".to_vec(), "no transaction"),
        ("damaged in what it has too much", longer.clone(), "not sound"),
    ] {
        for quick in [false, true] {
            std::fs::write(room.target(), &bytes).unwrap();
            let ran = ours(&room.clock, &room.update_words(count, quick)).expect_success();
            let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
            assert_eq!(told["change"], "replaced", "{what}");
            assert!(told["why"].as_str().unwrap().contains(why), "{what}: {told}");
            expect_state(&room, count, what);
            room.expect_no_litter();
        }
    }
}

/// Hard links are how generations are kept: what the other names lead to must not change.
#[test]
fn a_target_with_another_name_is_replaced_and_the_other_name_keeps_what_it_has() {
    let mut room = Room::new();
    room.long_chain("");
    room.put_target(3);
    let kept = room.path("kept");
    std::fs::hard_link(room.target(), &kept).unwrap();
    let ran = ours(&room.clock, &room.update_words(9, true)).expect_success();
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert!(told["why"].as_str().unwrap().contains("2 names"), "{told}");
    expect_state(&room, 9, "replaced");
    assert!(content(&kept) == room.database.up_to(3));
}

/// What is added is verified before it counts: the target is as it was, whatever of the backups is damaged.
#[test]
fn damaged_backups_add_nothing() {
    let mut room = Room::new();
    room.long_chain("");
    let count = room.database.count();
    room.put_target(10);
    let index = content(&room.path("Restored.fs.index"));
    let last = room.repository().join(room.backups().last().unwrap());
    let mut bytes = content(&last);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&last, &bytes).unwrap();
    for quick in [false, true] {
        for from in [10, 15] {
            std::fs::write(room.target(), room.database.up_to(from)).unwrap();
            let ran = ours(&room.clock, &room.update_words(count, quick));
            assert_eq!(ran.status, 1);
            assert!(ran.stderr.contains("checksum"), "{}", ran.stderr);
            assert!(content(&room.target()) == room.database.up_to(from));
            assert!(content(&room.path("Restored.fs.index")) == index);
            room.expect_no_litter();
        }
    }
    // What does not need it is to be had.
    room.put_target(10);
    room.update(13, false);
}

/// No growth that dies leaves anything that ZODB takes for content: it opens the old database, and cuts the rest off.
#[test]
fn zodb_opens_what_a_dead_update_leaves_as_it_was_before() {
    let script = "import sys, ZODB.FileStorage as F\n\
        s = F.FileStorage(sys.argv[1])\nprint(sum(1 for _ in s.iterator()), s.getSize())\ns.close()";
    let mut room = Room::new();
    room.long_chain("");
    let (from, count) = (10, room.database.count());
    let mut looked_count = 0;
    for at in 1.. {
        room.put_target(from);
        let Some(_) = die_at(&room, &room.update_words(count, true), at) else { break };
        if content(&room.target()) == room.database.up_to(from) {
            continue;
        }
        let seen = visible(&content(&room.target())).len();
        let ran = Command::new(python()).args(["-c", script]).arg(room.target()).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let number = if seen == room.database.up_to(from).len() { from } else { count };
        let told = String::from_utf8(ran.stdout).unwrap();
        assert_eq!(told.trim(), format!("{number} {seen}"), "call {at}");
        looked_count += 1;
        std::fs::read_dir(room.path("")).unwrap().flatten().for_each(|entry| {
            // What ZODB keeps of what it cut off, and its temporary file.
            if entry.file_name().to_string_lossy().starts_with("Restored.fs.t") {
                std::fs::remove_file(entry.path()).unwrap();
            }
        });
        room.update(count, true);
    }
    assert!(looked_count > 3, "{looked_count}");
}

/// Runs with every call from the `at`th change of the disk on failing, so that nothing is tidied up; `None` if there is
/// no such change.
fn die_at(room: &Room, words: &[OsString], at: usize) -> Option<Ran> {
    let (fs, died) = dying(at);
    let ran = ours_with(&fs, &room.clock, words);
    died.load(std::sync::atomic::Ordering::Relaxed).then_some(ran)
}

/// A full too large to be looked at everywhere, and two increments.
fn large_room() -> Room {
    let mut room = Room::new();
    for _ in 0..40 {
        room.database.commit(&[(room.database.len() % 90, 400_000)]);
    }
    room.put_database();
    room.backup("").expect_success();
    for _ in 0..2 {
        room.pass(60);
        room.grow();
        room.backup("Q").expect_success();
    }
    room
}

/// Behind a growth that died the transactions that were added look finished, all but the first. Symptom that this keeps
/// away: a quick comparison, which looks at places only, goes on behind a later one of them, and ZODB cuts all of it off.
#[test]
fn a_growth_that_died_in_the_middle_of_a_file_is_found_by_a_quick_update() {
    let room = large_room();
    let (from, count) = (30, room.database.count());
    room.put_target(from);
    let mut died_count = 0;
    for at in 1.. {
        let Some(ran) = die_at(&room, &room.update_words(count, true), at) else { break };
        let left = content(&room.target());
        if ran.status == 0 || visible(&left).len() > room.database.up_to(from).len() {
            break;
        }
        // Ends of files behind the place where it died are there, and sound: what a quick comparison goes by.
        died_count += usize::from(left.len() > room.database.up_to(count - 2).len());
        room.update(count, true);
        room.put_target(from);
    }
    assert!(died_count > 2, "{died_count}");
}

/// Symptom: a cut died between the byte that hides and the cut itself; a quick update to the newest state found nothing to
/// add, with status 0, and ZODB cut off two thirds of the database. Cause: no note was written for a cut.
#[test]
fn a_cut_that_died_in_the_middle_of_a_file_is_found_by_a_quick_update() {
    let room = large_room();
    let (to, count) = (30, room.database.count());
    let mut hidden_count = 0;
    for at in 1.. {
        room.put_target(count);
        let Some(_) = die_at(&room, &room.update_words(to, true), at) else { break };
        let left = content(&room.target());
        hidden_count += usize::from(visible(&left).len() < left.len());
        room.update(count, true);
        assert_eq!(visible(&content(&room.target())).len(), room.database.bytes().len(), "call {at}");
    }
    assert!(hidden_count > 0, "no death left anything hidden");
}

/// Symptom: ZODB read on behind what was hidden, since the index beside the database was one of a longer state; what a
/// server committed then was cut off by the next update.
#[test]
fn no_index_of_a_longer_state_stands_beside_a_growth() {
    let mut room = Room::new();
    room.long_chain("");
    let count = room.database.count();
    room.put_target(count);
    let longer = content(&room.path("Restored.fs.index"));
    for at in 1.. {
        room.put_target(9);
        std::fs::write(room.path("Restored.fs.index"), &longer).unwrap();
        let Some(_) = die_at(&room, &room.update_words(count, true), at) else { break };
        let left = content(&room.target());
        let Ok(index) = std::fs::File::open(room.path("Restored.fs.index")) else { continue };
        let end_pos = pickle::index::IndexReader::open(std::io::BufReader::new(index)).unwrap().end_pos();
        let is_begun = left.len() != room.database.up_to(9).len();
        assert!(!is_begun || end_pos <= visible(&left).len() as u64, "call {at}");
    }
    room.update(count, true);
}

/// Symptom: a standby that no server had opened yet has no lock file; a server that was started during an update cut off
/// what was half written, committed, and both were mixed. Now it is kept out.
#[test]
fn a_server_that_starts_during_an_update_is_kept_out() {
    use vfs::{Fs, LockKind, OsFs};
    let mut room = Room::new();
    room.long_chain("");
    for (from, to) in [(9, 20), (20, 9)] {
        room.put_target(from);
        let lock = room.path("Restored.fs.lock");
        let _ = std::fs::remove_file(&lock);
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = std::sync::Arc::clone(&asked);
        let fs = HookFs::new(move |call: &Call| {
            if ["write_at", "cut"].contains(&call.op) {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let held = OsFs.try_lock(&lock, LockKind::Exclusive).unwrap();
                assert!(held.is_none(), "a server could have opened it");
            }
            Ok(())
        });
        ours_with(&fs, &room.clock, &room.update_words(to, true)).expect_success();
        assert!(asked.load(std::sync::atomic::Ordering::Relaxed) > 1);
        let mode = |name: &str| std::fs::metadata(room.path(name)).unwrap().mode() & 0o666;
        assert_eq!(mode("Restored.fs.lock"), mode("Restored.fs"), "who writes the one has to lock the other");
    }
}

/// An index in the repository that rotted into another sound one is not taken where the target's own is right.
#[test]
fn an_index_of_the_backups_with_a_wrong_entry_is_not_taken_for_the_target() {
    let mut room = Room::new();
    room.long_chain("");
    let count = room.database.count();
    room.put_target(14);
    for name in room.names().iter().filter(|name| name.ends_with(".index")) {
        let path = room.repository().join(name);
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let mut reader = pickle::index::IndexReader::open(file).unwrap();
        let (mut index, end_pos) = (filestorage::Index::new(), reader.end_pos());
        while let Some(bucket) = reader.next_bucket().unwrap() {
            for (oid, pos) in bucket.iter() {
                index.insert(filestorage::Oid::new(oid), if oid == 0 { 27 } else { pos }).unwrap();
            }
        }
        std::fs::write(&path, index.save(end_pos, Vec::new()).unwrap()).unwrap();
    }
    room.update(count, true);
}

#[test]
fn the_old_flags_update_too() {
    let mut room = Room::new();
    room.long_chain("z");
    let count = room.database.count();
    room.put_target(9);
    let inode = room.inode();
    for flags in
        [&["--update"][..], &["--update", "-Q", "-D", "2023-11-14-22-14-20"], &["--update", "-Q", "-w"]]
    {
        let ran = room.recover_to(&room.target(), flags).expect_success();
        assert_eq!((ran.stderr.as_str(), room.inode()), ("", inode));
        expect_state(&room, if flags.contains(&"-D") { 13 } else { count }, "-R --update");
    }
    std::fs::write(room.target(), b"FS30").unwrap();
    let ran = room.recover_to(&room.target(), &["--update"]).expect_success();
    assert!(
        ran.stderr.contains("is written as a whole: it is not sound: it has no transaction"),
        "{}",
        ran.stderr
    );
    expect_state(&room, count, "-R --update");
    let ran = ours(&room.clock, &args!["-R", "-r", room.repository(), "--update"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.ends_with("--update needs --output\n"), "{}", ran.stderr);
}

/// A list that Python lost vouches for nothing: the old way is gone.
#[test]
fn what_no_list_vouches_for_is_written_as_a_whole() {
    let mut room = Room::new();
    room.long_chain("");
    let count = room.database.count();
    room.put_target(9);
    std::fs::remove_file(room.repository().join("2023-11-14-22-13-20.dat")).unwrap();
    room.recover_to(&room.target(), &["--update", "-Q"]).expect_success();
    expect_state(&room, count, "-R --update");
}

/// A backup whose index is gone or damaged does not keep the target from getting a right one.
#[test]
fn the_index_is_right_without_that_of_the_backups() {
    for damage in [None, Some(&b"not an index"[..])] {
        let mut room = Room::new();
        room.long_chain("");
        for name in room.names().iter().filter(|name| name.ends_with(".index")) {
            let path = room.repository().join(name);
            damage.map_or_else(|| std::fs::remove_file(&path), |bytes| std::fs::write(&path, bytes)).unwrap();
        }
        room.put_target(9);
        std::fs::remove_file(room.path("Restored.fs.index")).unwrap();
        for to in [9, 15, room.database.count(), 4] {
            room.update(to, true);
        }
    }
}

#[test]
fn a_dry_run_tells_what_would_become_of_the_target() {
    let mut room = Room::new();
    room.long_chain("");
    room.put_target(10);
    let before = content(&room.target());
    for (to, told) in
        [(12, "would add "), (10, "nothing to add"), (9, "1 transaction, to"), (7, "3 transactions, to")]
    {
        let tid = room.database.tid(to).to_string();
        let ran = room.restore(&["--tid", &tid, "--update", "--dry-run"]).expect_success();
        let text = String::from_utf8(ran.stdout).unwrap();
        assert!(text.contains(told), "{text}");
        assert!(content(&room.target()) == before);
    }
}

/// A server has it open: not a byte is written.
#[test]
fn a_target_that_a_server_has_open_is_left_alone() {
    use vfs::{Fs, LockKind, OsFs};
    let mut room = Room::new();
    room.long_chain("");
    room.put_target(9);
    let lock = room.path("Restored.fs.lock");
    std::fs::write(&lock, "").unwrap();
    let _held = OsFs.try_lock(&lock, LockKind::Exclusive).unwrap().unwrap();
    let ran = ours(&room.clock, &room.update_words(15, true));
    assert_eq!(ran.status, 11, "{}", ran.stderr);
    assert!(content(&room.target()) == room.database.up_to(9));
}
