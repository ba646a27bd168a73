//! Which of the mutants that are woven into this build is the one that is on.
//!
//! `MUTANT=7` turns on the seventh. `MUTANT_TRACE=DIR` turns on none, and each process writes into a file of its own in
//! DIR which of them it came by.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const UNKNOWN: u32 = u32::MAX;
const TRACE: u32 = u32::MAX - 1;
const NONE: u32 = u32::MAX - 2;
const MOST: usize = 16_384;

static ON: AtomicU32 = AtomicU32::new(UNKNOWN);
static SEEN: [AtomicBool; MOST] = [const { AtomicBool::new(false) }; MOST];
static WRITING: Mutex<()> = Mutex::new(());

/// Whether mutant `number` is on.
#[inline]
pub fn m(number: u32) -> bool {
    let on = ON.load(Ordering::Relaxed);
    if on >= NONE { special(on, number) } else { on == number }
}

#[cold]
fn special(on: u32, number: u32) -> bool {
    match on {
        UNKNOWN => {
            let on = match (std::env::var("MUTANT"), std::env::var_os("MUTANT_TRACE")) {
                (Ok(number), _) => number.parse().unwrap_or(NONE),
                (_, Some(_)) => TRACE,
                _ => NONE,
            };
            ON.store(on, Ordering::Relaxed);
            m(number)
        }
        TRACE => {
            if !SEEN[number as usize].swap(true, Ordering::Relaxed) {
                write(number);
            }
            false
        }
        _ => false,
    }
}

/// Written at once: the process may be killed behind this.
fn write(number: u32) {
    let Some(dir) = std::env::var_os("MUTANT_TRACE") else { return };
    let _one = WRITING.lock();
    let path = std::path::Path::new(&dir).join(std::process::id().to_string());
    if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
        let _ = file.write_all(format!("{number}\n").as_bytes());
    }
}
