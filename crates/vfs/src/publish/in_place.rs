//! Changing a file in its place, so that a crash leaves what it was or what it is to be.
//!
//! Whoever reads such a file stops for good at a certain byte, the [`Veil`], and at an end of fewer bytes than it needs to
//! know anything. So what stands behind a veil is not there yet, or not any more; one byte is the commit point.
//!
//! | growing, after | a crash leaves, for a reader |
//! |---|---|
//! | the head, at most [`Veil::head_len`] bytes with the veil | the old content; fewer or other bytes behind it, too few to be read |
//! | sync | the old content, a veil behind it |
//! | the rest, in any order | the same |
//! | sync | the same |
//! | the veil's place gets its true byte (**the commit point**) | the old content or the new one |
//! | sync | the new content |
//!
//! | cutting, after | a crash leaves, for a reader |
//! |---|---|
//! | the veil over what is to go (**the commit point**) | the old content or the new one |
//! | sync | the new content, a veil behind it |
//! | the cut, at once or in steps | the same, or too few bytes to be read |
//! | sync | the new content |

use crate::{Error, Fs, OldFile, Op};
use std::path::{Path, PathBuf};

/// A byte that hides itself and all that stands behind it from whoever reads the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Veil {
    /// The byte.
    pub byte: u8,
    /// Where it stands, from the beginning of what it hides on.
    pub offset: usize,
    /// So many bytes at the end of a file are too few for a reader, whatever they are; more than `offset`.
    pub head_len: usize,
}

/// A file that is open for changes in its place.
pub struct InPlace<'fs> {
    path: PathBuf,
    file: Box<dyn OldFile + 'fs>,
    veil: Veil,
}

impl<'fs> InPlace<'fs> {
    /// Opens the file at `path`, which is no link.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(fs: &'fs dyn Fs, path: &Path, veil: Veil) -> Result<InPlace<'fs>, Error> {
        let file = fs.open_to_change(path).map_err(Error::at(Op::OpenToChange, path))?;
        Ok(InPlace { path: path.to_owned(), file, veil })
    }

    /// Hides what a reader sees from `pos` on, durably.
    ///
    /// # Errors
    /// The system's. The content may then be the old or the new one.
    pub fn hide(&mut self, pos: u64) -> Result<(), Error> {
        self.write(pos + self.veil.offset as u64, &[self.veil.byte])?;
        self.sync()
    }

    /// Takes away what stands from `pos` on, which no reader sees, durably.
    ///
    /// # Errors
    /// The system's.
    pub fn cut(&mut self, pos: u64) -> Result<(), Error> {
        self.file.cut(pos).map_err(Error::at(Op::Cut, &self.path))?;
        self.sync()
    }

    /// Makes durable what somebody else wrote, and closes it.
    ///
    /// # Errors
    /// The system's.
    pub fn settle(mut self) -> Result<(), Error> {
        self.sync()?;
        self.close()
    }

    /// Closes it.
    ///
    /// # Errors
    /// When closing fails.
    pub fn close(self) -> Result<(), Error> {
        self.file.close().map_err(Error::at(Op::Close, &self.path))
    }

    /// Begins to grow it behind `end_pos`, where it ends.
    pub fn grow(self, end_pos: u64) -> Growth<'fs> {
        Growth { in_place: Some(self), start_pos: end_pos, pos: end_pos, head: Vec::new(), is_synced: false }
    }

    fn write(&mut self, pos: u64, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_at(pos, bytes).map_err(Error::at(Op::Write, &self.path))
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.file.sync().map_err(Error::at(Op::Sync, &self.path))
    }
}

/// What a file grows by, hidden; dropped, it is cut off again.
pub struct Growth<'fs> {
    /// `None` once the new content may count.
    in_place: Option<InPlace<'fs>>,
    start_pos: u64,
    /// Where the next byte goes.
    pos: u64,
    /// The first bytes, as they are to be.
    head: Vec<u8>,
    /// Whether the head is on the disk.
    is_synced: bool,
}

impl<'fs> Growth<'fs> {
    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// The system's: a full disk shows here.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let missing_len = open(&mut self.in_place).veil.head_len - self.head.len();
        let (head, rest) = bytes.split_at(missing_len.min(bytes.len()));
        self.head.extend_from_slice(head);
        if !head.is_empty() && head.len() == missing_len {
            self.write_head()?;
        }
        if !rest.is_empty() {
            open(&mut self.in_place).write(self.pos, rest)?;
            self.pos += rest.len() as u64;
        }
        Ok(())
    }

    fn write_head(&mut self) -> Result<(), Error> {
        let in_place = open(&mut self.in_place);
        let mut head = self.head.clone();
        head[in_place.veil.offset] = in_place.veil.byte;
        in_place.write(self.start_pos, &head)?;
        in_place.sync()?;
        self.pos = self.start_pos + head.len() as u64;
        self.is_synced = true;
        Ok(())
    }

    /// Cuts off what was appended.
    ///
    /// # Errors
    /// The system's; what is hidden is then still there.
    pub fn give_up(mut self) -> Result<(), Error> {
        match self.in_place.take() {
            Some(mut in_place) => in_place.cut(self.start_pos),
            None => Ok(()),
        }
    }

    /// Makes all of it durable, still hidden.
    ///
    /// # Errors
    /// The system's; the growth is then cut off again.
    ///
    /// # Panics
    /// When less than a head was appended: a reader would not take it for anything.
    pub fn finish(mut self) -> Result<Grown<'fs>, Error> {
        assert!(self.is_synced, "a growth is longer than what a reader cannot see");
        open(&mut self.in_place).sync()?;
        Ok(Grown(self))
    }
}

