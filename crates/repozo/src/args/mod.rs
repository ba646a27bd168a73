//! From the words of a command line to what is to be done.

pub mod classic;
mod duration;
pub(crate) use duration::parse_duration;
mod getopt;
/// The help text.
pub mod help;
pub mod modern;
pub(crate) mod moment;

use std::path::PathBuf;

/// A directory by a name that others can stand beside: `.` has none.
pub(crate) fn blob_dir(dir: PathBuf) -> PathBuf {
    if dir.file_name().is_some() { dir } else { std::path::absolute(&dir).unwrap_or(dir) }
}
