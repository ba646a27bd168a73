use super::failure::Failure;
use super::{FOUND, look};
use crate::args::modern::{IndexArgs, Source};
use crate::report::one_line;
use classic::{Context, write_index};
use filestorage::{Boundary, Extent, Index, Nothing, committed_end, load_index};
use std::io::{BufReader, ErrorKind, Write};
use std::path::PathBuf;
use vfs::{Op, ReadAt, Sequential};

/// How many wrong entries are told one by one.
const TOLD_COUNT: usize = 10;

/// `repozo index`; the exit status.
///
/// # Errors
/// When the database cannot be read, or the index not written.
pub(super) fn run(args: &IndexArgs, ctx: &Context<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let source = Source::of_file(&args.file);
    if args.rebuild {
        let (index, extent) = look(ctx, &source, true_index)?;
        let path = write_index(ctx, &args.file, &index, extent.end_pos)?;
        return told(out, &format!("wrote {} of {} objects", path.display(), index.len())).map(|()| 0);
    }
    let problems = look(ctx, &source, |database| problems(ctx, args, database))?;
    for problem in &problems {
        told(out, problem)?;
    }
    Ok(if problems.is_empty() { 0 } else { FOUND })
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
    let path = index_path(args);
    let about = |what: &str| format!("{}: {what}", path.display());
    let file = match ctx.fs.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![about("it is not there")]),
        Err(error) => {
            let error = classic::Error::from(vfs::Error::new(Op::Open, &path, error));
            return Err(std::io::Error::other(error).into());
        }
    };
    let (truth, _) = true_index(database)?;
    // What it does not cover yet is added from the database, as a server does.
    match load_index(BufReader::with_capacity(1 << 16, Sequential::new(file)), database, &mut Nothing) {
        Ok((index, _)) => Ok(differences(&index, &truth).into_iter().map(|what| about(&what)).collect()),
        Err(error) => Ok(vec![about(&error.to_string())]),
    }
}

fn index_path(args: &IndexArgs) -> PathBuf {
    let mut path = args.file.clone().into_os_string();
    path.push(".index");
    path.into()
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
