use libdeflater::{CompressionLvl, Compressor, Decompressor, crc32};
use std::io;
use vfs::ReadAt;

/// How many bytes of the database a block holds; the last one may hold fewer.
pub(super) const DATA_LEN: usize = 1 << 20;
/// The fixed ten bytes, the length of the extra field, and its one subfield.
pub(super) const HEADER_LEN: usize = 24;
/// CRC and length of the data.
const TRAILER_LEN: usize = 8;
/// Of data that cannot be compressed, deflate adds 5 bytes to each 64 KiB or less.
const MEMBER_LIMIT: usize = DATA_LEN + (DATA_LEN >> 8) + HEADER_LEN + TRAILER_LEN;
/// Within 0.1 % of the size of Python's level 9, six times faster on one core.
const LEVEL: i32 = 6;

/// Deflate, extra field, no time, unknown system, 12 bytes of extra field, subfield `RZ` of 8 bytes.
const FIXED: [u8; 16] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 12, 0, b'R', b'Z', 8, 0];

/// A gzip member that says in its header how long it is, and how much it holds.
///
/// To every reader of gzip it is a member like others. With the lengths, members can be decompressed on several cores
/// at once, skipped, and counted without being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// The whole member, with header and trailer.
    pub(super) member_len: usize,
    /// What it holds.
    pub(crate) data_len: usize,
}

impl Block {
    /// From the first bytes of a member; `None` if it is one of another kind, or of lengths that we do not write.
    pub(super) fn decode(header: &[u8]) -> Option<Block> {
        let header: &[u8; HEADER_LEN] = header.get(..HEADER_LEN)?.try_into().ok()?;
        let (fixed, lens) = header.split_at(FIXED.len());
        let (member_len, data_len) = (number(lens.get(..4)?)?, number(lens.get(4..)?)?);
        let is_ours = fixed == FIXED
            && (HEADER_LEN + TRAILER_LEN + 1..=MEMBER_LIMIT).contains(&member_len)
            && data_len <= DATA_LEN;
        is_ours.then_some(Block { member_len, data_len })
    }

    /// The data of a whole member; `None` if it is not what its header says, or damaged.
    pub(super) fn decompress(self, member: &[u8], with: &mut Decompressor) -> Option<Vec<u8>> {
        let body = member.get(HEADER_LEN..self.member_len - TRAILER_LEN)?;
        let trailer = member.get(self.member_len - TRAILER_LEN..self.member_len)?;
        let mut data = vec![0; self.data_len];
        let data_len = with.deflate_decompress(body, &mut data).ok()?;
        let is_sound = data_len == self.data_len
            && number(&trailer[4..]) == Some(data_len)
            && number(&trailer[..4]) == usize::try_from(crc32(&data)).ok();
        is_sound.then_some(data)
    }
}

/// A member of `data`, at most [`DATA_LEN`] bytes: neither name nor time, so equal data gives equal files.
pub(super) fn compress(data: &[u8], with: &mut Compressor) -> Vec<u8> {
    let body_limit = with.deflate_compress_bound(data.len());
    let mut member = vec![0; HEADER_LEN + body_limit + TRAILER_LEN];
    #[expect(clippy::expect_used, reason = "the bound is the library's own")]
    let body_len = with
        .deflate_compress(data, &mut member[HEADER_LEN..HEADER_LEN + body_limit])
        .expect("what is compressed fits into its bound");
    let trailer_at = HEADER_LEN + body_len;
    member.truncate(trailer_at + TRAILER_LEN);
    let member_len = member.len();
    member[..FIXED.len()].copy_from_slice(&FIXED);
    member[FIXED.len()..FIXED.len() + 4].copy_from_slice(&le(member_len));
    member[FIXED.len() + 4..HEADER_LEN].copy_from_slice(&le(data.len()));
    member[trailer_at..trailer_at + 4].copy_from_slice(&little_endian(crc32(data)));
    member[trailer_at + 4..].copy_from_slice(&le(data.len()));
    member
}

/// A compressor of our level.
pub(super) fn compressor() -> Compressor {
    Compressor::new(CompressionLvl::new(LEVEL).unwrap_or_default())
}

/// How much a file of blocks holds, by their headers and trailers; `None` if it is not one from its first to its last
/// byte.
///
/// # Errors
/// The medium's.
pub(crate) fn data_len(file: &dyn ReadAt) -> io::Result<Option<u64>> {
    walk(file, |_, _| {})
}

/// [`data_len`] that hands each block to `each`, with its position in the file.
///
/// # Errors
/// The medium's.
pub(super) fn walk(file: &dyn ReadAt, mut each: impl FnMut(u64, Block)) -> io::Result<Option<u64>> {
    let file_len = file.len()?;
    let (mut pos, mut total_len) = (0, 0);
    let mut block: Option<Block> = None;
    loop {
        // The end of one and the beginning of the next with one call.
        let mut bytes = [0; TRAILER_LEN + HEADER_LEN];
        let trailer_len = if block.is_some() { TRAILER_LEN } else { 0 };
        let want_len = trailer_len + HEADER_LEN;
        let read_len = file.read_full_at(pos - trailer_len as u64, &mut bytes[..want_len])?;
        if let Some(block) = block
            && (read_len < TRAILER_LEN || number(&bytes[4..8]) != Some(block.data_len))
        {
            return Ok(None);
        }
        if pos == file_len && block.is_some() {
            return Ok(Some(total_len));
        }
        let next = Block::decode(&bytes[trailer_len..read_len.max(trailer_len)]);
        let Some(next) = next.filter(|next| pos + next.member_len as u64 <= file_len) else {
            return Ok(None);
        };
        each(pos, next);
        pos += next.member_len as u64;
        total_len += next.data_len as u64;
        block = Some(next);
    }
}

