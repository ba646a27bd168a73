//! Whether the source still begins with what is backed up.

use crate::copy::{PIECE_LEN, buffer_for, pump};
use crate::part::{PartStream, QuickLen};
use crate::plan::Compared;
use crate::source::Source;
use crate::sum::Summing;
use crate::{BackupName, Context, Error, Event, Part, Phase, Repository, Sum};
use filestorage::Boundary;
use std::cell::Cell;

/// What was compared, and with what result.
pub(crate) struct Comparing {
    pub(crate) compared: Compared,
    /// The parts that the source begins with; those of the list, or found out by the comparison.
    pub(crate) parts: Vec<Part>,
    /// The damage of the backups, when that is the result.
    pub(crate) damage: Option<Error>,
    /// Whether the list has to be written anew: it does not say what the files, which are right, hold.
    pub(crate) list_is_wrong: bool,
}

impl Comparing {
    pub(crate) fn ended(compared: Compared, parts: &[Part]) -> Comparing {
        Comparing { compared, parts: parts.to_vec(), damage: None, list_is_wrong: false }
    }

    pub(crate) fn damaged(error: Error, parts: &[Part]) -> Comparing {
        Comparing { damage: Some(error), ..Comparing::ended(Compared::Damaged, parts) }
    }

    /// Equal bytes: but does a transaction end where they end?
    pub(crate) fn equal(source: &Source, parts: Vec<Part>) -> Result<Comparing, Error> {
        let end_pos = parts.last().map_or(0, |part| part.end_pos);
        let boundary = Boundary::at(source.bytes(), end_pos).map_err(|error| source.error(error))?;
        let compared = boundary.map_or(Compared::NotABoundary { end_pos }, Compared::Equal);
        Ok(Comparing { compared, parts, damage: None, list_is_wrong: false })
    }
}

/// Whether a data file has the length that its line says: a compressed one that is not of blocks is decompressed for
/// it, as its own word for it may be that of a part of it.
///
/// # Errors
/// When it has not.
pub(crate) fn check_len(ctx: &Context<'_>, repository: &Repository<'_>, part: &Part) -> Result<(), Error> {
    let quick = QuickLen::of(ctx.fs, &repository.path_of(part.name), part.name)?;
    // How much too long it is says something, up to a gigabyte.
    check_exact_len(ctx, repository, part, quick, part.len().saturating_add(1 << 30))
}

/// Whether a data file can be what its line says, without reading it, as far as that goes; what its length is known
/// from. A compressed file whose trailer does not tell is decompressed.
///
/// # Errors
/// When it cannot.
pub(crate) fn check_quick_len(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    part: &Part,
) -> Result<QuickLen, Error> {
    let quick = QuickLen::of(ctx.fs, &repository.path_of(part.name), part.name)?;
    if !quick.agrees_with(part.len()) {
        check_exact_len(ctx, repository, part, quick, part.len())?;
    }
    Ok(quick)
}

/// The same, and what is not known exactly is decompressed, up to a little behind `limit_len`.
fn check_exact_len(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    part: &Part,
    quick: QuickLen,
    limit_len: u64,
) -> Result<(), Error> {
    let found_len = match quick {
        QuickLen::Exact(len) => len,
        QuickLen::Gzip(_) => uncompressed_len(ctx, repository, part, limit_len)?,
    };
    if found_len == part.len() {
        return Ok(());
    }
    Err(Error::size(repository.path_of(part.name), part.name, found_len, part.len()))
}

/// Decompresses, for its length only; stops behind `limit_len`.
fn uncompressed_len(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    part: &Part,
    limit_len: u64,
) -> Result<u64, Error> {
    let mut stream = PartStream::open(ctx.fs, repository, part.name)?;
    let mut buf = buffer_for(part.len());
    let mut len = 0;
    while len <= limit_len {
        ctx.interrupt.check()?;
        match stream.read_full(&mut buf)? {
            0 => break,
            read_len => len += read_len as u64,
        }
    }
    Ok(len)
}

