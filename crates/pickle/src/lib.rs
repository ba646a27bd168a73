//! Python pickles as far as a ZODB FileStorage needs them: the `.index` file and the records of objects.
//!
//! Three layers:
//!
//! * [`PickleReader`] turns pickles into inert trees ([`Pickle`]).
//!   It runs nothing, never recurses, and holds no more than its [`Limits`] allow.
//! * [`index`] reads every form of the `.index` file and writes the present one, byte for byte
//!   as ZODB does.
//! * [`record`] goes through the records of objects and tells their classes and references; nothing is loaded.
//!
//! The crate works on [`std::io::Read`] and [`std::io::Write`]; it never opens a path.

pub mod index;
pub mod record;

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
