//! A few bytes that hold many: compressed files, and lengths in indexes.

use super::*;
use crate::common::ours_with;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use testkit::HookFs;

/// 10 MB of zeros in 10 KB, as Python's gzip writes them; so many of them joined are one file too.
fn bomb(count: usize) -> Vec<u8> {
    let path = std::env::temp_dir().join(format!("zeros-{}-{count}", std::process::id()));
    std::fs::File::create(&path).unwrap().set_len(10_000_000).unwrap();
    let output = Command::new("gzip").arg("-c").arg(&path).output().unwrap();
    assert!(output.status.success());
    std::fs::remove_file(path).unwrap();
    output.stdout.repeat(count)
}

/// What a run put on the disk and took from a file, call by call.
struct Watched {
    ran: Ran,
    /// The largest that any file became that was being written.
    written_len: u64,
    /// How often the bomb was read from, 256 KiB each at most.
    read_count: u64,
}

fn watch(room: &Room, bomb: &Path, line: &str) -> Watched {
    let (written, read) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (largest, count, bomb) = (Arc::clone(&written), Arc::clone(&read), bomb.to_owned());
    let fs = HookFs::new(move |call| {
        if matches!(call.op, "append" | "sync" | "remove" | "close")
            && call.path.extension().is_some_and(|end| end == "part")
        {
            largest.fetch_max(std::fs::metadata(&call.path).map_or(0, |meta| meta.len()), Ordering::Relaxed);
        }
        if call.op == "read_at" && call.path == bomb {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    let ran = ours_with(&fs, &room.clock, &words(room, line));
    Watched { ran, written_len: written.load(Ordering::Relaxed), read_count: read.load(Ordering::Relaxed) }
}

/// A full and an incremental, compressed; the one that is called `name` holds a bomb, its list says what it was.
fn with_bomb(name: &str, bomb: &[u8]) -> Room {
    let mut room = Room::new();
    room.backup("z").expect_success();
    room.pass(60);
    room.grow();
    room.backup("z").expect_success();
    room.write(name, bomb);
    room.pass(60);
    room.grow();
    room
}

/// 5 GB in 5 MB. What `-V` says of a file that is too long, it says after a gigabyte.
#[test]
fn a_compressed_bomb_is_neither_written_nor_read_much_beyond_what_its_line_promises() {
    let bomb = bomb(500);
    for name in [format!("{FULL}.fsz"), format!("{FIRST}.deltafsz")] {
        let room = with_bomb(&name, &bomb);
        let snapshot = Snapshot::of(&room);
        for line in LOOKING.iter().chain(&BACKING_UP) {
            snapshot.put_back(&room);
            let promised_len = room.database.len();
            let watched = watch(&room, &room.in_repository(&name), line);
            let (ran, what) = (&watched.ran, format!("{line} of {name}"));
            assert!(!ran.stderr.contains("panicked"), "{what}: {}", ran.stderr);
            assert!(watched.written_len <= promised_len + 1000, "{what}: {} written", watched.written_len);
            assert!(ran.stdout.len() as u64 <= promised_len, "{what}: {} bytes", ran.stdout.len());
            let limit = if *line == "-V" { 8 } else { 12 };
            assert!(watched.read_count <= limit, "{what}: read {} times", watched.read_count);
            match line.as_bytes()[1] {
                b'B' => {
                    assert!(ran.status == 0 || line.contains("Fk"), "{what}: {}", ran.stderr);
                    assert_eq!(room.recovered(&["-w"]), room.database.bytes(), "{what}");
                }
                b'V' => assert_problem_naming(ran, &[&name]),
                _ => {
                    assert_fails_naming(ran, &[&name]);
                    assert!(!room.path("Restored.fs").exists(), "{what}");
                }
            }
        }
    }
}

/// Nothing promises anything of these: one is read to its end once, for a database may be in it; but it is not
/// joined, and not kept under a name that anybody joins.
#[test]
fn a_compressed_bomb_that_no_line_names_is_set_aside() {
    let bomb = bomb(50);
    for line in ["-B", "-BQ", "-R", "-Rw", "-R -o"] {
        let mut room = Room::new();
        room.backup("z").expect_success();
        let state = room.database.bytes().to_vec();
        room.pass(60);
        let name = format!("{FIRST}.deltafsz");
        room.write(&name, &bomb);
        room.pass(60);
        room.grow();
        let watched = watch(&room, &room.in_repository(&name), line);
        assert_eq!(watched.ran.status, 0, "{line}: {}", watched.ran.stderr);
        assert!(watched.ran.stderr.contains(&name), "{line}: {}", watched.ran.stderr);
        assert!(watched.written_len <= room.database.len() + 1000, "{line}");
        assert!(watched.read_count <= 5, "{line}: read {} times", watched.read_count);
        if line.starts_with("-B") {
            assert!(room.in_repository(&format!("{name}.unlisted")).exists(), "{line}");
            assert_eq!(room.recovered(&["-w"]), room.database.bytes(), "{line}");
        } else {
            let restored = room.path("Restored.fs");
            assert_eq!(if line.contains("-o") { content(&restored) } else { watched.ran.stdout }, state);
        }
    }
}

/// Without a list nothing promises anything, but what is longer than the database is not a part of it.
#[test]
fn a_compressed_bomb_without_a_list_is_read_as_far_as_the_database_goes() {
    let name = format!("{FULL}.fsz");
    let room = with_bomb(&name, &bomb(500));
    room.remove(&format!("{FULL}.dat"));
    let watched = watch(&room, &room.in_repository(&name), "-B");
    assert_eq!(watched.ran.status, 0, "{}", watched.ran.stderr);
    assert!(watched.read_count <= 12, "read {} times", watched.read_count);
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

/// In an address space with no room for what is promised: a run that believed it would end by a signal.
#[test]
fn memory_does_not_grow_with_what_is_promised() {
    let mut room = Room::new();
    room.backup("z").expect_success();
    let state = room.database.bytes().to_vec();
    room.pass(60);
    let full = format!("{FULL}.fsz");
    let index = format!("{FULL}.index");
    let sound = content(&room.in_repository(&full));
    room.write(&full, &bomb(100));
    for line in LOOKING {
        assert_problem_naming(&run_in_little_memory(&words(&room, line)), &[&full]);
    }
    room.write(&full, &sound);
    for (what, bytes) in huge_indexes() {
        room.write(&index, &bytes);
        std::fs::write(room.path("Data.fs.index"), &bytes).unwrap();
        assert_problem_naming(&run_in_little_memory(&words(&room, "-V")), &[&index]);
        let ran = run_in_little_memory(&words(&room, "-Rw -o"));
        assert_eq!((ran.status, ran.stderr.lines().count()), (0, 1), "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains(&index), "{what}: {}", ran.stderr);
        assert_eq!(content(&room.path("Restored.fs")), state);
        assert!(!room.path("Restored.fs.index").exists(), "{what}");
        // A backup makes its own index anew, from a database whose index is as bad.
        room.grow();
        let ran = run_in_little_memory(&words(&room, "-B"));
        assert_eq!(ran.status, 0, "{what}: {}", ran.stderr);
        assert_eq!(room.recovered(&["-w"]), room.database.bytes());
        for name in room.names().iter().filter(|name| !name.starts_with(FULL)) {
            room.remove(name);
        }
        let dat = room.dat(&format!("{FULL}.dat"));
        room.write(&format!("{FULL}.dat"), format!("{}\n", dat.lines().next().unwrap()).as_bytes());
        std::fs::remove_file(room.path("Restored.fs")).unwrap();
    }
}

fn huge_indexes() -> Vec<(&'static str, Vec<u8>)> {
    let cut = |opcode: &[u8]| [b"\x80\x03", opcode, &[0xff; 8], b"abc"].concat();
    let buckets =
        |opcode: &[u8]| [b"\x80\x03K\x64.\x80\x03", opcode, &[0xff, 0xff, 0xff, 0x7f], b"abc"].concat();
    let in_prefix =
        |len: u32| [&b"\x80\x03K\x64.\x80\x03C\x06\0\0\0\0\0\0B"[..], &len.to_le_bytes(), b"abc"].concat();
    vec![
        ("a string of 4 GiB", cut(b"B")),
        ("a text of 4 GiB", cut(b"X")),
        ("an integer of 4 GiB", cut(b"\x8b")),
        ("a memo entry of 2^32", cut(b"}r")),
        ("a prefix of 2 GiB", buckets(b"B")),
        ("a bucket of 4 GiB", in_prefix(u32::MAX)),
        ("a bucket of a MiB that is not there", in_prefix(1 << 20)),
        ("marks without end", [&b"\x80\x03"[..], &vec![b'('; 5 << 20]].concat()),
        ("tuples without end", [&b"\x80\x03)"[..], &vec![0x85; 5 << 20], b"."].concat()),
        ("a line without end", [&b"I"[..], &vec![b'1'; 5 << 20]].concat()),
    ]
}

/// 600 MB of address space, threads and their stacks included.
fn run_in_little_memory(words: &[OsString]) -> Ran {
    let mut command = Command::new("sh");
    command.arg("-c").arg("ulimit -v 600000; exec \"$@\"").arg("sh").arg(env!("CARGO_BIN_EXE_repozo"));
    let mut child = command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().map(|mut input| input.flush());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let status = output.status.code().unwrap_or_else(|| panic!("{words:?} {}: {stderr}", output.status));
    Ran { status: u8::try_from(status).unwrap(), stdout: output.stdout, stderr }
}