/// Every byte of `parts`, as the list has them, against the source.
///
/// # Errors
/// When the source cannot be read.
pub(crate) fn compare_listed(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    source: &Source,
    parts: &[Part],
) -> Result<Comparing, Error> {
    let end_pos = parts.last().map_or(0, |part| part.end_pos);
    if source.len < end_pos {
        return Ok(Comparing::ended(Compared::Shorter, parts));
    }
    ctx.tell(&Event::Began { phase: Phase::Comparing, total_len: Some(end_pos) });
    let (mut differs, mut found_parts) = (None, Vec::new());
    for part in parts {
        match compare_part(ctx, repository, source, part)? {
            PartCompared::Equal(sum) => found_parts.push(Part { sum, ..*part }),
            PartCompared::Different => differs = Some(Comparing::ended(Compared::Different, parts)),
            PartCompared::Damaged(error) => differs = Some(Comparing::damaged(error, parts)),
        }
        if differs.is_some() {
            break;
        }
    }
    ctx.tell(&Event::Ended);
    if let Some(differs) = differs {
        return Ok(differs);
    }
    // Every byte is right, so a sum that is not is the list's fault.
    let list_is_wrong = found_parts != parts;
    Ok(Comparing { list_is_wrong, ..Comparing::equal(source, found_parts)? })
}

enum PartCompared {
    /// And this is its sum.
    Equal(Sum),
    Different,
    Damaged(Error),
}

fn compare_part(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    source: &Source,
    part: &Part,
) -> Result<PartCompared, Error> {
    let mut stream = match PartStream::open(ctx.fs, repository, part.name) {
        Ok(stream) => stream,
        Err(error) => return Ok(PartCompared::Damaged(error)),
    };
    let mut theirs = buffer_for(part.len());
    let (pos, differs, mut broken) = (Cell::new(part.start_pos), Cell::new(false), None);
    let (_, sum) = pump(
        |ours| {
            ctx.interrupt.check()?;
            // What differs, or is longer than promised, is read no further.
            if differs.get() || pos.get() > part.end_pos {
                return Ok(0);
            }
            stream.read_full(ours).or_else(|error| {
                broken = Some(error);
                Ok(0)
            })
        },
        |ours| {
            let start_pos = pos.replace(pos.get() + ours.len() as u64);
            if pos.get() <= part.end_pos {
                source.read_exact(start_pos, &mut theirs[..ours.len()])?;
                differs.set(ours != &theirs[..ours.len()]);
                ctx.tell(&Event::Advanced(ours.len() as u64));
            }
            Ok(())
        },
    )?;
    if let Some(error) = broken {
        return Ok(PartCompared::Damaged(error));
    }
    if differs.get() {
        return Ok(who_differs(ctx, repository, part));
    }
    let pos = pos.get();
    if pos == part.end_pos {
        return Ok(PartCompared::Equal(sum));
    }
    // Too short, or too long and read no further: the length up to here tells which.
    let found_len = uncompressed_len(ctx, repository, part, part.len()).unwrap_or(pos - part.start_pos);
    let path = repository.path_of(part.name);
    Ok(PartCompared::Damaged(Error::size(path, part.name, found_len, part.len())))
}

/// The backup and the source differ: the backup's own sum says which of them changed.
fn who_differs(ctx: &Context<'_>, repository: &Repository<'_>, part: &Part) -> PartCompared {
    let summed =
        PartStream::open(ctx.fs, repository, part.name).and_then(|stream| stream.sum_within(ctx, part.len()));
    match summed {
        Ok((_, found)) if found == part.sum => PartCompared::Different,
        Ok((found_len, _)) if found_len != part.len() => {
            let path = repository.path_of(part.name);
            PartCompared::Damaged(Error::size(path, part.name, found_len, part.len()))
        }
        Ok((_, found)) => PartCompared::Damaged(Error::Checksum {
            path: repository.path_of(part.name),
            found,
            expected: part.sum,
            gzip: part.name.gzip,
        }),
        Err(error) => PartCompared::Damaged(error),
    }
}

