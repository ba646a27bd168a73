//! Which files a run of the binary touches: what `strace` sees.

use super::ran;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use testkit::Ran;

/// Calls that change what a path names.
const ON_PATHS: [&str; 22] = [
    "truncate",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "mknod",
    "mknodat",
    "chmod",
    "fchmodat",
    "chown",
    "lchown",
    "fchownat",
    "utimensat",
    "setxattr",
];
/// Calls that change, or lock, what a descriptor is open on.
const ON_DESCRIPTORS: [&str; 12] = [
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "ftruncate",
    "fallocate",
    "copy_file_range",
    "sendfile",
    "fchmod",
    "fchown",
    "fsetxattr",
    "flock",
];
const OPENING: [&str; 4] = ["open", "openat", "openat2", "creat"];

/// Runs the binary under `strace`; each of its reads at a position takes so much longer.
pub(super) fn run(words: &[OsString], log: &Path, delay_micros: u64) -> Ran {
    let calls = [&ON_PATHS[..], &ON_DESCRIPTORS[..], &OPENING[..], &["fcntl", "pread64"]].concat();
    let mut strace = command();
    strace.args(["-f", "-qq", "-y", "-s", "4096", "-o"]).arg(log);
    strace.arg("-e").arg(format!("trace={}", calls.join(",")));
    strace.arg("-e").arg(format!("inject=pread64:delay_enter={delay_micros}"));
    ran(strace.arg(env!("CARGO_BIN_EXE_repozo")).args(words).output().unwrap())
}

/// `strace`, which the tests cannot do without.
pub(super) fn command() -> Command {
    let found = Command::new("strace").arg("-V").output();
    assert!(found.is_ok_and(|output| output.status.success()), "strace is not there: install it");
    Command::new("strace")
}

/// One call of the program.
struct Call {
    name: String,
    /// What stands between the brackets, and behind.
    rest: String,
}

/// All calls of a run.
pub(super) struct Trace(Vec<Call>);

impl Trace {
    pub(super) fn read(log: &Path) -> Trace {
        Trace::parse(&String::from_utf8_lossy(&crate::common::content(log)))
    }

    /// Where a call is interrupted by another thread's, its arguments stand in the first of two lines.
    fn parse(text: &str) -> Trace {
        let call = |line: &str| {
            let (name, rest) =
                line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').split_once('(')?;
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            is_name.then(|| Call { name: name.to_owned(), rest: rest.to_owned() })
        };
        Trace(text.lines().filter_map(call).collect())
    }

    /// Whether a file was opened, only to be read.
    pub(super) fn opened_to_read(&self, path: &Path) -> bool {
        let quoted = format!("\"{}\"", path.display());
        self.0.iter().any(|call| {
            OPENING.contains(&call.name.as_str())
                && call.rest.contains(&quoted)
                && call.rest.contains("O_RDONLY")
        })
    }

    /// The calls that opened for writing, changed, or locked what is not in `dir`.
    pub(super) fn touched_outside(&self, dir: &Path) -> Vec<String> {
        let is_inside = |path: &str| Path::new(path).starts_with(dir);
        let is_fault = |call: &&Call| {
            let name = call.name.as_str();
            if OPENING.contains(&name) {
                let flags = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"];
                let writes = name == "creat" || flags.iter().any(|flag| call.rest.contains(flag));
                return writes && !quoted(&call.rest).into_iter().all(is_inside);
            }
            if name == "fcntl" {
                let locks = ["F_SETLK", "F_OFD_SETLK", "F_SETLEASE"];
                return locks.iter().any(|lock| call.rest.contains(lock))
                    && !open_on(&call.rest).is_some_and(is_inside);
            }
            if ON_DESCRIPTORS.contains(&name) {
                // Standard output and error are pipes.
                return !open_on(&call.rest).is_some_and(|path| is_inside(path) || path.starts_with("pipe:"));
            }
            ON_PATHS.contains(&name) && !quoted(&call.rest).into_iter().all(is_inside)
        };
        self.0.iter().filter(is_fault).map(|call| format!("{}({}", call.name, call.rest)).collect()
    }
}

/// The strings among the arguments.
fn quoted(arguments: &str) -> Vec<&str> {
    arguments.split('"').skip(1).step_by(2).collect()
}

/// What the first argument, a descriptor, is open on.
fn open_on(arguments: &str) -> Option<&str> {
    let first = arguments.split(", ").next()?;
    first.split_once('<')?.1.trim_end_matches("(deleted)").strip_suffix('>')
}

#[test]
fn a_trace_shows_what_was_touched_outside() {
    let harmless = r#"
12 openat(AT_FDCWD</>, "/db/Data.fs", O_RDONLY|O_CLOEXEC) = 3</db/Data.fs>
12 openat(AT_FDCWD</>, "/repo/a.part", O_WRONLY|O_CREAT|O_EXCL, 0600) = 4</repo/a.part>
12 flock(5</repo>, LOCK_EX|LOCK_NB) = 0
13 write(4</repo/a.part>, "x", 1 <unfinished ...>
13 <... write resumed>) = 1
12 write(2<pipe:[1]>, "x", 1) = 1
12 renameat2(AT_FDCWD</>, "/repo/a.part", AT_FDCWD</>, "/repo/a", RENAME_NOREPLACE) = 0
12 fcntl(3</db/Data.fs>, F_GETFL) = 0
12 flock(5</repo/old>(deleted), LOCK_UN) = 0
"#;
    let trace = Trace::parse(harmless);
    assert!(trace.opened_to_read(Path::new("/db/Data.fs")) && !trace.opened_to_read(Path::new("/db/other")));
    assert_eq!(trace.touched_outside(Path::new("/repo")), Vec::<String>::new());
    for line in [
        r#"12 openat(AT_FDCWD</>, "/db/Data.fs", O_RDWR|O_CLOEXEC) = 3</db/Data.fs>"#,
        r#"12 openat(AT_FDCWD</>, "/db/new", O_WRONLY|O_CREAT, 0600 <unfinished ...>"#,
        r"12 flock(3</db/Data.fs>, LOCK_SH|LOCK_NB) = 0",
        r"12 fcntl(3</db/Data.fs>, F_SETLK, {l_type=F_RDLCK}) = 0",
        r#"12 write(3</db/Data.fs>, "x", 1) = 1"#,
        r#"12 rename("/repo/a", "/db/a") = 0"#,
        r#"12 unlink("/db/Data.fs.index") = 0"#,
    ] {
        assert_eq!(Trace::parse(line).touched_outside(Path::new("/repo")).len(), 1, "{line}");
    }
}