impl Drop for Growth<'_> {
    fn drop(&mut self) {
        if let Some(mut in_place) = self.in_place.take() {
            // An error here leaves what is hidden, to be cut off by the next change or by a reader that writes.
            let _ = in_place.cut(self.start_pos);
        }
    }
}

fn open<'a, 'fs>(in_place: &'a mut Option<InPlace<'fs>>) -> &'a mut InPlace<'fs> {
    #[expect(clippy::expect_used, reason = "only `Grown::reveal` takes it, and it consumes the growth")]
    in_place.as_mut().expect("a growth is open until it is revealed")
}

/// A growth that is durable and hidden; holding it is the proof. Dropped, it is cut off again.
pub struct Grown<'fs>(Growth<'fs>);

impl Grown<'_> {
    /// Leaves the file as it is: somebody else wrote to it, and what would be cut off may be theirs.
    pub fn leave(mut self) {
        drop(self.0.in_place.take());
    }

    /// Lets readers see it, durably.
    ///
    /// # Errors
    /// The system's. Nothing is cut off any more then, since a reader may see it already.
    pub fn reveal(mut self) -> Result<(), Error> {
        let Growth { in_place, start_pos, head, .. } = &mut self.0;
        let Some(mut in_place) = in_place.take() else { return Ok(()) };
        let offset = in_place.veil.offset;
        in_place.write(*start_pos + offset as u64, &[head[offset]])?;
        in_place.sync()?;
        in_place.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Image, SimFs};
    use crate::{OsFs, ReadAt};

    const VEIL: Veil = Veil { byte: b'#', offset: 2, head_len: 4 };

    /// What a reader makes of a file: blocks of at least five bytes, up to a veil. A block is `AAxBBBBBB`, nine bytes.
    fn seen(content: &[u8]) -> &[u8] {
        let mut pos = 0;
        while let Some(block) = content[pos..].get(..9) {
            if block[2] == b'#' {
                break;
            }
            pos += 9;
        }
        // Zeros, or half a block: a reader would not go on for that.
        assert!(content.len() - pos < 5 || content[pos + 2] == b'#', "a broken block at {pos}: {content:?}");
        &content[..pos]
    }

    const OLD: &[u8] = b"aa.bbbbbbcc.dddddd";
    const NEW: &[u8] = b"ee.ffffffgg.hhhhhhii.jjjjjj";

    fn on(content: &[u8]) -> SimFs {
        let mut image = Image::default();
        image.put(Path::new("/f"), content, std::time::SystemTime::UNIX_EPOCH).unwrap();
        SimFs::on(image)
    }

    /// Cuts the power behind each operation; what readers see then, once each.
    fn seen_in_wrecks(fs: &SimFs) -> std::collections::BTreeSet<Vec<u8>> {
        let wrecks = (0..=fs.operation_count()).map(|count| fs.wreck(count));
        let images = wrecks.flat_map(|wreck| wreck.outcomes(500, 1));
        images.map(|image| seen(image.content(Path::new("/f")).unwrap()).to_vec()).collect()
    }

    #[test]
    fn a_growth_is_not_there_or_complete_wherever_the_power_goes() {
        for piece_len in [1, 3, 4, 5, 27] {
            let fs = on(OLD);
            let mut growth = InPlace::open(&fs, Path::new("/f"), VEIL).unwrap().grow(18);
            NEW.chunks(piece_len).for_each(|piece| growth.append(piece).unwrap());
            assert_eq!(seen(fs.image().content(Path::new("/f")).unwrap()), OLD);
            let grown = growth.finish().unwrap();
            assert_eq!(seen(fs.image().content(Path::new("/f")).unwrap()), OLD);
            grown.reveal().unwrap();
            let new = [OLD, NEW].concat();
            assert_eq!(fs.image().content(Path::new("/f")).unwrap(), new);
            assert_eq!(fs.wreck(fs.operation_count()).pending_count(), 0);
            assert_eq!(seen_in_wrecks(&fs), [OLD.to_vec(), new].into(), "pieces of {piece_len}");
        }
    }

    #[test]
    fn what_is_cut_off_is_there_or_gone_wherever_the_power_goes() {
        let old = [OLD, &b"xx.yyyyyy".repeat(200)].concat();
        let fs = on(&old);
        let mut in_place = InPlace::open(&fs, Path::new("/f"), VEIL).unwrap();
        in_place.hide(18).unwrap();
        in_place.cut(18).unwrap();
        in_place.close().unwrap();
        assert_eq!(fs.image().content(Path::new("/f")).unwrap(), OLD);
        assert_eq!(seen_in_wrecks(&fs), [OLD.to_vec(), old].into());
    }

    #[test]
    fn a_growth_that_is_given_up_leaves_the_file_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        #[expect(clippy::disallowed_methods, reason = "a test prepares what is there")]
        std::fs::write(&path, OLD).unwrap();
        for finished in [false, true] {
            let mut growth = InPlace::open(&OsFs, &path, VEIL).unwrap().grow(18);
            growth.append(NEW).unwrap();
            assert_eq!(OsFs.open(&path).unwrap().len().unwrap(), 18 + 27);
            if finished {
                drop(growth.finish().unwrap())
            } else {
                drop(growth)
            }
            let mut content = vec![0; 99];
            let len = OsFs.open(&path).unwrap().read_full_at(0, &mut content).unwrap();
            assert_eq!(&content[..len], OLD);
        }
    }
}
