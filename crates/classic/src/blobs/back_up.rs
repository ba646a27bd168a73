//! Copying the blobs that the backups of the newest chain name and that the repository does not have yet.

use super::copied::Copied;
use super::copying::Trust;
use super::dir::BlobDir;
use super::list::read_ends;
use super::making::{Ground, Making, Named, Origin};
use super::store::Store;
use super::{BlobCounts, Revision};
use crate::repository::Survey;
use crate::source::Source;
use crate::{Chain, ChainReader, Context, Error, Limit, Notice, Part, Repository};
use std::path::{Path, PathBuf};
use vfs::publish::Batch;

/// So many missing ones are told by name.
const TOLD_COUNT: usize = 20;

/// What blobs are to be backed up, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobsSource {
    /// The blob directory.
    pub dir: PathBuf,
    /// Small ones are put together in a few files, instead of one each.
    pub together: bool,
    /// When so many bytes were copied they get their names: a run that is cut off does not copy them in vain.
    pub section_len: u64,
}

impl BlobsSource {
    /// What is copied in a few minutes.
    pub(super) const SECTION_LEN: u64 = 4 << 30;

    /// The blobs of this directory.
    pub fn of(dir: PathBuf, together: bool) -> BlobsSource {
        BlobsSource { dir, together, section_len: BlobsSource::SECTION_LEN }
    }
}

/// What became of the blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobsBackedUp {
    /// Blobs that were copied.
    pub copied_count: u64,
    /// Their bytes.
    pub copied_len: u64,
    /// Blobs that the newest chain names.
    pub count: u64,
    /// Their bytes, as far as they are there.
    pub len: u64,
    /// Those whose file was not there.
    pub missing_count: u64,
    /// Those that were copied though the repository has another one under the same oid and tid.
    pub differing_count: u64,
    /// So many bytes of transactions are damaged: which blobs they name is not known.
    pub unread_len: u64,
}

impl BlobsBackedUp {
    /// Whether every blob of the newest chain is known, is there and is the only one of its oid and tid.
    pub fn is_complete(&self) -> bool {
        self.missing_count == 0 && self.differing_count == 0 && self.unread_len == 0
    }
}

/// Makes the lists of blobs that the newest chain lacks, and copies what they name; tries
/// again for what was missing before. The caller holds the lock of the repository, and the chain is a beginning of `source`.
///
/// # Errors
/// Whatever kept it; the lists that were published stand.
pub(crate) fn back_up(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    source: &Source,
    request: &BlobsSource,
    is_locked: bool,
) -> Result<BlobsBackedUp, Error> {
    let survey = repository.survey()?;
    let Some(chain) = survey.chain_at(&Limit::Newest) else { return Ok(BlobsBackedUp::default()) };
    let blob_dir = BlobDir::open(ctx, &request.dir)?;
    let ground = Ground {
        ctx,
        repository,
        layout: blob_dir.layout(),
        dirs: blob_dir.with_old(ctx)?,
        trust: Trust::Length,
        together: request.together,
        is_locked,
        section_len: request.section_len,
    };
    let origin = Origin { path: source.path.clone(), bytes: source.bytes(), access: source.access };
    let making = Making::of(ground, origin, &survey);
    let mut run = BackUp { making, done: BlobsBackedUp::default(), told: Told::default() };
    let tiling = chain.tile();
    if let Some(fault) = tiling.fault {
        let dat = repository.dat_path(chain.stamp());
        return Err(Error::BlobsNotBackedUp { dat, reason: fault.to_string() });
    }
    for part in tiling.parts {
        ctx.interrupt.check()?;
        run.part(&part)?;
    }
    if let Some(before) = chain_before(&survey, chain) {
        run.end_of(before, &survey)?;
    }
    run.told.end(ctx, &request.dir);
    Ok(run.done)
}

/// The chain that was the newest one before.
fn chain_before<'s>(survey: &'s Survey, chain: &Chain) -> Option<&'s Chain> {
    let at = survey.chains.iter().position(|other| other.stamp() == chain.stamp())?;
    survey.chains.get(at.checked_sub(1)?)
}

/// Removes the drafts that a run that died left. The caller holds the lock of the repository.
///
/// # Errors
/// The system's.
pub(crate) fn sweep(ctx: &Context<'_>, repository: &Repository<'_>) -> Result<(), Error> {
    Ok(Batch::empty(ctx.fs, &Store::of(repository).drafts_dir())?)
}

struct BackUp<'a> {
    making: Making<'a>,
    done: BlobsBackedUp,
    told: Told,
}

