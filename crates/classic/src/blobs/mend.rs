//! Mending what is wrong with lists and blobs: a list is made of the transactions of its backup and of what the repository has,
//! and a damaged blob is taken from a blob directory that has it as it was.

use super::copying::Trust;
use super::dir::BlobDir;
use super::list::ListReader;
use super::making::{Ground, Making, Named};
use super::verify::verify;
use super::{BlobsSource, Revision};
use crate::reconcile::reconcile;
use crate::{ChainReader, Context, Error, Notice, Part, Repository};
use filestorage::BlobLayout;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// What is wrong with the blobs of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlobsWrong {
    /// What is wrong with lists, or that one is missing.
    pub lists: Vec<String>,
    /// What is wrong with blobs.
    pub blobs: Vec<String>,
}

impl BlobsWrong {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty() && self.blobs.is_empty()
    }
}

/// What was mended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlobsMended {
    /// Lists that were made.
    pub lists_count: u64,
    /// Blobs that were put back.
    pub healed_count: u64,
    /// Blobs that are damaged or missing still, each once.
    pub lost_count: u64,
    /// Blobs of which the blob directory has another one than the repository.
    pub differing_count: u64,
}

impl BlobsMended {
    /// Whether each blob is there, and is the only one of its oid and tid.
    pub fn is_complete(&self) -> bool {
        self.lost_count == 0 && self.differing_count == 0
    }
}

/// What is wrong with the blobs of the repository in `dir`; `quick` looks at their lengths alone.
///
/// # Errors
/// The system's, and an interruption.
pub fn blobs_wrong(ctx: &Context<'_>, dir: &Path, quick: bool) -> Result<BlobsWrong, Error> {
    let repository = Repository::open(ctx.fs, dir)?;
    let survey = repository.survey()?;
    let mut wrong = BlobsWrong::default();
    let chains = survey.chains.iter().map(|chain| chain.tile().parts);
    verify(ctx, &repository, chains, None, quick, &mut |error| match error {
        Error::BlobList { .. } | Error::BlobListMissing { .. } => wrong.lists.push(error.to_string()),
        error => wrong.blobs.push(error.to_string()),
    })?;
    Ok(wrong)
}

/// Makes the lists that are missing or damaged in chains that have others, and puts back the blobs that are damaged and that the
/// blob directory `from` has as they were.
///
/// # Errors
/// [`Error::RepositoryLocked`], the system's, and an interruption; what was done until then is done.
pub fn mend_blobs(
    ctx: &Context<'_>,
    dir: &Path,
    from: Option<&Path>,
    wait: Duration,
) -> Result<BlobsMended, Error> {
    let repository = Repository::open(ctx.fs, dir)?;
    let lock = repository.lock(ctx, wait)?;
    let survey = reconcile(ctx, &repository, lock.as_deref())?;
    let from = from.map(|dir| BlobDir::open(ctx, dir)).transpose()?;
    let dirs = from.as_ref().map(|from| from.with_old(ctx)).transpose()?.unwrap_or_default();
    let other = from.as_ref().map_or(BlobLayout::Bushy, BlobDir::layout);
    let (mut mended, mut lost) = (BlobsMended::default(), BTreeSet::new());
    for chain in &survey.chains {
        let parts = chain.tile().parts;
        // A chain without any list was made without blobs, and is no worse for it.
        let Some(layout) = layout_of(ctx, &repository, &parts, other) else { continue };
        let reader = ChainReader::new(ctx.fs, &repository, &parts);
        let ground = Ground {
            ctx,
            repository: &repository,
            dirs: dirs.clone(),
            layout,
            trust: if from.is_some() { Trust::Hash } else { Trust::Length },
            together: false,
            is_locked: lock.is_some(),
            section_len: BlobsSource::SECTION_LEN,
        };
        let mut making = Making::of_chain(ground, chain, &reader, &survey)?;
        for part in &parts {
            ctx.interrupt.check()?;
            mend_part(&mut making, part, &mut mended, &mut lost)?;
        }
    }
    mended.lost_count = lost.len() as u64;
    Ok(mended)
}

/// The layout that a list of the chain has, or `other` where all are damaged; `None` where there is no list, as in a chain that
/// was made without blobs.
fn layout_of(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    parts: &[Part],
    other: BlobLayout,
) -> Option<BlobLayout> {
    let mut is_damaged = false;
    for part in parts {
        match ListReader::open(ctx.fs, &repository.blobs_path(part.name.stamp)) {
            Ok(list) => return Some(list.head().layout),
            Err(Error::BlobList { .. }) => is_damaged = true,
            Err(_) => {}
        }
    }
    is_damaged.then_some(other)
}

fn mend_part(
    making: &mut Making<'_>,
    part: &Part,
    mended: &mut BlobsMended,
    lost: &mut BTreeSet<Revision>,
) -> Result<(), Error> {
    let path = making.ground.repository.blobs_path(part.name.stamp);
    let (named, is_new) = match sound_list(making, part, &path) {
        // Nothing can be put back.
        Ok(_) if making.ground.trust == Trust::Length => return Ok(()),
        Ok(named) => (Some(named), false),
        Err(error @ Error::BlobList { .. }) => {
            making.ground.ctx.notice(Notice::BlobListAnew(error.to_string()));
            (named_anew(making, part)?, true)
        }
        Err(Error::File(error)) if error.is_not_found() => (named_anew(making, part)?, true),
        Err(error) => return Err(error),
    };
    let Some(named) = named else { return Ok(()) };
    let (copied, _) = making.make(part, &named, is_new)?;
    mended.lists_count += u64::from(is_new);
    mended.healed_count += copied.count;
    mended.differing_count += copied.differing.len() as u64;
    for revision in &copied.differing {
        making.ground.ctx.notice(Notice::BlobStays(making.store.path(*revision)));
    }
    lost.extend(copied.missing.iter().map(|(revision, _)| revision).chain(&copied.lost));
    Ok(())
}

/// What a backup names; `None` if its transactions cannot be looked through, which is told and hinders no other list.
fn named_anew(making: &mut Making<'_>, part: &Part) -> Result<Option<Named>, Error> {
    match making.named_anew(part) {
        Err(error @ Error::Interrupted { .. }) => Err(error),
        Err(error) => {
            let path = making.ground.repository.blobs_path(part.name.stamp);
            making.ground.ctx.notice(Notice::BlobListNotMade { path, reason: error.to_string() });
            Ok(None)
        }
        named => named.map(Some),
    }
}

fn sound_list(making: &Making<'_>, part: &Part, path: &Path) -> Result<Named, Error> {
    let list = ListReader::open(making.ground.ctx.fs, path)?;
    list.expect_of(part)?;
    let unread_len = list.head().unread_len;
    Ok(Named { wanted: making.known.all_of(path)?, unread_len, is_listed: true })
}
