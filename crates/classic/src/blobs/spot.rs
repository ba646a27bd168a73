use super::content::Content;
use crate::Stamp;
use std::fmt;
use std::str::FromStr;

/// The container of small blobs that were backed up together: `2026-11-29-04-15-00-1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Container {
    /// The backup whose list was made.
    pub(super) stamp: Stamp,
    /// One list may fill several, or get some more when what was missing is found; from 1 on.
    pub(super) number: u32,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stamp, self.number)
    }
}

impl FromStr for Container {
    type Err = ();

    /// As it is written here, to the letter.
    fn from_str(name: &str) -> Result<Container, ()> {
        let (stamp, number) = name.split_at_checked(Stamp::LEN).ok_or(())?;
        let number = number.strip_prefix('-').and_then(|number| number.parse().ok()).ok_or(())?;
        let container = Container { stamp: Stamp::parse(stamp.as_bytes()).ok_or(())?, number };
        (container.to_string() == name).then_some(container).ok_or(())
    }
}

/// Where in the repository a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spot {
    /// A file of its own.
    Alone,
    /// A file of its own whose name has its hash, too: the repository had one of another content when it came.
    ByHash,
    /// In a container, from this byte on.
    Within(Container, u64),
}

/// A blob that the repository has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Held {
    /// What it holds.
    pub(crate) content: Content,
    /// Where it is.
    pub(crate) spot: Spot,
}
