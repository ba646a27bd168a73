//! The real binary under `strace`: which system calls it makes on the files of a directory, and what becomes of
//! it when one of them fails.
//!
//! `strace` counts calls (`when=N`) by name and by thread. So does this: a call is named by its number among those
//! of its name that the first thread makes, start-up of the process included. Other threads may make none on the
//! files of the directory; that is checked.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Every call that opens, reads, writes, copies, syncs, renames, links, unlinks, truncates, locks, lists, asks or
/// sets what a file is, on any processor: a `?` lets `strace` pass over what this one does not have.
const SYSCALLS: &str = "?open,?openat,?openat2,?creat,?read,?pread64,?readv,?preadv,?preadv2,?write,?pwrite64,\
    ?writev,?pwritev,?pwritev2,?copy_file_range,?sendfile,?splice,?fsync,?fdatasync,?sync_file_range,?syncfs,\
    ?fadvise64,?rename,?renameat,?renameat2,?link,?linkat,?symlink,?symlinkat,?unlink,?unlinkat,?truncate,\
    ?ftruncate,?fallocate,?flock,?getdents,?getdents64,?close,?stat,?lstat,?fstat,?newfstatat,?statx,?statfs,\
    ?fstatfs,?access,?faccessat,?faccessat2,?readlink,?readlinkat,?chmod,?fchmod,?fchmodat,?chown,?fchown,\
    ?fchownat,?mkdir,?mkdirat,?rmdir,?lseek,?ioctl";

/// One system call on the files of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) syscall: String,
    /// Its number among the calls of its name, from 1.
    pub(super) number: usize,
    /// What it is about, below the directory, as arguments or behind descriptors.
    pub(super) paths: Vec<PathBuf>,
    /// All that `strace` shows of it.
    pub(super) line: String,
    /// Behind the name, where that tells too little: `(read-only)` of a descriptor that is closed, `(unlock)`,
    /// `(create)`, and `(path)` of a `statx` that is not about something open.
    detail: &'static str,
    /// Whether the draft of a data file is there by now.
    pub(super) is_copying: bool,
}

impl Call {
    /// The same whatever the time and the names of drafts.
    pub(super) fn kind(&self) -> String {
        let paths: Vec<String> = self.paths.iter().map(|path| pattern(path)).collect();
        format!("{}{} {}", self.syscall, self.detail, paths.join(" "))
    }
}

/// A path with `STAMP` and `HEX` for what differs from run to run.
fn pattern(path: &Path) -> String {
    let text = path.to_string_lossy();
    let mut words: Vec<String> = text.split('.').map(str::to_owned).collect();
    for word in &mut words {
        let is_hex = word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit());
        let stamp = word.rsplit('/').next().filter(|name| name.len() == 19 && name.starts_with("20"));
        if let Some(stamp) = stamp.map(str::to_owned) {
            *word = word.replace(&stamp, "STAMP");
        } else if is_hex {
            "HEX".clone_into(word);
        }
    }
    words.join(".")
}

/// How a run ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stderr: String,
    /// The calls on the files of the directory, in order.
    pub(super) calls: Vec<Call>,
    /// The directory.
    pub(super) dir: String,
}

impl Ended {
    /// The same call of this run.
    pub(super) fn same(&self, call: &Call) -> Option<&Call> {
        self.calls.iter().find(|other| other.syscall == call.syscall && other.number == call.number)
    }
}

/// A run of the binary that is watched.
pub(super) struct Watched<'a> {
    /// What is below this is looked at.
    pub(super) dir: &'a Path,
    /// Where `strace` writes; not below `dir`.
    pub(super) trace: &'a Path,
    pub(super) args: &'a [std::ffi::OsString],
    /// Where standard output goes.
    pub(super) stdout: Option<&'a Path>,
}

