use super::index_file::IndexFile;
use super::{look, status};
use crate::args::modern::{IndexArgs, Source};
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::report::one_line;
use classic::{Context, write_index};
use filestorage::{Boundary, Extent, Index, committed_end};
use std::io::Write;
use vfs::ReadAt;

/// `repozo index`; the exit status.
///
/// # Errors
/// When the database cannot be read, or the index not written.
pub(super) fn run(args: &IndexArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let ctx = &desk.ctx;
    let source = Source::of_file(&args.file);
    if args.rebuild {
        let (index, extent) = look(desk, &source, true_index)?;
        let path = write_index(ctx, &args.file, &index, extent.end_pos)?;
        return told(out, &format!("wrote {} of {} objects", path.display(), index.len())).map(|()| 0);
    }
    let problems = look(desk, &source, |database| problems(ctx, args, database))?;
    for problem in &problems {
        told(out, problem)?;
    }
    Ok(status(problems.is_empty()))
}

fn told(out: &mut dyn Write, line: &str) -> Result<(), Failure> {
    writeln!(out, "{}", one_line(line)).map_err(Failure::Output)
}

/// The index of a database, by a scan.
fn true_index(database: &dyn ReadAt) -> Result<(Index, Extent), inspect::Error> {
    let mut index = Index::new();
    let start = Boundary::start(database)?;
    let extent = committed_end(database, start, &mut index)?;
    index.check()?;
    Ok((index, extent))
}

/// What is wrong with the index file of a database.
fn problems(
    ctx: &Context<'_>,
    args: &IndexArgs,
    database: &dyn ReadAt,
) -> Result<Vec<String>, inspect::Error> {
    let Some(file) = IndexFile::open(ctx, &args.file)? else {
        return Ok(vec![format!("{}: it is not there", IndexFile::path_of(&args.file).display())]);
    };
    let (truth, extent) = true_index(database)?;
    Ok(file.problems(database, &truth, &extent))
}
