//! What is known of the records before, and what that says of the next one.

use super::FindingKind;
use crate::Error;
use filestorage::{Index, Magic, RecordData, RecordHeader, Resolved, Status, TransactionHeader, resolve};
use vfs::ReadAt;

/// Positions from here on do not fit into an index.
const POSITION_LIMIT: u64 = 1 << 48;

/// The records so far.
#[derive(Default)]
pub(super) struct Records {
    /// The last record of each object.
    pub(super) index: Index,
    transaction_pos: u64,
    is_packed: bool,
    lost: Vec<(u64, u64)>,
}

impl Records {
    /// Records of this transaction follow.
    pub(super) fn begin(&mut self, header: &TransactionHeader) {
        self.transaction_pos = header.pos;
        self.is_packed = header.status == Status::Packed;
    }

    /// Nothing is known of the records from `pos` to `end_pos`.
    pub(super) fn lose(&mut self, pos: u64, end_pos: u64) {
        self.lost.push((pos, end_pos));
    }

    /// What is wrong with the next record.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub(super) fn check(
        &mut self,
        source: &dyn ReadAt,
        header: &RecordHeader,
        data: RecordData,
    ) -> Result<Vec<FindingKind>, Error> {
        let mut findings = Vec::new();
        if header.version_len != 0 {
            findings.push(FindingKind::Version { len: header.version_len });
        }
        if header.pos >= POSITION_LIMIT {
            findings.push(FindingKind::TooFar);
            return Ok(findings);
        }
        let known_pos = self.index.insert(header.oid, header.pos)?;
        self.check_previous(source, header, known_pos, &mut findings)?;
        // That it does not lead back itself is told by the walk.
        if let RecordData::Back(first_pos) = data
            && first_pos < header.pos
            && let Resolved::Astray(astray) = resolve(source, header, data)?
        {
            let back_pos = astray.back_pos;
            findings.push(match self.is_lost(back_pos) {
                true => FindingKind::BackIntoLost { back_pos },
                false => FindingKind::BackPointer(astray),
            });
        }
        Ok(findings)
    }

    fn check_previous(
        &self,
        source: &dyn ReadAt,
        header: &RecordHeader,
        known_pos: Option<u64>,
        findings: &mut Vec<FindingKind>,
    ) -> Result<(), Error> {
        let RecordHeader { pos, previous_pos, .. } = *header;
        let mut expected_pos = known_pos.unwrap_or(0);
        if expected_pos > self.transaction_pos {
            findings.push(FindingKind::Doubled { first_pos: expected_pos });
            // Both were stored over the same revision.
            let mut first = [0; RecordHeader::FIXED_LEN];
            source.read_exact_at(expected_pos, &mut first)?;
            expected_pos = RecordHeader::decode(expected_pos, &first).previous_pos;
        }
        // A pack forgets what was before, a lost span hides it, and what does not lead back is told by the walk.
        let is_excused = previous_pos == expected_pos
            || previous_pos >= pos
            || previous_pos == 0 && self.is_packed
            || self.is_lost(previous_pos);
        if !is_excused {
            findings.push(FindingKind::Previous { previous_pos, expected_pos });
        }
        Ok(())
    }

    /// Whether a record may stand there that cannot be read; none does in the magic.
    fn is_lost(&self, pos: u64) -> bool {
        pos >= Magic::LEN
            && self.lost.iter().any(|(start_pos, end_pos)| (*start_pos..*end_pos).contains(&pos))
    }
}
