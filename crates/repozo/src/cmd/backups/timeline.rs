//! Backups along time: where there are gaps, and a line that shows them.

use classic::{Inventory, Stamp};
use jiff::Timestamp;
use std::time::Duration;

/// Shorter pauses are no gaps, however regular the others are.
const SHORTEST_GAP: Duration = Duration::from_secs(3600);
/// A gap is so many times as long as pauses are usually.
const GAP_FACTOR: u32 = 3;
/// How many cells the line has.
const CELL_COUNT: usize = 60;

/// A pause between two backups that is much longer than usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) from: Stamp,
    pub(super) to: Stamp,
    pub(super) length: Duration,
}

/// When backups were made, and which of them are fulls; in the order of time.
pub(super) fn moments(found: &Inventory) -> Vec<(Stamp, bool)> {
    let mut moments: Vec<_> =
        found.backups().map(|backup| (backup.part.name.stamp, backup.part.name.is_full())).collect();
    moments.sort();
    moments
}

/// Pauses that are three times as long as half of all are.
pub(super) fn gaps(moments: &[(Stamp, bool)]) -> Vec<Gap> {
    let pauses: Vec<Gap> = moments
        .windows(2)
        .filter_map(|pair| {
            let (from, to) = (pair[0].0, pair[1].0);
            Some(Gap { from, to, length: to.time()?.duration_since(from.time()?).ok()? })
        })
        .collect();
    let mut lengths: Vec<Duration> = pauses.iter().map(|pause| pause.length).collect();
    lengths.sort();
    let Some(usual) = lengths.get(lengths.len() / 2) else { return Vec::new() };
    let least = SHORTEST_GAP.max(*usual * GAP_FACTOR);
    pauses.into_iter().filter(|pause| pause.length > least).collect()
}

/// A line of cells from the first backup to the last one: a full, an increment, nothing.
pub(super) fn line(moments: &[(Stamp, bool)]) -> String {
    let time = |stamp: &Stamp| stamp.time().and_then(|time| Timestamp::try_from(time).ok());
    let times: Vec<_> =
        moments.iter().filter_map(|(stamp, is_full)| Some((time(stamp)?, *is_full))).collect();
    let (Some((first, _)), Some((last, _))) = (times.first(), times.last()) else { return String::new() };
    let whole = (last.as_second() - first.as_second()).max(1);
    let mut cells = [' '; CELL_COUNT];
    for (time, is_full) in &times {
        let passed = i128::from(time.as_second() - first.as_second());
        let at = passed * (CELL_COUNT as i128 - 1) / i128::from(whole);
        let cell = &mut cells[usize::try_from(at).unwrap_or(0).min(CELL_COUNT - 1)];
        *cell = if *is_full || *cell == '█' { '█' } else { '▄' };
    }
    cells.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(texts: &[(&str, bool)]) -> Vec<(Stamp, bool)> {
        texts
            .iter()
            .map(|(text, is_full)| {
                (Stamp::parse(format!("2026-11-{text}-00-00").as_bytes()).unwrap(), *is_full)
            })
            .collect()
    }

    #[test]
    fn a_gap_is_a_pause_much_longer_than_usual() {
        let daily = moments(&[
            ("01-03", true),
            ("02-03", false),
            ("03-03", false),
            ("06-04", false),
            ("07-03", true),
        ]);
        let found = gaps(&daily);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].from, found[0].to), (daily[2].0, daily[3].0));
        assert_eq!(found[0].length, Duration::from_secs(73 * 3600));
        assert_eq!(gaps(&daily[..3]), []);
        assert_eq!(gaps(&daily[..1]), []);
        assert_eq!(gaps(&[]), []);
        // An hour is none, though minutes are usual.
        let often = moments(&[("01-03", true), ("01-03", false), ("01-03", false), ("01-04", false)]);
        assert_eq!(gaps(&often), []);
    }

    #[test]
    fn the_line_shows_each_backup_at_its_time() {
        let shown = line(&moments(&[("01-00", true), ("01-12", false), ("02-00", false), ("03-00", true)]));
        assert_eq!(shown.chars().count(), CELL_COUNT);
        let places: Vec<_> = shown.chars().enumerate().filter(|(_, cell)| *cell != ' ').collect();
        assert_eq!(places, [(0, '█'), (14, '▄'), (29, '▄'), (59, '█')]);
        assert_eq!(line(&moments(&[("01-00", true)])).trim_end(), "█");
        assert_eq!(line(&[]), "");
    }
}
