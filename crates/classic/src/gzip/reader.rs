use super::block::{Block, HEADER_LEN};
use crate::in_order::InOrder;
use flate2::bufread::GzDecoder;
use libdeflater::Decompressor;
use std::io::{self, BufRead, BufReader, Read};

const BUFFER_LEN: usize = 1 << 18;
/// How many blocks each core may have under way. More leave its cache before they are taken: 5 % slower.
const BLOCKS_EACH: usize = 2;

/// The bytes of a gzip file: one member or several, with or without zero bytes behind the last. Members that are
/// [`Block`]s are decompressed on all cores.
pub(crate) struct GzipReader<R: Read> {
    state: State<R>,
}

enum State<R: Read> {
    /// Before the first member, or behind a whole one.
    Between(Peek<R>, Behind),
    Member(Box<GzDecoder<Peek<R>>>),
    Blocks(Box<Blocks<R>>),
    Ended,
    /// Only while one state is turned into another.
    Moving,
}

#[derive(PartialEq, Eq)]
enum Behind {
    Nothing,
    AMember,
}

impl<R: Read> GzipReader<R> {
    pub(crate) fn new(input: R) -> GzipReader<R> {
        GzipReader { state: State::Between(Peek::new(input), Behind::Nothing) }
    }

    /// What comes next.
    fn begin(mut input: Peek<R>, behind: &Behind) -> io::Result<State<R>> {
        if *behind == Behind::AMember {
            input.skip_zeros()?;
        }
        Ok(match input.peek(HEADER_LEN)? {
            [] if *behind == Behind::AMember => State::Ended,
            header if Block::decode(header).is_some() => State::Blocks(Box::new(Blocks::new(input))),
            _ => State::Member(Box::new(GzDecoder::new(input))),
        })
    }
}

impl<R: Read> Read for GzipReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let read_len = match &mut self.state {
                State::Ended | State::Moving => return Ok(0),
                State::Between(..) => 0,
                State::Member(member) => member.read(buf)?,
                State::Blocks(blocks) => blocks.read(buf)?,
            };
            if read_len > 0 {
                return Ok(read_len);
            }
            self.state = match std::mem::replace(&mut self.state, State::Moving) {
                State::Between(input, behind) => GzipReader::begin(input, &behind)?,
                State::Member(member) => State::Between(member.into_inner(), Behind::AMember),
                State::Blocks(blocks) if blocks.is_doubted => {
                    State::Member(Box::new(GzDecoder::new(blocks.input)))
                }
                State::Blocks(blocks) => State::Between(blocks.input, Behind::AMember),
                State::Ended | State::Moving => State::Ended,
            };
        }
    }
}

/// A member as it is in the file, and what it holds; `None` if it is not what its header says.
type Decompressed = (Vec<u8>, Option<Vec<u8>>);

/// Blocks that stand one behind the other.
///
/// Only gzip's own word counts: what is not as the header of a block says is given back to the input, and read as
/// every other reader of gzip would.
struct Blocks<R: Read> {
    input: Peek<R>,
    workers: InOrder<(Block, Vec<u8>), Decompressed>,
    /// The block that is being handed out, and how much of it was.
    data: Vec<u8>,
    done_len: usize,
    /// Whether what comes next is no block, whatever its header says.
    is_doubted: bool,
}

impl<R: Read> Blocks<R> {
    fn new(input: Peek<R>) -> Blocks<R> {
        let workers = InOrder::new(BLOCKS_EACH, || {
            let mut decompressor = Decompressor::new();
            Box::new(move |(block, member): (Block, Vec<u8>)| {
                let data = block.decompress(&member, &mut decompressor);
                (member, data)
            })
        });
        Blocks { input, workers, data: Vec::new(), done_len: 0, is_doubted: false }
    }

    /// 0 at the end of the last block.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.done_len == self.data.len() {
            while !self.is_doubted && !self.workers.is_full() {
                let Some(member) = self.next_member()? else { break };
                self.workers.give(member);
            }
            match self.workers.take() {
                Some((_, Some(data))) => (self.data, self.done_len) = (data, 0),
                Some((member, None)) => {
                    self.give_back(member);
                    return Ok(0);
                }
                None => return Ok(0),
            }
        }
        let read_len = buf.len().min(self.data.len() - self.done_len);
        buf[..read_len].copy_from_slice(&self.data[self.done_len..self.done_len + read_len]);
        self.done_len += read_len;
        Ok(read_len)
    }

    /// The next whole block; none where there is none, or where it is not all there.
    fn next_member(&mut self) -> io::Result<Option<(Block, Vec<u8>)>> {
        let Some(block) = Block::decode(self.input.peek(HEADER_LEN)?) else { return Ok(None) };
        let mut member = Vec::with_capacity(block.member_len);
        (&mut self.input).take(block.member_len as u64).read_to_end(&mut member)?;
        if member.len() < block.member_len {
            self.is_doubted = true;
            self.input.give_back(&member);
            return Ok(None);
        }
        Ok(Some((block, member)))
    }

    /// The input is again before a member that is none of ours, and before those that were read ahead.
    fn give_back(&mut self, member: Vec<u8>) {
        self.is_doubted = true;
        let ahead = std::iter::from_fn(|| self.workers.take()).map(|(member, _)| member);
        let all: Vec<Vec<u8>> = std::iter::once(member).chain(ahead).collect();
        self.input.give_back(&all.concat());
    }
}

/// A reader of which the next bytes can be looked at.
struct Peek<R> {
    /// Read from `input`, and not yet from here; the first `done_len` bytes are gone.
    head: Vec<u8>,
    done_len: usize,
    input: BufReader<R>,
}

impl<R: Read> Peek<R> {
    fn new(input: R) -> Peek<R> {
        Peek { head: Vec::new(), done_len: 0, input: BufReader::with_capacity(BUFFER_LEN, input) }
    }

    /// The next bytes, as many as `len` unless fewer are left.
    fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        self.head.drain(..self.done_len);
        self.done_len = 0;
        let missing_len = len.saturating_sub(self.head.len());
        (&mut self.input).take(missing_len as u64).read_to_end(&mut self.head)?;
        Ok(&self.head)
    }

    /// What was read comes again.
    fn give_back(&mut self, bytes: &[u8]) {
        self.head.splice(..self.done_len, bytes.iter().copied());
        self.done_len = 0;
    }

    fn skip_zeros(&mut self) -> io::Result<()> {
        loop {
            let buffered = self.fill_buf()?;
            let zeros_len = buffered.iter().take_while(|byte| **byte == 0).count();
            let is_all = zeros_len == buffered.len();
            self.consume(zeros_len);
            if zeros_len == 0 || !is_all {
                return Ok(());
            }
        }
    }
}

impl<R: Read> BufRead for Peek<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.done_len < self.head.len() {
            return Ok(&self.head[self.done_len..]);
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        if self.done_len < self.head.len() {
            self.done_len += len;
        } else {
            self.input.consume(len);
        }
    }
}

impl<R: Read> Read for Peek<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.done_len < self.head.len() {
            let read_len = self.fill_buf()?.read(buf)?;
            self.consume(read_len);
            return Ok(read_len);
        }
        self.input.read(buf)
    }
}
