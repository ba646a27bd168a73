//! What the damage matrix (`damage.rs`) found, one story each.

use super::{FIRST, FULL, NEXT, Room, SECOND};
use crate::common::{args, content, ours};
use testkit::Ran;

fn recover(room: &Room, flags: &[&str]) -> Ran {
    let mut all = args!["-R", "-r", room.repository()].to_vec();
    all.extend(flags.iter().map(std::ffi::OsString::from));
    ours(&room.clock, &all)
}

/// Refused, with status 1 and the name in the message.
#[track_caller]
fn assert_refused(ran: &Ran, name: &str) {
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(name), "{name}: {}", ran.stderr);
}

impl Room {
    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.in_repository(from), self.in_repository(to)).unwrap();
    }

    fn verify_quick(&self) -> Ran {
        ours(&self.clock, &args!["-VQ", "-r", self.repository()])
    }

    /// The next backup is right, and the newest state restores with -w.
    #[track_caller]
    fn assert_backs_up(&mut self, flags: &str) -> Ran {
        self.pass(60);
        self.grow();
        let ran = self.backup(flags).expect_success();
        assert_eq!(self.recovered(&["-w"]), self.database.bytes(), "{flags}: {}", ran.stderr);
        ran
    }
}

/// `-R -w` gave the state of the last line that was left, with status 0. Nobody can tell a list that lost its last
/// line from that of a run that died before it wrote it; the older state is not what was asked for.
#[test]
fn a_list_that_lost_lines_is_not_taken_for_that_of_the_newest_state() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    let dat = format!("{FULL}.dat");
    let lines: Vec<String> = room.dat(&dat).lines().map(|line| format!("{line}\n")).collect();
    for left_count in [1, 2] {
        room.write(&dat, lines[..left_count].concat().as_bytes());
        assert_refused(&recover(&room, &["-w"]), [FIRST, SECOND][left_count - 1]);
        let date = [FULL, FIRST][left_count - 1];
        assert_eq!(room.recovered(&["-w", "-D", date]), states[left_count - 1], "what is listed");
        assert_eq!(room.recovered(&[]), states[2], "the files prove their places");
    }
    room.assert_backs_up("Q");
    assert_eq!(room.recovered(&["-w", "-D", SECOND]), states[2]);
}

/// Two lines named one file, so an unlisted one stood at its right place; a line behind the date seemed to go on
/// from there, and the state before it was given with status 0.
#[test]
fn a_line_with_another_files_name_does_not_hide_its_own_file() {
    let mut room = Room::new();
    room.chain_of_three();
    let dat = format!("{FULL}.dat");
    room.write(&dat, room.dat(&dat).replacen(FIRST, SECOND, 1).as_bytes());
    for flags in [&["-D", FIRST][..], &["-w", "-D", FIRST]] {
        assert_refused(&recover(&room, flags), &dat);
    }
}

/// An increment that got the stamp of the full was joined for the date of the full: a newer state.
#[test]
fn a_file_that_a_line_behind_the_date_misses_is_not_joined_before_it() {
    let mut room = Room::new();
    room.chain_of_three();
    room.rename(&format!("{FIRST}.deltafs"), &format!("{FULL}.deltafs"));
    assert_refused(&recover(&room, &["-D", FULL]), &format!("{FIRST}.deltafs is missing"));
}

/// `-B` compared every byte, found all equal, and went on behind a line with a wrong sum: `-R -w` of what it made
/// failed. Now the bytes are summed on the way, and the list is written anew.
#[test]
fn a_wrong_sum_in_the_list_is_put_right_by_a_backup_that_compares_every_byte() {
    for flags in ["", "z"] {
        let mut room = Room::new();
        let states = room.chain_of_three();
        let dat = format!("{FULL}.dat");
        let whole = room.dat(&dat);
        let sum = whole.lines().nth(1).unwrap().rsplit(' ').next().unwrap().to_owned();
        room.write(&dat, whole.replace(&sum, &"0".repeat(32)).as_bytes());
        assert_refused(&recover(&room, &["-w"]), FIRST);
        let ran = room.assert_backs_up(flags);
        assert!(ran.stderr.contains("was written anew"), "{}", ran.stderr);
        assert!(room.dat(&dat).starts_with(&whole), "the list as it was");
        assert_eq!(room.recovered(&["-w", "-D", FIRST]), states[1]);
        room.verify().expect_success();
    }
}

