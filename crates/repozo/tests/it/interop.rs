//! One repository, two programs: what Python's repozo wrote, ours restores, and the other way round.
//!
//! The tests replay every history (states of a database that real ZODB made) through every cell of a matrix:
//!
//! | test | what is compared with what |
//! |---|---|
//! | `restoring` | the repository, and what both programs read from it, with the states of the database |
//! | `deciding` | what both programs do and say on the same repository and the same database, with each other |
//! | `quick` | what `-Q` sees of what happened to a large database |
//! | `weaknesses` | the same, where somebody was at the files or one program copes with less |

pub(crate) mod cell;
pub(crate) mod deciding;
pub(crate) mod history;
mod quick;
mod restoring;
pub(crate) mod site;
mod weaknesses;
