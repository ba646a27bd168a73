//! The program as its users meet it. One binary, one module a subject.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests speak by panicking, and look at the real disk"
)]

mod backups;
mod blobs;
mod cli;
mod common;
mod crash;
mod damage;
mod differential;
mod docs;
mod faults;
mod format;
mod history;
mod hostile;
mod image_disk;
mod inside;
mod interop;
mod judge;
mod live;
mod packaging;
mod restore;
mod safety;
mod upstream;