/// RFC 1952 stores numbers with the least significant byte first.
fn number(bytes: &[u8]) -> Option<usize> {
    let mut bytes: [u8; 4] = bytes.try_into().ok()?;
    bytes.reverse();
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

/// A length of at most [`MEMBER_LIMIT`].
fn le(len: usize) -> [u8; 4] {
    little_endian(u32::try_from(len).unwrap_or(u32::MAX))
}

fn little_endian(number: u32) -> [u8; 4] {
    let mut bytes = number.to_be_bytes();
    bytes.reverse();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn file(pieces: &[&[u8]]) -> Vec<u8> {
        pieces.iter().flat_map(|piece| compress(piece, &mut compressor())).collect()
    }

    #[test]
    fn a_block_is_a_gzip_member_and_knows_its_lengths() {
        let numbers: Vec<u8> = (0..DATA_LEN as u64 / 8).flat_map(u64::to_be_bytes).collect();
        let mut random = fastrand::Rng::with_seed(1);
        let incompressible: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(DATA_LEN).collect();
        for data in [b"".as_slice(), b"x", &[0; DATA_LEN], &numbers, &incompressible] {
            let member = compress(data, &mut compressor());
            let block = Block::decode(&member).unwrap();
            assert_eq!(block, Block { member_len: member.len(), data_len: data.len() });
            assert!(block.decompress(&member, &mut Decompressor::new()).unwrap() == data);
            let mut by_others = Vec::new();
            flate2::read::GzDecoder::new(&member[..]).read_to_end(&mut by_others).unwrap();
            assert!(by_others == data);
            assert_eq!(data_len(&member).unwrap(), Some(data.len() as u64));
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_of_a_block_is_an_error_or_changes_nothing() {
        let data = b"some bytes, some bytes, and some others".repeat(9);
        let member = compress(&data, &mut compressor());
        let read = |bytes: &[u8]| {
            let block = Block::decode(bytes)?;
            block.decompress(bytes, &mut Decompressor::new())
        };
        for at in 0..member.len() {
            assert_eq!(read(&member[..at]), None, "cut at {at}");
            for bit in 0..8 {
                let mut changed = member.clone();
                changed[at] ^= 1 << bit;
                assert!(read(&changed).is_none_or(|found| found == data), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn the_length_of_a_file_is_told_only_if_it_is_blocks_from_end_to_end() {
        let (one, two) = (file(&[b"one "]), file(&[b"one ", b"two", b""]));
        assert_eq!(data_len(&one).unwrap(), Some(4));
        assert_eq!(data_len(&two).unwrap(), Some(7));
        let second_end = two.len() - file(&[b""]).len();
        for cut_len in (0..two.len()).filter(|cut_len| *cut_len != one.len()) {
            // The third block is empty.
            let expected = (cut_len == second_end).then_some(7);
            assert_eq!(data_len(&two[..cut_len].to_vec()).unwrap(), expected, "cut at {cut_len}");
        }
        for (what, bytes) in [
            ("nothing", Vec::new()),
            ("zeros behind", [two.clone(), vec![0; 40]].concat()),
            ("a byte behind", [two.clone(), vec![0x1f]].concat()),
            ("another member behind", [two.as_slice(), &other_member()].concat()),
            ("another member", other_member()),
            ("a byte before", [&[0x1f], two.as_slice()].concat()),
        ] {
            assert_eq!(data_len(&bytes).unwrap(), None, "{what}");
        }
        let mut other_trailer = two.clone();
        other_trailer[one.len() - 4] ^= 1;
        assert_eq!(data_len(&other_trailer).unwrap(), None);
    }

    fn other_member() -> Vec<u8> {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"of others").unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn lengths_that_we_do_not_write_are_of_others() {
        let member = compress(b"x", &mut compressor());
        let with = |at: usize, len: usize| {
            let mut header = member[..HEADER_LEN].to_vec();
            header[at..at + 4].copy_from_slice(&le(len));
            Block::decode(&header)
        };
        for len in [0, 32, MEMBER_LIMIT + 1, usize::MAX] {
            assert_eq!(with(16, len), None, "{len}");
        }
        for len in [DATA_LEN + 1, usize::MAX] {
            assert_eq!(with(20, len), None, "{len}");
        }
        assert!(with(16, MEMBER_LIMIT).is_some() && with(20, DATA_LEN).is_some());
        assert_eq!(Block::decode(&member[..HEADER_LEN - 1]), None);
    }
}