/// The trailer of the last member was taken for the length of the whole file. Python decompresses for it too.
#[test]
fn a_compressed_file_that_holds_more_than_its_last_bytes_say_is_found_when_quick() {
    let room = Room::new();
    room.backup("z").expect_success();
    let name = format!("{FULL}.fsz");
    room.verify_quick().expect_success();
    room.write(&name, &content(&room.in_repository(&name)).repeat(2));
    assert_refused(&room.verify_quick(), &name);
}

#[test]
fn an_index_that_was_cut_is_found_when_quick() {
    let room = Room::new();
    room.backup("").expect_success();
    let name = format!("{FULL}.index");
    let whole = content(&room.in_repository(&name));
    room.verify_quick().expect_success();
    for len in [whole.len() - 1, whole.len() - 4, whole.len() / 2] {
        room.write(&name, &whole[..len]);
        assert_refused(&room.verify_quick(), &name);
    }
}

/// Fuzzing found one that `-VQ` called cut short and `-V` sound: what follows the end was not looked at, as in ZODB.
/// Nobody writes such a file.
#[test]
fn bytes_behind_the_end_of_an_index_are_found_and_it_is_not_restored() {
    let room = Room::new();
    room.backup("").expect_success();
    let name = format!("{FULL}.index");
    let whole = content(&room.in_repository(&name));
    for (behind, is_found_when_quick) in [(b"\0".as_slice(), true), (b"junk N", true), (&whole, false)] {
        room.write(&name, &[&whole, behind].concat());
        assert_refused(&room.verify(), &format!("{name}: "));
        assert_eq!(room.verify_quick().status, u8::from(is_found_when_quick));
        let target = room.path("Restored.fs");
        let ran = room.recover_to(&target, &[]).expect_success();
        assert!(ran.stderr.contains(&name), "{}", ran.stderr);
        assert!(!room.path("Restored.fs.index").exists());
    }
}

/// A full under a later name had no list, so nothing was checked, and its old state passed for the newest.
#[test]
fn a_full_under_a_later_name_is_not_taken_for_the_newest_backup() {
    let mut room = Room::new();
    room.chain_of_three();
    room.rename(&format!("{FULL}.fs"), &format!("{NEXT}.fs"));
    for flags in [&[][..], &["-w"]] {
        assert_eq!(recover(&room, flags).status, 1);
    }
    assert_refused(&recover(&room, &[]), &format!("{FULL}.fs is missing"));
    room.pass(1);
    let ran = room.assert_backs_up("");
    assert!(
        ran.stderr.contains(&format!("{NEXT}.fs.unlisted")),
        "not listed under a wrong date: {}",
        ran.stderr
    );
}

/// An increment under the name of a full was "joined" alone: bytes that are no database, with status 0.
#[test]
fn an_increment_or_an_index_under_the_name_of_a_full_is_no_backup() {
    for end in ["deltafs", "index"] {
        let mut room = Room::new();
        let states = room.chain_of_three();
        room.rename(&format!("{SECOND}.{end}"), &format!("{SECOND}.fs"));
        if end == "index" {
            assert_eq!(room.recovered(&[]), states[2], "the chain that has its list");
        } else {
            assert_refused(&recover(&room, &[]), &format!("{SECOND}.deltafs is missing"));
        }
        assert_eq!(room.recovered(&["-w", "-D", FIRST]), states[1]);
        let ran = room.assert_backs_up("Q");
        assert!(ran.stderr.contains(&format!("{SECOND}.fs.unlisted")), "{}", ran.stderr);
        assert_eq!(room.recovered(&["-w", "-D", FIRST]), states[1]);
    }
}

/// Without a list, whatever stood there was joined, a text between two data files too.
#[test]
fn what_no_list_vouches_for_must_be_a_sound_database() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    room.rename(&format!("{FULL}.dat"), &format!("{FULL}.deltafs"));
    let target = room.path("out.fs");
    assert_refused(&room.recover_to(&target, &[]), &format!("{FULL}.dat"));
    assert!(!target.exists());
    room.remove(&format!("{FULL}.deltafs"));
    assert_eq!(room.recovered(&[]), states[2]);
}

