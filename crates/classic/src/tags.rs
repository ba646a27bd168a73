//! Tags of backups, `STAMP.tags`: a word a line. Who holds a backup gives it the tag `hold`.

use crate::name::Companion;
use crate::{Context, Error, Repository, Stamp};
use std::collections::BTreeSet;
use std::path::PathBuf;
use vfs::publish::{self, Draft};

/// What nobody deletes has this tag.
const HOLD: &str = "hold";
/// Longer files were not written here.
const LEN_LIMIT: u64 = 1 << 16;
const TAG_LEN_LIMIT: usize = 64;

/// The tags of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tags(BTreeSet<String>);

impl Tags {
    /// Whether somebody holds the backup.
    pub fn is_held(&self) -> bool {
        self.0.contains(HOLD)
    }

    /// The tags besides that.
    pub fn words(&self) -> BTreeSet<String> {
        self.0.iter().filter(|word| *word != HOLD).cloned().collect()
    }

    /// Gives the backup a tag, or takes it away.
    ///
    /// # Errors
    /// [`Error::BadTag`] unless it is up to 64 letters, digits, `.`, `-` and `_`, and not `hold`.
    pub fn set(&mut self, word: &str, is_set: bool) -> Result<(), Error> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let is_word = (1..=TAG_LEN_LIMIT).contains(&word.len()) && word.bytes().all(is_good);
        if !is_word || word == HOLD {
            return Err(Error::BadTag { tag: word.to_owned() });
        }
        self.put(word, is_set);
        Ok(())
    }

    /// Holds the backup, or lets it go.
    pub fn hold(&mut self, is_held: bool) {
        self.put(HOLD, is_held);
    }

    fn put(&mut self, word: &str, is_set: bool) {
        if is_set {
            self.0.insert(word.to_owned());
        } else {
            self.0.remove(word);
        }
    }
}

impl Repository<'_> {
    /// The tags of the backup with this stamp.
    ///
    /// # Errors
    /// [`Error::Tags`] where they are damaged, and the system's.
    pub fn tags(&self, stamp: Stamp) -> Result<Tags, Error> {
        let path = self.tags_path(stamp);
        let bytes = match self.read_small(&path, LEN_LIMIT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Tags::default()),
            Err(error) => return Err(Error::of_read(error, &path)),
        };
        let text = String::from_utf8(bytes)
            .map_err(|error| Error::Tags { path: self.tags_path(stamp), reason: error.to_string() })?;
        // Somebody may have written it by hand.
        let words = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let word =
            |word: &str| if word.eq_ignore_ascii_case(HOLD) { HOLD.to_owned() } else { word.to_owned() };
        Ok(Tags(words.map(word).collect()))
    }

    /// Whether a backup must not be deleted: somebody holds it, or its tags are damaged.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn is_held(&self, stamp: Stamp) -> Result<bool, Error> {
        match self.tags(stamp) {
            Err(Error::Tags { .. }) => Ok(true),
            tags => Ok(tags?.is_held()),
        }
    }

    /// Makes these the tags of the backup with this stamp.
    ///
    /// # Errors
    /// The system's; the tags are then as they were.
    pub(crate) fn write_tags(&self, ctx: &Context<'_>, stamp: Stamp, tags: &Tags) -> Result<(), Error> {
        let path = self.tags_path(stamp);
        let synced = if tags.0.is_empty() {
            publish::remove(ctx.fs, &path)?;
            publish::sync_dir(ctx.fs, self.dir())?
        } else {
            let mut draft = Draft::create(ctx.fs, &path)?;
            let text: String = tags.0.iter().map(|word| format!("{word}\n")).collect();
            draft.append(text.as_bytes())?;
            draft.publish_over()?
        };
        ctx.note_sync(synced, self.dir());
        Ok(())
    }

    pub(crate) fn tags_path(&self, stamp: Stamp) -> PathBuf {
        self.path_of(Companion::Tags(stamp))
    }
}

/// Changes the tags of a backup; what they are then.
///
/// # Errors
/// [`Error::NoSuchBackup`], [`Error::RepositoryLocked`], those of `change`, the system's.
pub fn change_tags(
    ctx: &Context<'_>,
    dir: &std::path::Path,
    stamp: Option<Stamp>,
    change: &mut dyn FnMut(&mut Tags) -> Result<(), Error>,
) -> Result<(Stamp, Tags), Error> {
    let repository = Repository::open(ctx.fs, dir)?;
    let _lock = repository.lock(ctx, std::time::Duration::ZERO)?;
    let survey = repository.survey()?;
    let stamps: BTreeSet<Stamp> =
        survey.chains.iter().flat_map(|chain| &chain.files).map(|name| name.stamp).collect();
    let newest = stamps.last().copied().ok_or(Error::NoFiles { before: None, covered: None })?;
    let stamp = stamp.unwrap_or(newest);
    if !stamps.contains(&stamp) {
        return Err(Error::NoSuchBackup { stamp });
    }
    let mut tags = repository.tags(stamp)?;
    change(&mut tags)?;
    repository.write_tags(ctx, stamp, &tags)?;
    Ok((stamp, tags))
}
