//! A repository that somebody wrote who means no good: what is read of it, what is written because of it, and
//! that every run ends. `fuzz/` tries the readers one by one; here the program is what is tried.

mod bombs;
mod kinds;
mod lists;

use crate::common::{binary, content};
use crate::safety::{FIRST, FULL, NEXT, Room, SECOND};
use std::ffi::OsString;
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};
use testkit::Ran;

/// Every way to look at a repository, and every way to work on it.
const LOOKING: [&str; 6] = ["-V", "-VQ", "-R", "-Rw", "-R -o", "-Rw -o"];
const BACKING_UP: [&str; 6] = ["-B", "-BQ", "-Bv", "-Bz", "-BFk", "-BFk --force"];

/// The files of a repository, to be put back after a run: making them anew would sync each of them.
struct Snapshot(Vec<(String, Vec<u8>)>);

impl Snapshot {
    fn of(room: &Room) -> Snapshot {
        let names = room.names().into_iter();
        Snapshot(names.map(|name| (name.clone(), content(&room.in_repository(&name)))).collect())
    }

    fn put_back(&self, room: &Room) {
        for name in room.names() {
            let path = room.in_repository(&name);
            if path.is_dir() && !path.is_symlink() {
                std::fs::remove_dir(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
        // Of files without a line a backup waits for those that are only just there.
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        for (name, bytes) in &self.0 {
            room.write(name, bytes);
            let file = std::fs::File::options().append(true).open(room.in_repository(name)).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        let _ = std::fs::remove_file(room.path("Restored.fs"));
    }
}

/// The words of a run: `-o` means the target.
fn words(room: &Room, line: &str) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["-r".into(), room.repository().into()];
    for word in line.split(' ').rev() {
        match word {
            "-o" => words.extend(["-o".into(), room.path("Restored.fs").into()]),
            word => words.insert(0, word.into()),
        }
    }
    if line.starts_with("-B") {
        words.extend(["-f".into(), room.file().into()]);
    }
    words
}

/// Runs the real binary, which must end by itself.
#[track_caller]
fn run_to_its_end(words: &[OsString]) -> Ran {
    let mut child = binary()
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let stdout = std::thread::spawn(move || read_all(&mut out));
    let stderr = std::thread::spawn(move || read_all(&mut err));
    let deadline = Instant::now() + Duration::from_secs(60);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("{words:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let stderr = String::from_utf8(stderr.join().unwrap()).unwrap();
    let status = status.code().unwrap_or_else(|| panic!("{words:?} {status}: {stderr}"));
    Ran { status: u8::try_from(status).unwrap(), stdout: stdout.join().unwrap(), stderr }
}

fn read_all(input: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).unwrap();
    bytes
}

/// No panic; warnings, then one line that says why and has one of `names`.
#[track_caller]
fn assert_fails_naming(ran: &Ran, names: &[&str]) {
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    let lines: Vec<&str> = ran.stderr.lines().filter(|line| !line.starts_with("warning: ")).collect();
    let [line] = lines[..] else { panic!("not one line:\n{}", ran.stderr) };
    assert!(names.iter().any(|name| line.contains(name)), "none of {names:?} is in {line:?}");
}

/// A problem with one of `names` in it, and their count.
#[track_caller]
fn assert_problem_naming(ran: &Ran, names: &[&str]) {
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    let named = |line: &str| names.iter().any(|name| line.contains(name));
    assert!(ran.stderr.lines().any(named), "none of {names:?} is in\n{}", ran.stderr);
    assert!(ran.stderr.lines().count() < 12, "a flood:\n{}", ran.stderr);
}