impl Watched<'_> {
    /// The command with these injections, such as `fsync:error=EIO:when=3`.
    pub(super) fn command(&self, injections: &[String]) -> Command {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-y", "-s", "0", "-e", "signal=STOP"]);
        // The filter of the kernel makes it faster, but then a signal does not strike (strace 6.1).
        if !injections.iter().any(|injection| injection.contains(":signal=")) {
            command.arg("--seccomp-bpf");
        }
        command.arg("-e").arg(format!("trace={SYSCALLS}"));
        for injection in injections {
            command.arg("-e").arg(format!("inject={injection}"));
        }
        command.arg("-o").arg(self.trace).arg("--").arg(env!("CARGO_BIN_EXE_repozo")).args(self.args);
        // What the runtime does at the start must not depend on who runs the test.
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .env_clear()
            .env("PATH", path)
            .env("RAYON_NUM_THREADS", "1")
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let stdout = self.stdout.map(|path| std::fs::File::create(path).unwrap());
        command.stdout(stdout.map_or_else(Stdio::null, Stdio::from));
        command
    }

    /// Runs to the end.
    pub(super) fn run(&self, injections: &[String]) -> Ended {
        let output = self.command(injections).output().unwrap();
        self.ended(output.status, &output.stderr)
    }

    pub(super) fn ended(&self, status: ExitStatus, stderr: &[u8]) -> Ended {
        let stderr = String::from_utf8_lossy(stderr).into_owned();
        let trace = std::fs::read_to_string(self.trace).unwrap_or_default();
        assert!(!trace.is_empty(), "strace says nothing but: {stderr}");
        let calls = calls(&trace, self.dir, status.signal().is_some());
        Ended { status, stderr, calls, dir: self.dir.to_string_lossy().into_owned() }
    }
}

/// The calls of the first thread on what is below `dir`.
fn calls(trace: &str, dir: &Path, was_killed: bool) -> Vec<Call> {
    let mut counts = std::collections::HashMap::<String, usize>::new();
    let first_thread = trace.split(' ').next().unwrap_or_default().to_owned();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let (thread, rest) = line.split_once(' ').unwrap_or_default();
        let rest = rest.trim_start();
        let Some((syscall, _)) = rest.split_once('(').filter(|(name, _)| is_name(name)) else { continue };
        let paths = paths_below(rest, dir);
        if thread != first_thread {
            // Of a thread that dies with the others, strace may show what the first one did.
            assert!(paths.is_empty() || was_killed, "a second thread works on files: {line}");
            continue;
        }
        let count = counts.entry(syscall.to_owned()).or_default();
        *count += 1;
        if !paths.is_empty() {
            let (detail, is_copying) = (detail(rest, &calls), calls.last().is_some_and(copies));
            let (syscall, line) = (syscall.to_owned(), rest.to_owned());
            calls.push(Call { syscall, number: *count, paths, line, detail, is_copying });
        }
    }
    calls
}

fn detail(line: &str, before: &[Call]) -> &'static str {
    let descriptor = |line: &str| line.split(['(', '<']).nth(1).map(str::to_owned);
    let opened = |call: &&Call| {
        let new =
            call.line.rsplit(" = ").next().and_then(|result| result.split('<').next().map(str::to_owned));
        call.syscall.starts_with("open") && new == descriptor(line)
    };
    if line.starts_with("close(")
        && before.iter().rfind(opened).is_some_and(|call| call.line.contains("O_RDONLY"))
    {
        return "(read-only)";
    }
    let words = [("LOCK_UN", "(unlock)"), ("O_CREAT", "(create)"), ("statx(AT_FDCWD", "(path)")];
    words.iter().find(|(word, _)| line.contains(word)).map_or("", |(_, detail)| detail)
}

/// Whether a draft of a data file is open behind this call.
fn copies(call: &Call) -> bool {
    let kind = call.kind();
    call.is_copying || kind.contains("fs") && kind.starts_with("open") && kind.contains("(create)")
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Paths in quotes and behind descriptors (`3</a/path>`), each once; for a new descriptor it is the same path.
fn paths_below(line: &str, dir: &Path) -> Vec<PathBuf> {
    let dir = dir.to_str().unwrap();
    let mut paths: Vec<PathBuf> = Vec::new();
    for (at, _) in line.match_indices(dir) {
        let rest = &line[at..];
        let path = &rest[..rest.find(['"', '>']).unwrap_or(rest.len())];
        // The working directory is shown with every relative call; no argument here is relative.
        let path = Path::new(path).strip_prefix(dir).unwrap().to_owned();
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// Why `strace` cannot be used here, if it cannot.
fn hindrance() -> Option<String> {
    let probe = "inject=fsync:error=EIO:when=1";
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=fsync", "-e", probe, "-o", "/dev/null", "true"]);
    match command.output() {
        Err(error) => Some(format!("strace cannot be started: {error}")),
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            Some(format!("strace does not work: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
    }
}

/// Whether the tests under `strace` can run. Where they must (`REPOZO_REQUIRE_STRACE`, `CI`), it fails; elsewhere
/// it is said on standard error, past the test harness, which keeps what passing tests print to itself.
#[track_caller]
pub(super) fn is_usable(test: &str) -> bool {
    super::allowed(hindrance(), test, "REPOZO_REQUIRE_STRACE", "apt-get install strace")
}
