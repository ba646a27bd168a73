//! Success in silence: `-q`.

use super::failure::Failure;
use crate::args::modern::Verb;
use std::io::{self, Write};

/// More than this is not held back: no success has so much to tell, and what is found should not fill the memory.
const HELD_LIMIT: usize = 16 << 20;

/// What of a verb's text nobody wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hush {
    /// Its text is what it is for, or each of its steps sees to that itself, or programs read it.
    Nothing,
    /// That all went well.
    Success,
    /// All: it never ends well, and what fails is told on standard error.
    All,
}

impl Hush {
    /// What `-q` means to a verb.
    pub(super) fn of(verb: &Verb) -> Hush {
        let (does, json) = match verb {
            Verb::Follow(args) if !args.json => return Hush::All,
            Verb::Backup(args) => (true, args.json),
            Verb::Restore(args) => (!args.dry_run, args.json),
            Verb::Verify(args) => (true, args.json),
            Verb::Drill(args) => (true, args.json),
            Verb::Forget(args) => (args.apply, args.json),
            Verb::Repair(args) => (args.apply, args.json),
            Verb::Tag(args) => (true, args.json),
            Verb::Hold(args) | Verb::Unhold(args) => (true, args.json),
            Verb::Salvage(args) => (true, args.json),
            Verb::Index(args) => (args.rebuild, false),
            _ => (false, false),
        };
        if does && !json { Hush::Success } else { Hush::Nothing }
    }

    /// Has something done; its exit status.
    ///
    /// # Errors
    /// Its own; what it told before is told then.
    pub(super) fn over(
        self,
        out: &mut dyn Write,
        act: impl FnOnce(&mut dyn Write) -> Result<u8, Failure>,
    ) -> Result<u8, Failure> {
        match self {
            Hush::Nothing => act(out),
            Hush::All => act(&mut io::sink()),
            Hush::Success => {
                let mut holding = Holding { out, held: Vec::new() };
                let done = act(&mut holding);
                if !matches!(done, Ok(0)) {
                    holding.let_go().map_err(Failure::Output)?;
                }
                done
            }
        }
    }
}

/// Holds back what is told until it is known how it ends.
struct Holding<'a> {
    out: &'a mut dyn Write,
    held: Vec<u8>,
}

impl Holding<'_> {
    fn let_go(&mut self) -> io::Result<()> {
        self.out.write_all(&self.held)?;
        self.held.clear();
        self.out.flush()
    }
}

impl Write for Holding<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.len() + bytes.len() > HELD_LIMIT {
            self.let_go()?;
        }
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(hush: Hush, status: u8, len: usize) -> usize {
        let mut out = Vec::new();
        let act = |out: &mut dyn Write| {
            for _ in 0..len {
                out.write_all(&[b'x'; 1 << 20]).map_err(Failure::Output)?;
            }
            Ok(status)
        };
        assert!(matches!(hush.over(&mut out, act), Ok(done) if done == status));
        out.len() >> 20
    }

    #[test]
    fn what_ends_well_is_not_told_and_what_does_not_is_told_whole() {
        assert_eq!([told(Hush::Success, 0, 1), told(Hush::Success, 3, 1)], [0, 1]);
        assert_eq!([told(Hush::Nothing, 0, 1), told(Hush::All, 3, 1)], [1, 0]);
        assert_eq!(told(Hush::Success, 3, 40), 40);
        // Nothing can be held back without end.
        assert_eq!(told(Hush::Success, 0, 40), 32);
    }
}
