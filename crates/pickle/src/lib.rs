//! Python pickles as far as the `.index` file of a ZODB FileStorage needs them.
//!
//! Two layers:
//!
//! * [`PickleReader`] turns pickles into inert trees ([`Pickle`]).
//!   It runs nothing, never recurses, and holds no more than its [`Limits`] allow.
//! * [`index`] reads every form of the `.index` file and writes the present one, byte for byte
//!   as ZODB does.
//!
//! The crate works on [`std::io::Read`] and [`std::io::Write`]; it never opens a path.

pub mod index;

mod error;
mod input;
mod limits;
mod load;
mod machine;
mod opcode;
mod text;
mod value;

pub use error::LoadError;
pub use limits::Limits;
pub use load::PickleReader;
pub use value::{Handle, Pickle, Value};
