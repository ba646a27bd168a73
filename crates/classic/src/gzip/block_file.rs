use super::block::{self, Block};
use libdeflater::Decompressor;
use std::io;
use vfs::ReadAt;

/// A file of nothing but blocks, read anywhere: only the block that holds a place is decompressed.
pub(crate) struct BlockFile {
    file: Box<dyn ReadAt>,
    /// Where each block stands. 24 bytes for each MiB of data.
    blocks: Vec<Placed>,
    /// The block that was read last, by its place among `blocks`.
    last_read: Option<(usize, Vec<u8>)>,
    decompressor: Decompressor,
}

struct Placed {
    /// First position of its data.
    data_pos: u64,
    /// First position of the member in the file.
    member_pos: u64,
    block: Block,
}

impl BlockFile {
    /// From the headers and trailers of a file; `None` if it has anything else than blocks.
    ///
    /// # Errors
    /// The medium's.
    pub(crate) fn open(file: Box<dyn ReadAt>) -> io::Result<Option<BlockFile>> {
        let (mut blocks, mut data_pos) = (Vec::new(), 0);
        let data_len = block::walk(&*file, |member_pos, block| {
            blocks.push(Placed { data_pos, member_pos, block });
            data_pos += block.data_len as u64;
        })?;
        let decompressor = Decompressor::new();
        Ok(data_len.map(|_| BlockFile { file, blocks, last_read: None, decompressor }))
    }

    /// Reads from `pos` on into `buf`, as much as one block has of it; 0 at the end. `None` if the block is not what
    /// its header says: what it is then, the bytes from the file's beginning on have to say.
    ///
    /// # Errors
    /// The medium's.
    pub(crate) fn read(&mut self, pos: u64, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let at = self.blocks.partition_point(|placed| placed.data_end_pos() <= pos);
        let Some(placed) = self.blocks.get(at) else { return Ok(Some(0)) };
        if self.last_read.as_ref().is_none_or(|(last_at, _)| *last_at != at) {
            let mut member = vec![0; placed.block.member_len];
            let read_len = self.file.read_full_at(placed.member_pos, &mut member)?;
            let data = placed.block.decompress(&member[..read_len], &mut self.decompressor);
            let Some(data) = data else { return Ok(None) };
            self.last_read = Some((at, data));
        }
        let Some((_, data)) = &self.last_read else { return Ok(None) };
        let inner_at = usize::try_from(pos - placed.data_pos).unwrap_or(data.len());
        let rest = data.get(inner_at..).unwrap_or_default();
        let read_len = rest.len().min(buf.len());
        buf[..read_len].copy_from_slice(&rest[..read_len]);
        Ok(Some(read_len))
    }
}

impl Placed {
    fn data_end_pos(&self) -> u64 {
        self.data_pos + self.block.data_len as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gzip::block::{DATA_LEN, HEADER_LEN};

    fn members_of(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        pieces.iter().map(|piece| block::compress(piece, &mut block::compressor())).collect()
    }

    fn open(bytes: Vec<u8>) -> Option<BlockFile> {
        BlockFile::open(Box::new(bytes)).unwrap()
    }

    /// A read may be short, but only where a block ends.
    fn read_full(file: &mut BlockFile, pos: u64, len: usize) -> Option<Vec<u8>> {
        let mut buf = vec![0; len];
        let mut done_len = 0;
        while done_len < len {
            match file.read(pos + done_len as u64, &mut buf[done_len..]).unwrap()? {
                0 => break,
                read_len => done_len += read_len,
            }
        }
        buf.truncate(done_len);
        Some(buf)
    }

    #[test]
    fn every_stretch_is_read_from_wherever_it_begins() {
        let long: Vec<u8> = (0..DATA_LEN as u64 / 8).flat_map(u64::to_be_bytes).collect();
        let pieces: [&[u8]; 5] = [b"head", &long, b"", &long[..1000], b"end"];
        let data = pieces.concat();
        let mut file = open(members_of(&pieces).concat()).unwrap();
        let edges =
            [0, 1, 3, 4, 5, DATA_LEN, DATA_LEN + 3, DATA_LEN + 4, data.len() - 4, data.len() - 1, data.len()];
        for from in edges {
            for to in edges.into_iter().chain([data.len() + 9]).filter(|to| from <= *to) {
                let expected = &data[from..to.min(data.len())];
                let found = read_full(&mut file, from as u64, to - from).unwrap();
                assert!(found == expected, "{from}..{to}");
            }
        }
        assert_eq!(read_full(&mut file, u64::MAX, 5).unwrap(), b"");
    }

    #[test]
    fn a_block_that_is_damaged_is_not_guessed_at_and_its_neighbours_are_read() {
        let mut members = members_of(&[b"one", b"two", b"three"]);
        members[1][HEADER_LEN] ^= 0xff;
        let mut file = open(members.concat()).unwrap();
        assert_eq!(read_full(&mut file, 3, 1), None);
        assert_eq!(read_full(&mut file, 2, 2), None);
        assert_eq!(read_full(&mut file, 0, 3).unwrap(), b"one");
        assert_eq!(read_full(&mut file, 6, 9).unwrap(), b"three");
    }

    #[test]
    fn a_file_of_anything_else_is_none() {
        let whole = members_of(&[b"one", b"two"]).concat();
        assert!(open(whole[..whole.len() - 1].to_vec()).is_none());
        assert!(open([whole.as_slice(), b"\0"].concat()).is_none());
        assert!(open(Vec::new()).is_none());
    }
}
