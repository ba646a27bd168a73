use crate::copy::PIECE_LEN;
use crate::{Context, Error};
use filestorage::TransactionHeader;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vfs::publish::Draft;
use vfs::{Access, Grant, Op, ReadAt, ReadFile};

/// The end of a pack is two renames, one after the other. Who waits longer for the second waits for a server
/// that died.
const PACK_PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);

/// The database that is backed up, opened once.
///
/// Everything from the first look to the last byte goes through this one handle, so a pack that puts another
/// file under the name changes nothing: the backup is of the database as it was when it was opened.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) access: Access,
    /// Length when it was opened, unfinished transactions included.
    pub(crate) len: u64,
    file: Box<dyn ReadFile>,
}

impl Source {
    /// Opens the database for reading.
    ///
    /// # Errors
    /// The system's, with the path.
    pub(crate) fn open(ctx: &Context<'_>, path: &Path) -> Result<Source, Error> {
        let file = open_between_packs(ctx, path)?;
        let meta = file.meta().map_err(vfs::Error::at(Op::Stat, path))?;
        Ok(Source { path: path.to_owned(), access: meta.access, len: meta.len, file })
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &dyn ReadAt {
        &self.file
    }

    /// Its index file, which may not be there.
    pub(crate) fn index_path(&self) -> PathBuf {
        beside(&self.path, ".index")
    }

    /// An error of the format, told as one of this database.
    pub(crate) fn error(&self, error: filestorage::Error) -> Error {
        Error::of_source(error, &self.path)
    }

    /// A draft of a file of the repository that those may read who may read the database.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn draft<'fs>(&self, ctx: &Context<'fs>, path: &Path) -> Result<Draft<'fs>, Error> {
        draft_like(ctx, path, self.access)
    }

    /// Fills `buf` from `pos` on.
    ///
    /// # Errors
    /// [`Error::SourceChanged`] when the bytes are not there any more; else the system's.
    pub(crate) fn read_exact(&self, pos: u64, buf: &mut [u8]) -> Result<(), Error> {
        match self.file.read_full_at(pos, buf) {
            Ok(read_len) if read_len == buf.len() => Ok(()),
            Ok(_) => Err(self.changed("it became shorter")),
            Err(error) => Err(vfs::Error::new(Op::Read, &self.path, error).into()),
        }
    }

    /// The bytes from `pos` up to `end_pos`, piece by piece, for [`pump`](crate::copy::pump).
    pub(crate) fn pieces<'s>(
        &'s self,
        ctx: &'s Context<'_>,
        mut pos: u64,
        end_pos: u64,
    ) -> impl FnMut(&mut [u8]) -> Result<usize, Error> + 's {
        move |piece| {
            ctx.interrupt.check()?;
            let want_len = usize::try_from(end_pos - pos).unwrap_or(PIECE_LEN).min(piece.len());
            self.read_exact(pos, &mut piece[..want_len])?;
            pos += want_len as u64;
            Ok(want_len)
        }
    }

    /// Fills `buf` from `pos` on as far as there are bytes.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn read_up_to(&self, pos: u64, buf: &mut [u8]) -> Result<usize, Error> {
        Ok(self.file.read_full_at(pos, buf).map_err(vfs::Error::at(Op::Read, &self.path))?)
    }

    pub(crate) fn changed(&self, what: &'static str) -> Error {
        Error::SourceChanged { path: self.path.clone(), what }
    }

    /// Whether the transaction that was the last one is still in its place.
    ///
    /// # Errors
    /// [`Error::SourceChanged`] when it is not.
    pub(crate) fn check_last(&self, last: Option<TransactionHeader>) -> Result<(), Error> {
        let Some(last) = last else { return Ok(()) };
        let now = filestorage::transaction_before(self.bytes(), last.end_pos())
            .map_err(|error| self.error(error))?;
        if now == Some(last) {
            Ok(())
        } else {
            Err(self.changed("its last transaction is not there any more"))
        }
    }
}

/// Opens the database. A pack renames it to `.old`, then `.pack` to its name: in between there is none.
fn open_between_packs(ctx: &Context<'_>, path: &Path) -> Result<Box<dyn ReadFile>, Error> {
    let packed = beside(path, ".pack");
    let (mut waited, mut was_packing) = (Duration::ZERO, true);
    loop {
        match ctx.fs.open(path) {
            // Behind the second rename only the database is there: who sees neither looks once more.
            Err(error) if error.kind() == ErrorKind::NotFound && was_packing && waited < PACK_PATIENCE => {
                ctx.interrupt.check()?;
                was_packing = ctx.fs.meta(&packed).is_ok();
                if was_packing {
                    ctx.clock.wait(POLL);
                    waited += POLL;
                }
            }
            opened => return Ok(opened.map_err(vfs::Error::at(Op::Open, path))?),
        }
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut path = path.to_owned().into_os_string();
    path.push(end);
    path.into()
}

/// A draft of a file of the repository that those may read who may read what has the access `like`.
///
/// # Errors
/// The system's.
pub(crate) fn draft_like<'fs>(ctx: &Context<'fs>, path: &Path, like: Access) -> Result<Draft<'fs>, Error> {
    let mut draft = Draft::create(ctx.fs, path)?;
    let Access { mode, gid, .. } = like;
    draft.set_access(Grant { mode: 0o600 | mode & 0o444, gid, uid: None })?;
    Ok(draft)
}
