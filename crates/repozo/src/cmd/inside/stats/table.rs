//! The figures of a database as text, with bars.

use super::{bin, day_text, pack_text, percent, share, total_text, unread_text};
use crate::report::one_line;
use crate::ui::figures::{bytes, count};
use crate::ui::table::table;
use inspect::{Amount, ClassStats, Day, Histogram, Stats};

const BAR_LEN: usize = 20;
/// Days that are shown, the last ones.
const DAYS_COUNT: usize = 14;

/// All of it; the `limit` largest classes one by one.
pub(super) fn of(stats: &Stats, limit: usize) -> String {
    let sections = [
        [Some(total_text(stats)), unread_text(stats), Some(pack_text(stats))]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("\n"),
        classes(stats, limit),
        lens("data of an object", "objects", &stats.object_lens),
        lens("length of a transaction", "transactions", &stats.transaction_lens),
        days(&stats.days),
    ];
    sections.join("\n\n") + "\n"
}

fn classes(stats: &Stats, limit: usize) -> String {
    let largest_len = stats.classes.first().map_or(0, |class| class.revisions.len);
    let row = |name: String, class: &ClassStats, bar: String| {
        let freed_len = class.freed_len();
        [
            name,
            count(class.objects.count),
            count(class.revisions.count),
            bytes(class.objects.len),
            bytes(class.historic_len()),
            bytes(freed_len),
            percent(freed_len, class.revisions.len),
            bar,
        ]
    };
    let mut rows: Vec<_> = stats
        .classes
        .iter()
        .take(limit)
        .map(|class| {
            let bar = two_bars(class.objects.len, class.historic_len(), largest_len);
            row(one_line(&class.class), class, bar)
        })
        .collect();
    let rest = stats.classes.len().saturating_sub(limit);
    if rest > 0 {
        rows.push(row(format!("{} more", count(rest as u64)), &stats.smaller_than(limit), String::new()));
    }
    rows.push(row("all".to_owned(), &stats.all, String::new()));
    table(["class", "objects", "revisions", "now", "old", "a pack", "frees", ""], rows)
}

fn lens(title: &str, what: &str, lens: &Histogram) -> String {
    let most_count = lens.bins().map(|(_, amount)| amount.count).max().unwrap_or(0);
    let rows = lens.bins().map(|(longest_len, Amount { count: found, len })| {
        [format!("up to {}", bin(longest_len)), count(found), bytes(len), bar(found, most_count)]
    });
    table([title, what, "together", ""], rows)
}

fn days(days: &[Day]) -> String {
    let shown = &days[days.len().saturating_sub(DAYS_COUNT)..];
    let most_len = shown.iter().map(|day| day.transactions.len).max().unwrap_or(0);
    let title = match days.len() - shown.len() {
        0 => "day (UTC)".to_owned(),
        before => format!("day (UTC), after {} others", count(before as u64)),
    };
    let rows = shown.iter().map(|day| {
        let Amount { count: found, len } = day.transactions;
        [day_text(day), count(found), bytes(len), bar(len, most_len)]
    });
    table([title.as_str(), "transactions", "together", ""], rows)
}

/// A bar as long as `part` is of `whole`.
fn bar(part: u64, whole: u64) -> String {
    two_bars(part, 0, whole)
}

/// A full bar and an empty one behind it.
fn two_bars(full: u64, empty: u64, whole: u64) -> String {
    let full_len = bar_len(full, whole);
    let both_len = bar_len(full.saturating_add(empty), whole);
    "█".repeat(full_len) + &"░".repeat(both_len - full_len)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to BAR_LEN")]
#[expect(clippy::cast_precision_loss, reason = "it is small")]
fn bar_len(part: u64, whole: u64) -> usize {
    let len = (share(part, whole) * BAR_LEN as f64).round() as usize;
    // What is there is seen.
    if part > 0 { len.max(1) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_part_of_the_longest() {
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(0, 0), "");
        assert_eq!(bar(5, 10).chars().count(), BAR_LEN / 2);
        assert_eq!(bar(10, 10).chars().count(), BAR_LEN);
        assert_eq!(bar(1, u64::MAX), "█", "however little it is, it is seen");
        let both = two_bars(1, 1, 4);
        assert_eq!((both.matches('█').count(), both.matches('░').count()), (BAR_LEN / 4, BAR_LEN / 4));
    }
}
