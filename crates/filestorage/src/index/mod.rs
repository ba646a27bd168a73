//! oid to position of the current record: the content of `Data.fs.index`.

mod blocks;
mod file;

pub use blocks::Index;
pub use file::{IndexError, current_records, load_index, merge_index};
