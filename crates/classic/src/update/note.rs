use crate::place::with_suffix;
use crate::{Context, Error};
use filestorage::{Boundary, Status, TransactionHeader};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use vfs::publish::{self, Draft, parent_dir};
use vfs::{Op, ReadAt};

/// `Data.fs.growing`: where a database ended before it began to grow. An update that died leaves it, and what stands
/// behind that place is no part of the database. Nothing else tells so from anywhere but the beginning: the
/// transactions behind the first new one look finished.
pub(crate) struct GrowthNote {
    path: PathBuf,
}

/// What a note says of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// Nothing: there is none, or the growth it is of came to its end, or the database is another one.
    Nothing,
    /// What stands from here on is no part of the database.
    EndsAt(u64),
    /// It cannot be read.
    Unreadable,
}

impl GrowthNote {
    /// The suffix of its name.
    pub(crate) const SUFFIX: &str = ".growing";
    /// No position is longer.
    const LEN_LIMIT: usize = 32;

    /// The one beside a database.
    pub(crate) fn beside(file: &Path) -> GrowthNote {
        GrowthNote { path: with_suffix(file, GrowthNote::SUFFIX) }
    }

    /// Notes where the database ends, durably.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn write(&self, ctx: &Context<'_>, end_pos: u64) -> Result<(), Error> {
        let mut draft = Draft::create(ctx.fs, &self.path)?;
        draft.append(format!("{end_pos}\n").as_bytes())?;
        let synced = draft.publish_over()?;
        ctx.note_sync(synced, parent_dir(&self.path));
        Ok(())
    }

    /// Whether an update may not have come to its end.
    pub(super) fn may_be_there(&self, ctx: &Context<'_>) -> bool {
        ctx.fs.meta(&self.path).map_or_else(|error| error.kind() != ErrorKind::NotFound, |_| true)
    }

    /// Takes it away, if there is one.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn remove(&self, ctx: &Context<'_>) -> Result<(), Error> {
        if publish::remove(ctx.fs, &self.path)? {
            let synced = publish::sync_dir(ctx.fs, parent_dir(&self.path))?;
            ctx.note_sync(synced, parent_dir(&self.path));
        }
        Ok(())
    }

    /// What it says of a database. A server may have cut off what was left and gone on, or the file may be another one:
    /// only a transaction that is voted and not finished, or less, behind the end of a sound one is what is left.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn read(&self, ctx: &Context<'_>, data: &dyn ReadAt) -> Result<Noted, Error> {
        let file = match ctx.fs.open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Noted::Nothing),
            Err(error) => return Err(vfs::Error::new(Op::Open, &self.path, error).into()),
        };
        let mut text = [0; GrowthNote::LEN_LIMIT];
        let read_len = file.read_full_at(0, &mut text).map_err(vfs::Error::at(Op::Read, &self.path))?;
        let text = str::from_utf8(&text[..read_len]).ok().and_then(|text| text.strip_suffix('\n'));
        let Some(end_pos) = text.and_then(|text| text.parse().ok()) else { return Ok(Noted::Unreadable) };
        // Whatever is wrong with the database will be met by who reads it.
        Ok(match is_hidden(data, end_pos) {
            Ok(true) => Noted::EndsAt(end_pos),
            _ => Noted::Nothing,
        })
    }
}

fn is_hidden(data: &dyn ReadAt, end_pos: u64) -> Result<bool, filestorage::Error> {
    if Boundary::at(data, end_pos)?.is_none() {
        return Ok(false);
    }
    let mut fixed = [0; TransactionHeader::FIXED_LEN];
    let read_len = data.read_full_at(end_pos, &mut fixed)?;
    Ok(read_len < fixed.len() || TransactionHeader::decode(end_pos, &fixed).status == Status::Voted)
}
