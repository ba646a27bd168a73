//! From the words of a command line to what is to be done.

pub mod classic;
mod duration;
pub(crate) use duration::parse_duration;
mod getopt;
/// The help text.
pub mod help;
pub mod modern;
pub(crate) mod moment;
