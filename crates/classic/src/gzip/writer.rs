use super::block::{self, DATA_LEN};
use crate::in_order::InOrder;
use vfs::publish::Draft;

/// How many blocks each core may have under way. With fewer, a core that shares its time with the sum lets others wait.
const BLOCKS_EACH: usize = 4;

/// Compresses what goes into a draft, on all cores.
pub(crate) struct GzipWriter<'fs> {
    draft: Draft<'fs>,
    /// Not yet a block.
    rest: Vec<u8>,
    workers: InOrder<Vec<u8>, Vec<u8>>,
    blocks_count: u64,
}

impl<'fs> GzipWriter<'fs> {
    pub(crate) fn new(draft: Draft<'fs>) -> GzipWriter<'fs> {
        let workers = InOrder::new(BLOCKS_EACH, || {
            let mut compressor = block::compressor();
            Box::new(move |data: Vec<u8>| block::compress(&data, &mut compressor))
        });
        GzipWriter { draft, rest: Vec::new(), workers, blocks_count: 0 }
    }

    /// Appends uncompressed bytes.
    ///
    /// # Errors
    /// The system's, with the draft's name.
    pub(crate) fn append(&mut self, mut bytes: &[u8]) -> Result<(), vfs::Error> {
        while !bytes.is_empty() {
            let taken_len = bytes.len().min(DATA_LEN - self.rest.len());
            let (taken, left) = bytes.split_at(taken_len);
            self.rest.extend_from_slice(taken);
            bytes = left;
            if self.rest.len() == DATA_LEN {
                self.give_block()?;
            }
        }
        Ok(())
    }

    /// The draft with all blocks in it. No data at all is one empty block.
    ///
    /// # Errors
    /// The system's, with the draft's name.
    pub(crate) fn finish(mut self) -> Result<Draft<'fs>, vfs::Error> {
        if !self.rest.is_empty() || self.blocks_count == 0 {
            self.give_block()?;
        }
        while let Some(member) = self.workers.take() {
            self.draft.append(&member)?;
        }
        Ok(self.draft)
    }

    fn give_block(&mut self) -> Result<(), vfs::Error> {
        while self.workers.is_full() {
            let Some(member) = self.workers.take() else { break };
            self.draft.append(&member)?;
        }
        // Most files are one block, and small: only behind a whole one another whole one is likely.
        let next = if self.rest.len() == DATA_LEN { Vec::with_capacity(DATA_LEN) } else { Vec::new() };
        self.workers.give(std::mem::replace(&mut self.rest, next));
        self.blocks_count += 1;
        Ok(())
    }
}