impl BackUp<'_> {
    /// Makes the list of one backup, if there is none that is sound, or one with missing blobs.
    fn part(&mut self, part: &Part) -> Result<(), Error> {
        let path = self.making.ground.repository.blobs_path(part.name.stamp);
        let named = match self.named_by_list(part, &path) {
            Ok(None) => return Ok(()),
            Ok(Some(named)) => named,
            Err(Error::File(error)) if error.is_not_found() => self.named_by_records(part)?,
            Err(error @ Error::BlobList { .. }) => {
                self.making.ground.ctx.notice(Notice::BlobListAnew(error.to_string()));
                self.making.named_anew(part)?
            }
            Err(error) => return Err(error),
        };
        let (copied, counts) = self.making.make(part, &named, true)?;
        self.count(part, counts, named.unread_len);
        self.tell(copied);
        Ok(())
    }

    /// A full names what older chains named; what the increments of one chain name is new each time.
    fn named_by_records(&self, part: &Part) -> Result<Named, Error> {
        self.making.named_by_records(part, part.name.is_full())
    }

    /// What the list of a backup names, if a blob that was missing is there by now; `None` if the list may stay.
    fn named_by_list(&mut self, part: &Part, path: &Path) -> Result<Option<Named>, Error> {
        let making = &self.making;
        let (head, counts) = read_ends(making.ground.ctx.fs, path)?;
        head.expect_of(part, path)?;
        if counts.missing_count > 0 {
            let wanted = making.known.all_of(path)?;
            let missing = wanted.iter().filter(|wanted| wanted.line.is_none()).map(|wanted| wanted.revision);
            let (found, missing): (Vec<_>, Vec<_>) = missing.partition(|revision| making.is_there(*revision));
            if !found.is_empty() {
                return Ok(Some(Named { wanted, unread_len: head.unread_len, is_listed: true }));
            }
            missing.into_iter().for_each(|revision| self.tell_missing(revision));
        }
        self.count(part, counts, head.unread_len);
        Ok(None)
    }

    /// Makes the lists that a chain of others lacks that has some: its last run died before that, or was told of no blobs.
    fn end_of(&mut self, chain: &Chain, survey: &Survey) -> Result<(), Error> {
        let Ground { ctx, repository, .. } = self.making.ground;
        let parts = chain.tile().parts;
        let has_list = |part: &&Part| ctx.fs.meta(&repository.blobs_path(part.name.stamp)).is_ok();
        let (with, without): (Vec<&Part>, Vec<&Part>) = parts.iter().partition(has_list);
        if with.is_empty() || without.is_empty() {
            return Ok(());
        }
        let reader = ChainReader::new(ctx.fs, repository, &parts);
        let mut making = Making::of_chain(self.making.ground.clone(), chain, &reader, survey)?;
        for part in without {
            let named = match making.named_anew(part) {
                Ok(named) => named,
                Err(error @ Error::Interrupted { .. }) => return Err(error),
                // Verify tells what is wrong with it.
                Err(_) => continue,
            };
            let (copied, _) = making.make(part, &named, true)?;
            self.done.missing_count += copied.missing.len() as u64;
            self.done.unread_len += named.unread_len;
            self.tell(copied);
        }
        Ok(())
    }

    fn tell(&mut self, copied: Copied) {
        self.done.copied_count += copied.count;
        self.done.copied_len += copied.len;
        self.done.differing_count += copied.differing.len() as u64;
        for (revision, unreadable) in copied.missing {
            match unreadable {
                None => self.tell_missing(revision),
                Some(vfs::Error { path, source, .. }) => {
                    let reason = source.to_string();
                    self.told.tell(self.making.ground.ctx, Notice::BlobUnreadable { path, reason });
                }
            }
        }
        for (revisions, tell) in [
            (copied.differing, Notice::BlobDiffers as fn(PathBuf) -> Notice),
            (copied.found, Notice::BlobOfNoList),
        ] {
            let paths = revisions.into_iter().map(|revision| self.making.store.path(revision));
            paths.for_each(|path| self.told.tell(self.making.ground.ctx, tell(path)));
        }
    }

    fn count(&mut self, part: &Part, counts: BlobCounts, unread_len: u64) {
        self.done.count += counts.count;
        self.done.len += counts.len;
        self.done.missing_count += counts.missing_count;
        self.done.unread_len += unread_len;
        if unread_len > 0 {
            self.making.ground.ctx.notice(Notice::BlobsNotKnown {
                path: self.making.ground.repository.path_of(part.name),
                len: unread_len,
            });
        }
    }

    fn tell_missing(&mut self, revision: Revision) {
        self.told
            .tell(self.making.ground.ctx, Notice::BlobMissing(self.making.ground.dirs[0].file(revision)));
    }
}

/// So many notices of single blobs are told; of the others their number.
#[derive(Default)]
struct Told {
    count: usize,
}

impl Told {
    fn tell(&mut self, ctx: &Context<'_>, notice: Notice) {
        self.count += 1;
        if self.count <= TOLD_COUNT {
            ctx.notice(notice);
        }
    }

    fn end(&self, ctx: &Context<'_>, dir: &Path) {
        if let Some(count) = self.count.checked_sub(TOLD_COUNT).filter(|count| *count > 0) {
            ctx.notice(Notice::MoreBlobsMissing { dir: dir.to_owned(), count });
        }
    }
}
