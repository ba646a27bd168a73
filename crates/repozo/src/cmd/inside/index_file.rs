//! The index beside a database, against the truth.

use classic::Context;
use filestorage::{Extent, Index, Nothing, load_index};
use std::io::{self, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use vfs::{Head, Op, ReadAt, ReadFile, Sequential};

/// How many wrong entries are told one by one.
const TOLD_COUNT: usize = 10;

/// `Data.fs.index`, opened before the database is scanned, so that it knows nothing that the scan does not.
pub(super) struct IndexFile {
    path: PathBuf,
    file: Box<dyn ReadFile>,
}

impl IndexFile {
    /// Its path, for a database.
    pub(super) fn path_of(database: &Path) -> PathBuf {
        let mut path = database.to_owned().into_os_string();
        path.push(".index");
        path.into()
    }

    /// The one of the database at this path; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(ctx: &Context<'_>, database: &Path) -> Result<Option<IndexFile>, inspect::Error> {
        let path = IndexFile::path_of(database);
        match ctx.fs.open(&path) {
            Ok(file) => Ok(Some(IndexFile { path, file })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let error = classic::Error::from(vfs::Error::new(Op::Open, &path, error));
                Err(io::Error::other(error).into())
            }
        }
    }

    /// What is wrong with it, one line each; `truth` is what a scan to `extent` found.
    pub(super) fn problems(self, database: &dyn ReadAt, truth: &Index, extent: &Extent) -> Vec<String> {
        // What it does not cover yet is added from the database, as a server does, and no more than the scan saw.
        let seen = Head::new(database, extent.end_pos);
        let input = BufReader::with_capacity(1 << 16, Sequential::new(self.file));
        let told = match load_index(input, &seen, &mut Nothing) {
            Ok((index, _)) => differences(&index, truth),
            Err(error) => vec![error.to_string()],
        };
        told.into_iter().map(|what| format!("{}: {what}", self.path.display())).collect()
    }
}

fn differences(found: &Index, truth: &Index) -> Vec<String> {
    let mut told = Vec::new();
    let mut count = 0;
    let mut differs = |what: String| {
        count += 1;
        if count <= TOLD_COUNT {
            told.push(what);
        }
    };
    for (oid, pos) in truth.iter() {
        match found.get(oid) {
            Some(found_pos) if found_pos == pos => {}
            Some(found_pos) => differs(format!("oid {oid} is @{pos}, not @{found_pos}")),
            None => differs(format!("oid {oid} @{pos} is missing")),
        }
    }
    for (oid, pos) in found.iter().filter(|(oid, _)| truth.get(*oid).is_none()) {
        differs(format!("oid {oid} @{pos} is no object of the database"));
    }
    if count > TOLD_COUNT {
        told.push(format!("and {} more", count - TOLD_COUNT));
    }
    told
}
