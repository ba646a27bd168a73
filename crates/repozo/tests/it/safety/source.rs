//! The database while it is read (weaknesses 2, 5 to 8, 30, 31).

use super::{FIRST, FULL, Room, SECOND};
use crate::common::content;
use std::path::PathBuf;
use testkit::{Database, HookFs};

/// Does something once, when the data of the backup begins to be written.
fn when_writing_begins(mut act: impl FnMut() + Send + 'static) -> HookFs {
    let mut done = false;
    HookFs::new(move |call| {
        if call.op == "create" && !done && call.path.to_string_lossy().contains(".fs") {
            done = true;
            act();
        }
        Ok(())
    })
}

/// Weakness 5: Python opens the file by name again to copy it, and a pack in between mixes the two files.
#[test]
fn a_pack_that_swaps_the_file_during_a_backup_changes_nothing_of_it() {
    let room = Room::new();
    let packed = room.path("Data.fs.pack");
    std::fs::write(&packed, Database::of_another_history(30).bytes()).unwrap();
    let file = room.file();
    let fs = when_writing_begins(move || std::fs::rename(&packed, &file).unwrap());
    room.backup_on(&fs, "").expect_success();
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    room.verify().expect_success();
    // The next run sees that it is another file.
    room.pass(60);
    room.backup("Q").expect_success();
    assert_eq!(room.recovered(&["-w"]), content(&room.file()));
    assert_eq!(room.backups().len(), 2);
}

/// Symptom: once in a while a backup of a live database failed, `[Errno 2] No such file or directory`. A pack
/// ends with two renames, `Data.fs` to `Data.fs.old` and `Data.fs.pack` to `Data.fs`; in between there is no
/// database, and a run that came then gave up. It looks again.
#[test]
fn a_run_that_comes_between_the_two_renames_of_a_pack_waits_for_the_second() {
    let room = Room::new();
    let packed = Database::of_another_history(30);
    std::fs::write(room.path("Data.fs.pack"), packed.bytes()).unwrap();
    let (file, old, pack) = (room.file(), room.path("Data.fs.old"), room.path("Data.fs.pack"));
    let mut opened = 0;
    let fs = HookFs::new(move |call| {
        if call.op == "open" && call.path == file {
            opened += 1;
            match opened {
                1 => std::fs::rename(&file, &old)?,
                2 => std::fs::rename(&pack, &file)?,
                _ => {}
            }
        }
        Ok(())
    });
    room.backup_on(&fs, "").expect_success();
    assert_eq!(room.recovered(&["-w"]), packed.bytes());
}

/// What a server that died between the two leaves: the error says what it said before, after a moment.
#[test]
fn a_database_that_a_pack_left_without_its_name_is_missing() {
    let room = Room::new();
    std::fs::rename(room.file(), room.path("Data.fs.pack")).unwrap();
    let ran = room.backup("");
    let message = format!("[Errno 2] No such file or directory: '{}'", room.file().display());
    assert_eq!((ran.status, ran.stderr.trim_end()), (1, message.as_str()));
    assert!(room.names().is_empty(), "{:?}", room.names());
}

fn assert_refused_when(act: impl FnOnce(PathBuf) + Send + 'static, flags: &str, expected: &str) {
    let mut room = Room::new();
    // Larger than one read, so that the change is in what was not read yet.
    room.database.commit(&[(500, 3 << 20), (501, 200)]);
    room.put_database();
    let mut act = Some((act, room.file()));
    let fs = when_writing_begins(move || {
        if let Some((act, file)) = act.take() {
            act(file);
        }
    });
    let ran = room.backup_on(&fs, flags);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    assert!(room.names().is_empty(), "{:?}", room.names());
}

#[test]
fn a_source_that_becomes_shorter_is_an_error_and_no_file() {
    for flags in ["", "z"] {
        let cut = |file: PathBuf| {
            std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(2000).unwrap()
        };
        assert_refused_when(cut, flags, "changed while it was read (it became shorter)");
    }
}

#[test]
fn a_source_that_is_overwritten_in_place_is_an_error_and_no_file() {
    fn overwrite(file: PathBuf) {
        use std::os::unix::fs::FileExt;
        let len = std::fs::metadata(&file).unwrap().len();
        let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
        file.write_all_at(&[0x55; 400], len - 400).unwrap();
    }
    assert_refused_when(overwrite, "", "the database is damaged there");
}

