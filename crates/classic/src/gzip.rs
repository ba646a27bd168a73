//! Compressed data files: read in every form that Python's gzip reads, written as members of 1 MiB of data each, whose
//! headers say how long they are ([ADR 3](../../../docs/adr/0003-gzip-in-blocks.md)).

mod block;
mod block_file;
mod reader;
mod writer;

pub(crate) use block::data_len;
pub(crate) use block_file::BlockFile;
pub(crate) use reader::GzipReader;
pub(crate) use writer::GzipWriter;

use std::io;

/// The length of the uncompressed bytes modulo 2^32 as the last member's trailer has it.
pub(crate) fn trailer_len(file: &dyn vfs::ReadAt) -> io::Result<Option<u32>> {
    let mut bytes = [0; 4];
    let Some(pos) = file.len()?.checked_sub(4) else { return Ok(None) };
    file.read_exact_at(pos, &mut bytes)?;
    // RFC 1952: ISIZE is stored with the least significant byte first.
    bytes.reverse();
    Ok(Some(u32::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    fn member(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn block(bytes: &[u8]) -> Vec<u8> {
        block::compress(bytes, &mut block::compressor())
    }

    fn read(file: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        GzipReader::new(file).read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn several_members_and_zeros_behind_them_are_one_file() {
        let two = [member(b"one "), member(b"two")].concat();
        assert_eq!(read(&two).unwrap(), b"one two");
        assert_eq!(read(&[two.clone(), vec![0; 1000]].concat()).unwrap(), b"one two");
        assert_eq!(
            read(&[member(b"one "), vec![0; 3], member(b""), member(b"two")].concat()).unwrap(),
            b"one two"
        );
        assert_eq!(read(&member(b"")).unwrap(), b"");
        assert_eq!(trailer_len(&member(b"four")).unwrap(), Some(4));
    }

    #[test]
    fn blocks_and_other_members_can_stand_in_one_file() {
        let large = vec![7; 1 << 20];
        let file = [
            block(b"one "),
            block(&large),
            member(b"two "),
            vec![0; 30],
            block(b""),
            block(b"three "),
            block(&large),
            member(b"four"),
        ];
        let expected = [b"one ".as_slice(), &large, b"two ", b"three ", &large, b"four"].concat();
        assert!(read(&file.concat()).unwrap() == expected);
        // What stands before an end that is not one is handed out before that is told.
        let cut = [file[0].as_slice(), &file[1][..50]].concat();
        let mut bytes = Vec::new();
        let error = GzipReader::new(&cut[..]).read_to_end(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(bytes.starts_with(b"one "));
    }

    /// The lengths in the header of a block are a help. Where they are wrong, gzip's own word counts, as for Python.
    #[test]
    fn a_block_whose_header_lies_is_read_like_every_member() {
        let whole: Vec<Vec<u8>> = (0..12).map(|number| block(&[number; 90_000])).collect();
        let expected: Vec<u8> = (0..12).flat_map(|number| [number; 90_000]).collect();
        for at in 16..24 {
            for bit in 0..8 {
                for spoilt in [0, 5, 11] {
                    let mut file = whole.clone();
                    file[spoilt][at] ^= 1 << bit;
                    assert!(
                        read(&file.concat()).unwrap() == expected,
                        "block {spoilt}, byte {at}, bit {bit}"
                    );
                    assert_ne!(data_len(&file.concat()).unwrap(), Some(expected.len() as u64));
                }
            }
        }
    }

    #[test]
    fn a_file_cut_anywhere_or_with_junk_behind_is_an_error() {
        for file in [member(&[b'x'; 500]), block(&[b'x'; 500])] {
            assert_no_damage_goes_through(&file);
        }
    }

    fn assert_no_damage_goes_through(file: &[u8]) {
        for cut_len in 0..file.len() {
            assert!(read(&file[..cut_len]).is_err(), "cut at {cut_len}");
        }
        assert!(read(&[file, b"junk"].concat()).is_err());
        for at in 10..file.len() {
            let mut flipped = file.to_vec();
            flipped[at] ^= 1;
            // Some bits of the last deflate byte mean nothing: the same bytes are fine, others never.
            assert!(
                read(&flipped).is_ok_and(|bytes| bytes == [b'x'; 500]) || read(&flipped).is_err(),
                "byte {at}"
            );
        }
    }
}
