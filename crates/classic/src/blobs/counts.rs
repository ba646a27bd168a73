use super::list::read_ends;
use crate::{Context, Error, Part, Repository};

/// What lists of blobs have in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobCounts {
    /// Blobs that its transactions name.
    pub count: u64,
    /// Their bytes.
    pub len: u64,
    /// Those whose file was not there.
    pub missing_count: u64,
}

impl BlobCounts {
    /// Those of both.
    #[must_use]
    pub fn and(self, other: BlobCounts) -> BlobCounts {
        BlobCounts {
            count: self.count + other.count,
            len: self.len.saturating_add(other.len),
            missing_count: self.missing_count + other.missing_count,
        }
    }
}

/// What the list of a backup's blobs says of itself; `None` where there is none.
///
/// # Errors
/// [`Error::BlobList`], the system's.
pub(crate) fn count_blobs(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    part: &Part,
) -> Result<Option<BlobCounts>, Error> {
    let path = repository.blobs_path(part.name.stamp);
    match read_ends(ctx.fs, &path) {
        Ok((head, counts)) => head.expect_of(part, &path).map(|()| Some(counts)),
        Err(Error::File(error)) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