#[test]
fn a_source_that_grows_meanwhile_is_backed_up_as_it_was_when_it_was_opened() {
    let room = Room::new();
    let mut grown = room.database.clone();
    grown.commit(&[(1, 10)]);
    let (file, bytes) = (room.file(), grown.bytes().to_vec());
    let fs = when_writing_begins(move || std::fs::write(&file, &bytes).unwrap());
    room.backup_on(&fs, "").expect_success();
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    room.pass(60);
    room.backup("Q").expect_success();
    assert_eq!(room.recovered(&["-w"]), grown.bytes());
}

/// Weakness 7: Python backs up the part before it, says nothing, and `-k` deletes the good backups.
#[test]
fn damage_in_the_middle_is_an_error_with_its_position_and_deletes_nothing() {
    for name in ["bad-status-c.fs", "bad-tlen-huge.fs", "bad-trailer.fs", "bad-tloc.fs", "bad-plen.fs"] {
        let room = Room::new();
        room.backup("").expect_success();
        let before = room.names();
        room.pass(60);
        std::fs::copy(testkit::data("samples").join(name), room.file()).unwrap();
        let ran = room.backup("Fk");
        assert_eq!(ran.status, 1, "{name}");
        assert!(ran.stderr.contains("transaction record @"), "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains("nothing was backed up"), "{name}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{name}: {}", ran.stderr);
        assert_eq!(room.names(), before, "{name}");
    }
}

/// Weakness 31: an unfinished transaction is no reason to have no backup.
#[test]
fn a_torn_tail_is_left_out_and_said() {
    let room = Room::new();
    std::fs::copy(testkit::data("samples").join("tail-zerobody.fs"), room.file()).unwrap();
    let ran = room.backup("").expect_success();
    assert!(ran.stderr.contains("the last 3126 bytes, from @3124 on, were never written"), "{}", ran.stderr);
    assert_eq!(room.recovered(&["-w"]), content(&testkit::data("samples/tail-base.fs")));
    for quiet in ["tail-voted.fs", "tail-cut.fs", "tail-zeros.fs", "tail-header22.fs"] {
        let room = Room::new();
        std::fs::copy(testkit::data("samples").join(quiet), room.file()).unwrap();
        let ran = room.backup("").expect_success();
        assert_eq!(ran.stderr, "", "{quiet} is what a live database looks like");
        assert_eq!(room.recovered(&["-w"]), content(&testkit::data("samples/tail-base.fs")));
    }
}

/// Weakness 24 and 30.
#[test]
fn what_is_no_database_is_refused_in_one_line() {
    for (sample, expected) in [
        ("zero.fs", "the file is empty"),
        ("bad-magic.fs", "not a FileStorage"),
        ("magic-3.fs", "not a FileStorage"),
    ] {
        let room = Room::new();
        std::fs::copy(testkit::data("samples").join(sample), room.file()).unwrap();
        let ran = room.backup("");
        assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{sample}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{sample}: {}", ran.stderr);
        assert!(room.names().is_empty(), "{sample}");
    }
    let room = Room::new();
    std::fs::write(room.file(), "FS30").unwrap();
    room.backup("").expect_success();
    assert_eq!(room.recovered(&["-w"]), b"FS30");
}

/// Python 3 cannot read these; their bytes are as good as any.
#[test]
fn databases_of_python_2_are_backed_up() {
    for sample in ["fs21.fs", "fs21-version.fs", "fs30-version.fs"] {
        let room = Room::new();
        std::fs::copy(testkit::data("samples").join(sample), room.file()).unwrap();
        room.backup("").expect_success();
        room.verify().expect_success();
        assert_eq!(room.recovered(&["-w"]), content(&room.file()), "{sample}");
    }
}

/// Weakness 2: the last chunk of Python's is empty, its sum is that of nothing, and every source agrees.
#[test]
fn an_empty_increment_of_python_does_not_make_every_source_agree() {
    let mut room = Room::new();
    room.chain_of_three();
    let end = room.database.len();
    let empty = "2023-11-14-22-16-20.deltafs";
    std::fs::write(room.in_repository(empty), "").unwrap();
    let dat = format!("{FULL}.dat");
    let line = format!("x/{empty} {end} {end} d41d8cd98f00b204e9800998ecf8427e\n");
    std::fs::write(room.in_repository(&dat), room.dat(&dat) + &line).unwrap();
    room.verify().expect_success();
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    room.pass(120);
    room.database = Database::of_another_history(100);
    assert!(room.database.len() > end);
    room.put_database();
    room.backup("Q").expect_success();
    let newest = room.backups().pop().unwrap();
    assert!(newest.ends_with(".fs"), "a full, not an increment of something else: {newest}");
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    assert_eq!(
        room.recovered(&["-D", FIRST]).len(),
        content(&room.in_repository(&format!("{FULL}.fs"))).len()
            + content(&room.in_repository(&format!("{FIRST}.deltafs"))).len()
    );
    assert!(room.backups().iter().any(|name| name.starts_with(SECOND)));
}

#[test]
fn a_conversion_in_place_is_noticed() {
    let mut room = Room::new();
    let old = content(&testkit::data("samples/fs21.fs"));
    std::fs::write(room.file(), &old).unwrap();
    room.backup("").expect_success();
    room.pass(60);
    let converted = [b"FS30", &old[4..]].concat();
    std::fs::write(room.file(), &converted).unwrap();
    room.backup("").expect_success();
    assert_eq!(room.recovered(&["-w"]), converted);
    room.pass(60);
    room.database = Database::with_transactions(3);
    room.put_database();
    room.backup("Q").expect_success();
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

/// The structure of a database can be broken where its index leads past it: ZODB serves it, so it is backed
/// up as it is, and that is said.
#[test]
fn damage_that_a_sound_index_hides_is_backed_up_as_it_is_and_said() {
    let mut room = Room::new();
    room.database = Database::with_transactions(20);
    room.put_database();
    room.backup("").expect_success();
    // The index of the backup is that of the database.
    std::fs::copy(room.in_repository(&format!("{FULL}.index")), room.path("Data.fs.index")).unwrap();
    let mut bytes = room.database.bytes().to_vec();
    let trailer = usize::try_from(room.database.ends()[5]).unwrap() - 1;
    bytes[trailer] ^= 1;
    std::fs::write(room.file(), &bytes).unwrap();
    room.pass(60);
    let ran = room.backup("F").expect_success();
    assert!(ran.stderr.contains("the database is damaged there; it is backed up as it is"), "{}", ran.stderr);
    assert_eq!(room.recovered(&[]), bytes);
    let verified = room.verify();
    assert_eq!(verified.status, 1);
    assert!(verified.stderr.contains("at head"), "{}", verified.stderr);
}

/// It was read twice: once for its end and its index, once for the copy.
#[test]
fn a_database_without_an_index_is_read_once_for_a_full() {
    let mut room = Room::new();
    for number in 0..60 {
        room.database.commit(&[(number, 150_000), (number + 7, 20)]);
    }
    room.put_database();
    let (fs, calls) = HookFs::noting();
    room.backup_on(&fs, "").expect_success();
    let file = room.file();
    let is_read = |call: &&testkit::Call| call.op == "read_at" && call.path == file;
    let reads = calls.lock().unwrap().iter().filter(is_read).count();
    // A piece is 256 KiB; a scan in windows of 1 MiB before the copy would be a fourth more.
    let pieces_count = usize::try_from(room.database.len() >> 18).unwrap();
    assert!(pieces_count > 30 && reads < pieces_count + 8, "{reads} reads for {pieces_count} pieces");
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

#[test]
fn what_is_strange_in_a_database_is_said_once_with_how_often_it_was_met() {
    for (count, told) in
        [(1, " @4; it is"), (2, ", the first of 2 problems"), (3, ", the first of 3 problems")]
    {
        let room = Room::new();
        let mut bytes = room.database.bytes().to_vec();
        // A status that no ZODB writes.
        for start in &room.database.ends()[..count] {
            bytes[usize::try_from(*start).unwrap() + 16] = b'x';
        }
        std::fs::write(room.file(), &bytes).unwrap();
        let ran = room.backup("").expect_success();
        let lines: Vec<&str> =
            ran.stderr.lines().filter(|line| line.ends_with("it is backed up as it is")).collect();
        assert_eq!(lines.len(), 1, "{}", ran.stderr);
        assert!(lines[0].contains(told), "{}", lines[0]);
        assert!(room.recovered(&["-w"]) == bytes);
    }
}
