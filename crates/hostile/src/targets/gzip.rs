//! A compressed data file, whatever its list promises of it.

use super::chances;
use crate::targets::repository::{DIR, Room};
use crate::within;
use classic::{BackupName, ChainReader, Part, Repository, Sum, Target};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use std::io::{Read, Write};
use std::path::Path;
use vfs::ReadAt;

const NAME: &str = "2027-01-15-08-00-00.fsz";
/// Six pieces of 1 MiB on their way to be summed, and what the decompressor needs.
const BUFFERS_LEN: u64 = 8 << 20;

pub(super) fn run(data: &[u8]) {
    let Some(([how, promised @ ..], rest)) = data.split_first_chunk::<3>() else { return };
    let file = if how % 2 == 0 { rest.to_vec() } else { members(rest) };
    let truth = decompressed(&file);
    if how % 2 == 1 {
        assert_eq!(truth.as_deref(), Some(rest));
    }
    let promised_len = match (how / 2 % 2, &truth) {
        (0, Some(truth)) => truth.len() as u64,
        _ => u64::from(u16::from_be_bytes(*promised)),
    };
    let sum = Sum::of(truth.as_deref().unwrap_or_default());
    let room = Room::new();
    let line = format!("{DIR}/{NAME} 0 {promised_len} {sum}\n");
    room.put(&format!("{DIR}/{NAME}"), &file);
    room.put(&format!("{DIR}/2027-01-15-08-00-00.dat"), line.as_bytes());
    let as_promised = truth.as_ref().filter(|truth| truth.as_slice().len() as u64 == promised_len);
    within(BUFFERS_LEN + 3 * promised_len, || {
        verified(&room, as_promised);
        recovered(&room, promised_len, as_promised);
        read_anywhere(&room, promised_len, sum, truth.as_deref());
    });
}

fn verified(room: &Room, as_promised: Option<&Vec<u8>>) {
    let problems = room.verify(false);
    // What begins like a database has to be one.
    let is_database =
        as_promised.is_some_and(|bytes| bytes.starts_with(b"FS30") || bytes.starts_with(b"FS21"));
    if !is_database {
        assert_eq!(problems.is_ok(), as_promised.is_some(), "{problems:?}");
    }
    if as_promised.is_some() {
        room.verify(true).unwrap();
    }
}

fn recovered(room: &Room, promised_len: u64, as_promised: Option<&Vec<u8>>) {
    for with_verify in [false, true] {
        let mut output = Vec::new();
        let recovered = room.recover(None, with_verify, Target::Stream(&mut output));
        assert!(output.len() as u64 <= promised_len, "{} bytes written", output.len());
        assert_eq!(recovered.is_ok(), as_promised.is_some(), "{recovered:?}");
        assert!(recovered.is_err() || Some(&output) == as_promised);
    }
}

/// Reads that jump see what a read from front to back sees.
fn read_anywhere(room: &Room, promised_len: u64, sum: Sum, truth: Option<&[u8]>) {
    let name = BackupName::parse(NAME.as_ref()).unwrap();
    let repository = Repository::open(&room.fs, Path::new(DIR)).unwrap();
    let part = Part { name, start_pos: 0, end_pos: promised_len, sum };
    let reader = ChainReader::new(&room.fs, &repository, &[part]);
    let mut rng = chances(truth.unwrap_or_default());
    for _ in 0..4 {
        let pos = rng.u64(..=promised_len);
        let mut buf = vec![0; rng.usize(..300)];
        let Some(truth) = truth else {
            let _ = reader.read_full_at(pos, &mut buf);
            continue;
        };
        let read_len = reader.read_full_at(pos, &mut buf).unwrap();
        let end = truth.len().min(usize::try_from(promised_len).unwrap());
        let expected = truth[..end].get(usize::try_from(pos).unwrap()..).unwrap_or_default();
        assert_eq!(buf[..read_len], expected[..expected.len().min(buf.len())]);
    }
}

/// One file of several members, and zeros behind.
fn members(bytes: &[u8]) -> Vec<u8> {
    let mut rng = chances(bytes);
    let (mut file, mut rest) = (Vec::new(), bytes);
    loop {
        let (head, tail) = rest.split_at(rng.usize(..=rest.len()));
        let mut encoder = flate2::GzBuilder::new();
        if rng.bool() {
            encoder = encoder.extra(b"RZ\x08\0LENGTHS.".to_vec());
        }
        let mut encoder = encoder.write(Vec::new(), Compression::new(rng.u32(..=9)));
        encoder.write_all(head).unwrap();
        let member = encoder.finish().unwrap();
        file.extend(block(member, head.len(), &mut rng));
        file.extend(vec![0; rng.usize(..5)]);
        rest = tail;
        if rest.is_empty() {
            return file;
        }
    }
}

/// A member with our extra field as a block of ours, most often with the right lengths in it.
fn block(mut member: Vec<u8>, data_len: usize, rng: &mut fastrand::Rng) -> Vec<u8> {
    let member_len = member.len();
    if member.get(12..14) == Some(b"RZ") && member_len > 32 {
        // Flags, time and system as ours.
        member[4..10].copy_from_slice(&[0, 0, 0, 0, 0, 0xff]);
        for (at, len) in [(16, member_len), (20, data_len)] {
            let is_wrong = rng.u8(..8) == 0;
            let len = if is_wrong { rng.usize(..1 << 21) } else { len };
            let mut bytes = u32::try_from(len).unwrap_or_default().to_be_bytes();
            bytes.reverse();
            member[at..at + 4].copy_from_slice(&bytes);
        }
    }
    member
}

/// What Python's gzip would make of it: members, each checked, and zeros between and behind them.
fn decompressed(mut file: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut member = GzDecoder::new(file);
        member.read_to_end(&mut bytes).ok()?;
        file = member.into_inner();
        let zeros_len = file.iter().take_while(|byte| **byte == 0).count();
        file = &file[zeros_len..];
        if file.is_empty() {
            return Some(bytes);
        }
    }
}