/// Every byte of `files`, joined in this order, against the source; what the list says is not looked at.
///
/// # Errors
/// When the source cannot be read.
pub(crate) fn compare_by_name(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    source: &Source,
    files: &[BackupName],
) -> Result<Comparing, Error> {
    let mut parts: Vec<Part> = Vec::new();
    for name in files {
        let start_pos = parts.last().map_or(0, |part| part.end_pos);
        let mut stream = match PartStream::open(ctx.fs, repository, *name) {
            Ok(stream) => stream,
            Err(error) => return Ok(Comparing::damaged(error, &parts)),
        };
        let (mut pos, mut differs, shorter) = (start_pos, false, Cell::new(false));
        let mut theirs = vec![0; PIECE_LEN];
        let summed = pump(
            |piece| {
                // No list says how much it may hold; more than the source has is enough to know.
                if shorter.get() { Ok(0) } else { stream.read_full(piece) }
            },
            |piece| {
                ctx.interrupt.check()?;
                shorter.set(pos + piece.len() as u64 > source.len);
                if !shorter.get() && !differs {
                    source.read_exact(pos, &mut theirs[..piece.len()])?;
                    differs = piece != &theirs[..piece.len()];
                }
                pos += piece.len() as u64;
                Ok(())
            },
        );
        let (len, sum) = match summed {
            Ok(summed) => summed,
            Err(error @ (Error::Interrupted { .. } | Error::SourceChanged { .. })) => return Err(error),
            Err(error) => return Ok(Comparing::damaged(error, &parts)),
        };
        if shorter.get() || differs {
            let compared = if shorter.get() { Compared::Shorter } else { Compared::Different };
            return Ok(Comparing::ended(compared, &parts));
        }
        parts.push(Part { name: *name, start_pos, end_pos: start_pos + len, sum });
    }
    Comparing::equal(source, parts)
}

/// For the verbose lines of a whole comparison: lengths and sums of the backups joined, of the whole source,
/// and of as much of it as is backed up. Nothing is told of backups that hold more than `listed_len` and than the
/// source.
///
/// # Errors
/// When the source cannot be read.
pub(crate) fn tell_sums(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    source: &Source,
    files: &[BackupName],
    listed_len: u64,
    equal: bool,
) -> Result<(), Error> {
    let repository_state = sum_of_files(ctx, repository, files, listed_len.max(source.len));
    let Ok(Some((repository_len, repository_sum))) = repository_state else { return Ok(()) };
    let mut backed_up = Summing::default();
    let mut pos = 0;
    let (current_len, current) = pump(
        |piece| {
            ctx.interrupt.check()?;
            // An aborted transaction may be cut off meanwhile: what is there is what is told.
            let want_len = usize::try_from(source.len - pos).unwrap_or(PIECE_LEN).min(piece.len());
            let want_len = source.read_up_to(pos, &mut piece[..want_len])?;
            if !equal {
                let part_len =
                    usize::try_from(repository_len.saturating_sub(pos)).unwrap_or(want_len).min(want_len);
                backed_up.add(&piece[..part_len]);
            }
            pos += want_len as u64;
            Ok(want_len)
        },
        |_| Ok(()),
    )?;
    let backed_up = if equal { repository_sum } else { backed_up.finish() };
    ctx.tell(&Event::ComparedAll {
        repository: (repository_len, repository_sum),
        current: (current_len, current),
        backed_up: (repository_len, backed_up),
    });
    Ok(())
}

/// Length and sum of files joined; none when they are longer than `len_limit`.
fn sum_of_files(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    files: &[BackupName],
    len_limit: u64,
) -> Result<Option<(u64, Sum)>, Error> {
    let mut rest = files.iter();
    let mut stream: Option<PartStream> = None;
    let mut seen_len = 0;
    let (len, sum) = pump(
        |piece| {
            ctx.interrupt.check()?;
            while seen_len <= len_limit {
                if let Some(open) = &mut stream {
                    match open.read_full(piece)? {
                        0 => stream = None,
                        read_len => {
                            seen_len += read_len as u64;
                            return Ok(read_len);
                        }
                    }
                }
                match rest.next() {
                    Some(name) => stream = Some(PartStream::open(ctx.fs, repository, *name)?),
                    None => return Ok(0),
                }
            }
            Ok(0)
        },
        |_| Ok(()),
    )?;
    Ok((len <= len_limit).then_some((len, sum)))
}
