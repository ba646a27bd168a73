use super::text;
use crate::common::{args, content, ours};
use crate::safety::Room;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use testkit::Ran;

impl Room {
    fn back_up(&self, words: &[&str]) -> Ran {
        let mut all = args!["backup", "-r", self.repository(), self.file()].to_vec();
        all.extend(words.iter().map(OsString::from));
        ours(&self.clock, &all)
    }

    fn back_up_json(&self, words: &[&str]) -> Value {
        serde_json::from_slice(&self.back_up(&[words, &["--json"]].concat()).expect_success().stdout).unwrap()
    }
}

#[test]
fn what_was_made_is_told_with_its_kind_and_reason() {
    let mut room = Room::new();
    let told = room.back_up_json(&[]);
    assert_eq!((&told["kind"], &told["transactions"]), (&json!("full"), &json!(8)));
    assert_eq!((&told["start_pos"], &told["end_pos"]), (&json!(0), &json!(room.database.len())));
    assert_eq!(told["name"], "2023-11-14-22-13-20.fs");
    room.pass(60);
    let told = room.back_up_json(&["--quick"]);
    assert_eq!(
        (&told["kind"], &told["name"], &told["transactions"]),
        (&json!("nothing"), &json!(null), &json!(0))
    );
    let before = room.database.len();
    room.grow();
    room.grow();
    let told = room.back_up_json(&["--quick", "--gzip"]);
    assert_eq!((&told["kind"], &told["transactions"]), (&json!("incremental"), &json!(2)));
    assert_eq!((&told["start_pos"], &told["end_pos"]), (&json!(before), &json!(room.database.len())));
    room.pass(60);
    let ran = room.back_up(&["--full"]).expect_success();
    let told = text(&ran);
    assert!(
        told.starts_with("2023-11-14-22-15-20.fs: ") && told.ends_with("; a full was asked for\n"),
        "{told}"
    );
    assert!(told.contains(", 10 transactions, in "), "{told}");
    room.pass(60);
    room.database.pack(3);
    room.put_database();
    let ran = room.back_up(&[]).expect_success();
    assert!(text(&ran).ends_with("packed?\n"), "{}", text(&ran));
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

/// What each command was told, one file a command.
#[test]
fn the_commands_of_the_user_are_run_with_the_facts() {
    let mut room = Room::new();
    // The tests themselves are told things in such variables.
    let facts = "REPOZO_(REPOSITORY|FILE|KIND|BACKUP|BYTES|TRANSACTIONS|ERROR|STATUS)=";
    let note = |name: &str| format!("env | grep -E '^{facts}' | sort > '{}'", room.path(name).display());
    let (before, after, failed) = (note("before"), note("after"), note("failed"));
    let hooks = ["--hook-before", &*before, "--hook-after", &*after, "--hook-failed", &*failed];
    room.back_up(&hooks).expect_success();
    let places = format!("REPOZO_FILE={}\n", room.file().display());
    let repository = format!("REPOZO_REPOSITORY={}\n", room.repository().display());
    let told = |name: &str| String::from_utf8(content(&room.path(name))).unwrap();
    assert_eq!(told("before"), format!("{places}{repository}"));
    let made = room.in_repository("2023-11-14-22-13-20.fs");
    assert_eq!(
        told("after"),
        format!(
            "REPOZO_BACKUP={}\nREPOZO_BYTES={}\n{places}REPOZO_KIND=full\n{repository}REPOZO_TRANSACTIONS=8\n",
            made.display(),
            room.database.len()
        )
    );
    assert!(!room.path("failed").exists());
    std::fs::write(room.file(), b"no database").unwrap();
    std::fs::remove_file(room.path("after")).unwrap();
    let ran = room.back_up(&hooks);
    assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
    assert!(
        told("failed").contains(&format!("REPOZO_ERROR={}\n", ran.stderr.trim_end())),
        "{}",
        told("failed")
    );
    assert!(told("failed").contains("REPOZO_STATUS=1\n") && !room.path("after").exists());
    room.grow();
}

#[test]
fn a_command_that_fails_stops_the_run_before_it_and_is_told_behind_it() {
    let room = Room::new();
    let ran = room.back_up(&["--hook-before", "echo out; exit 3"]);
    assert_eq!((ran.status, ran.stdout.len()), (1, 0));
    assert!(
        ran.stderr.contains("--hook-before \"echo out; exit 3\" failed: exit status: 3"),
        "{}",
        ran.stderr
    );
    assert!(room.backups().is_empty());
    let ran = room.back_up(&["--hook-after", "exit 4"]);
    assert_eq!(ran.status, 1);
    assert!(text(&ran).contains(".fs: ") && ran.stderr.contains("exit status: 4"), "{}", ran.stderr);
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    // The failure of the run is what is told in the end.
    let ran = room.back_up(&["--hook-before", "exit 3", "--hook-failed", "exit 5"]);
    assert_eq!(ran.status, 1);
    let last = ran.stderr.lines().last().unwrap();
    assert!(last.contains("exit status: 3") && ran.stderr.contains("exit status: 5"), "{}", ran.stderr);
}

/// The backup is made whether anybody can be told or not, and what is to be done behind it is done.
#[test]
fn the_command_behind_a_backup_is_run_where_the_output_is_full() {
    let room = Room::new();
    let done = room.path("done");
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ended = crate::common::binary()
        .args(args!["backup", "-r", room.repository(), room.file()])
        .args(["--hook-after", &format!("touch '{}'", done.display())])
        .stdout(full)
        .status()
        .unwrap();
    assert_eq!((ended.code(), done.exists(), room.backups().len()), (Some(1), true, 1));
}

/// A command that starts another one, and waits for it; both have the pipe open.
struct Hanging {
    pipe: PathBuf,
    reading: JoinHandle<usize>,
}

impl Hanging {
    fn new(room: &Room) -> Hanging {
        let pipe = room.path("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let read = pipe.clone();
        let reading = std::thread::spawn(move || std::fs::read(read).unwrap().len());
        Hanging { pipe, reading }
    }

    fn command(&self) -> String {
        format!("exec > '{}'; sleep 300 & echo started >&2; wait", self.pipe.display())
    }

    /// Returns when neither runs any more.
    fn expect_gone(self) {
        assert_eq!(self.reading.join().unwrap(), 0);
    }
}

#[test]
fn a_command_that_hangs_is_stopped_with_all_that_it_started() {
    let room = Room::new();
    let hanging = Hanging::new(&room);
    let ran = room.back_up(&["--hook-before", &hanging.command(), "--hook-timeout", "1s"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("took longer than 1 seconds"), "{}", ran.stderr);
    hanging.expect_gone();
    assert!(room.backups().is_empty());
}

/// A signal to the program does not wait for the command.
#[test]
fn a_signal_ends_the_command_too() {
    let room = Room::new();
    let hanging = Hanging::new(&room);
    let mut child = crate::common::binary()
        .args(args!["backup", "-r", room.repository(), room.file(), "--hook-before", hanging.command()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "started");
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    hanging.expect_gone();
}
