//! Lines of every verb, as programs get them.

use crate::common::{args, ours};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::Path;
use testkit::TestClock;

/// What gives all lines but those of [`RARE`].
const COMMANDS: [&str; 44] = [
    "check bad-plen.fs",
    "check status-u.fs",
    "check --blobs BLOBS blobs.fs",
    "refs --garbage --blobs BLOBS refs.fs",
    "refs --blobs BLOBS blobs.fs",
    "refs bad-plen.fs",
    "refs refs-broken.fs",
    "why 0 undo.fs",
    "why 1 undo.fs",
    "why 3 undo.fs",
    "why 0x77 undo.fs",
    "referrers 1 refs.fs",
    "history 1 refs.fs",
    "history 0x77 bad-plen.fs",
    "cat 0 refs.fs",
    "cat 3 undo.fs",
    "cat 1 bad-back-oid.fs",
    "cat 0x77 bad-plen.fs",
    "log bad-plen.fs",
    "tail -n 99 bad-plen.fs",
    "dump bad-plen.fs",
    "stats bad-plen.fs",
    "salvage bad-plen.fs NEW",
    "backup -r REPOSITORY undo.fs",
    "backup -r WITH_BLOBS undo.fs --blobs BLOBS",
    "status -r REPOSITORY --file undo.fs",
    "drill -r REPOSITORY --scratch SCRATCH",
    "drill -r GAPS --scratch SCRATCH",
    "repair -r REPOSITORY",
    "tag -r REPOSITORY newest a-tag",
    "hold -r REPOSITORY newest",
    "unhold -r REPOSITORY newest",
    "forget -r REPOSITORY --keep-last 1",
    "list -r REPOSITORY",
    "list -r WITH_BLOBS",
    "backup -r OF_BLOBS blobs.fs --blobs FILES",
    "blobs list -r OF_BLOBS",
    "blobs export 1 -r OF_BLOBS -o A_BLOB",
    "list -r GAPS",
    "verify -r REPOSITORY",
    "verify -r GAPS",
    "restore -r REPOSITORY --dry-run",
    "restore -r REPOSITORY -o RESTORED",
    "restore -r WITH_BLOBS -o RESTORED --blobs RESTORED_BLOBS",
];

/// Those that need a damaged index, a stray file, an old ZODB.
pub(super) const RARE: [&str; 3] = ["index", "unnamed-blob", "skipped-undone"];

/// A line.
pub(super) struct Line {
    /// What gave it.
    pub(super) command: &'static str,
    /// Its fields.
    pub(super) fields: Map<String, Value>,
}

impl Line {
    /// The verb that gave it.
    pub(super) fn verb(&self) -> &'static str {
        self.command.split(' ').next().unwrap()
    }

    /// Its type.
    pub(super) fn kind(&self) -> &str {
        self.fields["message_type"].as_str().unwrap()
    }
}

/// All of them.
pub(super) fn lines() -> Vec<Line> {
    let dir = tempfile::tempdir().unwrap();
    for name in ["blobs", "repository", "with-blobs"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    let sample = testkit::data("samples").join("undo.fs");
    let clock = TestClock::at(1_800_000_000);
    ours(&clock, &args!["-B", "-r", dir.path().join("repository"), "-f", sample]).expect_success();
    repository_with_gaps(dir.path());
    files_of_blobs(dir.path());
    COMMANDS.into_iter().flat_map(|command| lines_of(command, dir.path())).collect()
}

fn lines_of(command: &'static str, dir: &Path) -> Vec<Line> {
    let place = |word: &str| match word {
        "BLOBS" => dir.join("blobs").into_os_string(),
        "GAPS" => dir.join("gaps").into_os_string(),
        "SCRATCH" => dir.as_os_str().to_owned(),
        "REPOSITORY" => dir.join("repository").into_os_string(),
        "WITH_BLOBS" => dir.join("with-blobs").into_os_string(),
        "FILES" => dir.join("files").into_os_string(),
        "OF_BLOBS" => dir.join("of-blobs").into_os_string(),
        "A_BLOB" => dir.join("a-blob").into_os_string(),
        "RESTORED_BLOBS" => dir.join("restored-blobs").into_os_string(),
        "RESTORED" => dir.join("Restored.fs").into_os_string(),
        "NEW" => dir.join("New.fs").into_os_string(),
        name if name.ends_with(".fs") => testkit::data("samples").join(name).into_os_string(),
        other => other.into(),
    };
    let words: Vec<OsString> = command.split(' ').map(place).chain(["--json".into()]).collect();
    let ran = ours(&TestClock::at(1_900_000_000), &words);
    assert_eq!(ran.stderr, "", "{command}");
    let told = str::from_utf8(&ran.stdout).unwrap().lines();
    told.map(|line| Line { command, fields: serde_json::from_str(line).unwrap() }).collect()
}

/// A blob directory for `blobs.fs`: the names are what `check` misses.
fn files_of_blobs(dir: &Path) {
    let (blobs, sample) = (dir.join("files"), testkit::data("samples").join("blobs.fs"));
    std::fs::create_dir_all(blobs.join("0x00")).unwrap();
    std::fs::write(blobs.join(".layout"), "bushy").unwrap();
    let ran = ours(&TestClock::at(1_800_000_000), &args!["check", sample, "--blobs", blobs, "--json"]);
    for line in str::from_utf8(&ran.stdout).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(file) = line["file"].as_str().map(Path::new) {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "a blob").unwrap();
        }
    }
    std::fs::create_dir(dir.join("of-blobs")).unwrap();
}

/// Backups of three days, of a day a week later, and a file that is damaged.
fn repository_with_gaps(dir: &Path) {
    let (repository, file) = (dir.join("gaps"), dir.join("Data.fs"));
    std::fs::create_dir(&repository).unwrap();
    let clock = TestClock::at(1_800_000_000);
    let mut database = testkit::Database::with_transactions(3);
    for days in [1, 1, 7, 1] {
        database.commit(&[(1, 9)]);
        std::fs::write(&file, database.bytes()).unwrap();
        ours(&clock, &args!["-B", "-r", &repository, "-f", &file]).expect_success();
        clock.pass(std::time::Duration::from_secs(86_400 * days));
    }
    let last = testkit::names(&repository).into_iter().rfind(|name| name.ends_with(".deltafs")).unwrap();
    std::fs::write(repository.join(last), b"something else").unwrap();
}
