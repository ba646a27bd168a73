//! The real binary on a real disk that fails it: each system call in turn under `strace`, short reads and writes,
//! a limit of the size of files, a disk that is full, a quota. What must hold is judged as in [`crate::judge`].
//!
//! What `strace -e inject` does, looked at and kept in mind:
//!
//! * `error=EIO`: the call is not made, the program is told that it failed. Fair.
//! * `signal=KILL`: strikes before the call, which is not made.
//! * `retval=3`: the call is **not** made either, the program is told that it did something. For a write that is a
//!   lie which no kernel tells, so it is not used; short writes are real ones, see `short.rs`. For a read
//!   `poke_exit` puts the true first bytes where the program expects them, which makes it a fair short read.
//!
//! | variable | meaning |
//! |---|---|
//! | `REPOZO_STRACE_ALL` | every call with every fault; else every one with EIO and KILL, and some of the others |
//! | `REPOZO_FAULTS_SEED` | which others, and how full the disk is |
//! | `REPOZO_FAULTS_ROUNDS` | how many disks are filled |
//! | `REPOZO_FAULTS_ONLY` | only the scenario of this name |
//! | `REPOZO_REQUIRE_STRACE`, `REPOZO_REQUIRE_MOUNT`, `CI` | a test that cannot run here fails |

mod full_disk;
mod judging;
mod limits;
mod plain;
mod quota;
mod scenario;
mod short;
mod strace;
mod sweep;
mod tolerated;

use crate::common::setting;
use std::io::Write;

/// Whether a test may run: nothing hinders it. Where it must run, a hindrance fails it; elsewhere it is said on
/// standard error, past the test harness, which keeps what passing tests print to itself.
#[track_caller]
pub(crate) fn allowed(hindrance: Option<String>, test: &str, requiring: &str, advice: &str) -> bool {
    let Some(hindrance) = hindrance else { return true };
    let required = [requiring, "CI"].into_iter().find(|name| setting::<String>(name).is_some());
    if let Some(required) = required {
        panic!("{test} cannot run here, and {required} is set: {hindrance}; {advice}");
    }
    let rule = "!".repeat(78);
    let text = format!("\n{rule}\n!!! SKIPPED: {test}\n!!! {hindrance}\n!!! {advice}\n{rule}\n");
    std::io::stderr().write_all(text.as_bytes()).unwrap();
    false
}