/// A full of another chain took the increments behind it for its own; neither they nor the next backup were right.
#[test]
fn a_full_between_the_files_of_another_chain_does_not_take_them() {
    let mut room = Room::new();
    let older = room.database.bytes().to_vec();
    room.backup("").expect_success();
    room.pass(60);
    let mut states = Vec::new();
    for flags in ["F", "Q", "Q"] {
        room.grow();
        room.backup(flags).expect_success();
        states.push(room.database.bytes().to_vec());
        room.pass(60);
    }
    let between = "2023-11-14-22-15-19";
    room.rename(&format!("{FULL}.fs"), &format!("{between}.fs"));
    assert_eq!(content(&room.in_repository(&format!("{between}.fs"))), older);
    for (date, state) in [FIRST, SECOND, NEXT].iter().zip(&states) {
        assert_eq!(&room.recovered(&["-w", "-D", date]), state, "{date}");
    }
    let ran = room.assert_backs_up("Q");
    assert!(ran.stderr.contains(&format!("{between}.fs.unlisted")), "{}", ran.stderr);
    assert!(room.backups().last().unwrap().ends_with(".deltafs"), "it goes on with the chain");
    for (date, state) in [FIRST, SECOND, NEXT].iter().zip(&states) {
        assert_eq!(&room.recovered(&["-w", "-D", date]), state, "{date}");
    }
}

/// A list under the stamp of an increment of another chain was asked for that date, and its files were missed.
#[test]
fn a_list_under_a_wrong_stamp_does_not_hide_what_is_of_that_stamp() {
    let mut room = Room::new();
    room.two_chains();
    room.rename(&format!("{FULL}.dat"), &format!("{SECOND}.dat"));
    assert_eq!(room.recovered(&["-w", "-D", SECOND]), room.database.bytes());
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    assert_refused(&room.verify(), &format!("{SECOND}.dat"));
}

/// The message named a line of the list and not the file.
#[test]
fn a_full_with_another_extension_is_missed_by_its_name() {
    let mut room = Room::new();
    room.chain_of_three();
    room.rename(&format!("{FULL}.fs"), &format!("{FULL}.fsz"));
    assert_refused(&recover(&room, &[]), &format!("{FULL}.fs is missing"));
    room.assert_backs_up("");
}

/// A changed tid breaks no structure, but it is strange: then the sums are made, also without -w.
#[test]
fn a_changed_tid_is_found_without_w_too() {
    let mut room = Room::new();
    room.chain_of_three();
    let name = format!("{FIRST}.deltafs");
    let whole = content(&room.in_repository(&name));
    let (of_transaction, of_record) = (7, 27 + 15);
    for at in [of_transaction, of_record] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        room.write(&name, &bytes);
        assert_refused(&recover(&room, &[]), &format!("{name} has checksum"));
    }
}

/// A database that is too large to be compared whole.
fn large_room() -> Room {
    let mut room = Room::new();
    for number in 0..100 {
        room.database.commit(&[(number % 9, 60_000), (number, 30_000), (number % 4, 10)]);
    }
    room.put_database();
    room
}

/// Until then `-Q` went by the sum of the source alone: the backup itself it did not read.
#[test]
fn a_quick_backup_does_not_build_on_a_large_backup_of_which_a_stretch_is_gone() {
    for (flags, gone) in [("", 3_000_000..3_400_000), ("z", 3_000..3_001)] {
        let mut room = large_room();
        room.backup(flags).expect_success();
        let full = room.in_repository(&room.backups()[0]);
        let mut bytes = content(&full);
        assert!(flags == "z" || bytes.len() > 8 << 20, "else it is summed");
        bytes[gone].iter_mut().for_each(|byte| *byte ^= 0x55);
        std::fs::write(&full, bytes).unwrap();
        room.pass(60);
        room.grow();
        let ran = room.backup("Q").expect_success();
        assert!(ran.stderr.contains(full.to_str().unwrap()), "{}", ran.stderr);
        assert_eq!(room.backups().len(), 2);
        assert!(room.backups()[1].ends_with(".fs"), "a new full");
        assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    }
}

/// Behind a compressed full, too: its blocks can be read anywhere. It was summed whole until then.
#[test]
fn a_quick_backup_by_places_says_how_much_it_compared_and_where_it_differs() {
    for flags in ["", "z"] {
        let mut room = large_room();
        room.backup(flags).expect_success();
        room.pass(60);
        room.grow();
        let len = room.database.ends()[room.database.ends().len() - 2];
        let ran = room.backup("Qv").expect_success();
        let told = ran.stderr.lines().find(|line| line.starts_with("source equals the backups in ")).unwrap();
        assert!(told.ends_with(&format!(" bytes of [0..{len}]")), "{told}");
        // Another history, of the same lengths: the tid of the first transaction, at 4, is another one.
        let mut other = room.database.bytes().to_vec();
        other[10] ^= 1;
        std::fs::write(room.file(), other).unwrap();
        room.pass(60);
        let ran = room.backup("Qv");
        assert!(ran.stderr.contains("source differs from the backups behind 0\n"), "{}", ran.stderr);
    }
}
