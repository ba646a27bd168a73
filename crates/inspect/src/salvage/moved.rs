/// Where what stood in the old file stands in the new one.
#[derive(Default)]
pub(super) struct Moved {
    /// What was kept, in order; neighbours that moved by the same distance are one.
    stretches: Vec<Stretch>,
}

struct Stretch {
    old_pos: u64,
    old_end_pos: u64,
    new_pos: u64,
}

impl Moved {
    /// What stood from `old_pos` to `old_end_pos` stands at `new_pos` now. Later stretches stand behind earlier ones.
    pub(super) fn keep(&mut self, old_pos: u64, old_end_pos: u64, new_pos: u64) {
        match self.stretches.last_mut() {
            Some(last) if last.old_end_pos == old_pos && last.to(old_pos) == new_pos => {
                last.old_end_pos = old_end_pos;
            }
            _ => self.stretches.push(Stretch { old_pos, old_end_pos, new_pos }),
        }
    }

    /// Where a place is now; `None` if it was not kept.
    pub(super) fn to(&self, old_pos: u64) -> Option<u64> {
        let at = self.stretches.partition_point(|stretch| stretch.old_end_pos <= old_pos);
        let stretch = self.stretches.get(at).filter(|stretch| stretch.old_pos <= old_pos)?;
        Some(stretch.to(old_pos))
    }
}

impl Stretch {
    fn to(&self, old_pos: u64) -> u64 {
        self.new_pos + (old_pos - self.old_pos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_what_was_kept_and_nowhere_else() {
        let mut moved = Moved::default();
        for (old_pos, old_end_pos, new_pos) in
            [(4, 10, 4), (10, 20, 10), (30, 40, 20), (40, 41, 30), (45, 50, 31)]
        {
            moved.keep(old_pos, old_end_pos, new_pos);
        }
        assert_eq!(moved.stretches.len(), 3, "neighbours are one");
        for (old_pos, expected) in [
            (3, None),
            (4, Some(4)),
            (19, Some(19)),
            (20, None),
            (29, None),
            (30, Some(20)),
            (40, Some(30)),
            (41, None),
            (49, Some(35)),
            (50, None),
        ] {
            assert_eq!(moved.to(old_pos), expected, "{old_pos}");
        }
    }
}
