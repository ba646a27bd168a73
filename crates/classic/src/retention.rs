//! Which backups are kept: facts in, decisions out.

use crate::Stamp;
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// Which backups are to be kept. Of each hour, day, week, month and year it is the last one; those are counted from the
/// newest on, and only where there is a backup. They begin and end in UTC, a week on Monday.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// So many of the last ones.
    pub last_count: usize,
    /// Of so many hours.
    pub hourly_count: usize,
    /// Of so many days.
    pub daily_count: usize,
    /// Of so many weeks.
    pub weekly_count: usize,
    /// Of so many months.
    pub monthly_count: usize,
    /// Of so many years.
    pub yearly_count: usize,
    /// All that are no older.
    pub within: Option<Duration>,
    /// All with one of these tags.
    pub tags: BTreeSet<String>,
}

impl Policy {
    /// Whether it keeps nothing.
    pub fn is_empty(&self) -> bool {
        *self == Policy::default()
    }

    fn periods(&self) -> [(Period, usize); 5] {
        [
            (Period::Hour, self.hourly_count),
            (Period::Day, self.daily_count),
            (Period::Week, self.weekly_count),
            (Period::Month, self.monthly_count),
            (Period::Year, self.yearly_count),
        ]
    }
}

/// A span of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week, which begins on Monday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Period {
    /// What all moments of one period have in common.
    fn key(self, stamp: Stamp, date: Date) -> String {
        let text = stamp.as_str();
        match self {
            Period::Hour => text[..13].to_owned(),
            Period::Day => text[..10].to_owned(),
            Period::Week => {
                let week = date.iso_week_date();
                format!("{:04} {:02}", week.year(), week.week())
            }
            Period::Month => text[..7].to_owned(),
            Period::Year => text[..4].to_owned(),
        }
    }
}

/// Why a backup is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It is the newest one.
    Newest,
    /// No other one has later transactions.
    LatestTransaction,
    /// It is one of the last ones.
    Last,
    /// It is the last one of a period.
    Of(Period),
    /// It is young.
    Within,
    /// It has this tag.
    Tag(String),
    /// Somebody holds it.
    Held,
    /// Its time is no date, or in the future.
    NoAge,
    /// A later one of its chain is kept, and builds on it.
    BuiltUpon,
    /// There is no newer chain that is seen to be sound.
    NoNewerSound,
    /// No transaction shows that the chain that would stand in for it is of the same database, or it has later ones.
    OtherDatabase,
    /// Somebody reads its chain just now, or holds a file of it that cannot be used.
    InUse,
    /// Something is wrong with its chain, of which another one is kept.
    Unsound,
}

/// A chain, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChainFacts {
    /// Its backups that fit together, the full first.
    pub(crate) backups: Vec<BackupFacts>,
    /// Whether nothing is seen to be wrong with it.
    pub(crate) is_sound: bool,
    /// Whether no other chain has later transactions.
    pub(crate) is_latest: bool,
}

/// A backup, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackupFacts {
    /// When it was made.
    pub(crate) stamp: Stamp,
    /// Its tags.
    pub(crate) tags: BTreeSet<String>,
    /// Whether somebody holds it.
    pub(crate) is_held: bool,
    /// Whether nothing is seen to be wrong with it, or with what it builds on.
    pub(crate) is_usable: bool,
}

/// Why each backup of each chain is kept; those with no reason are to be removed. These are whole chains, and the ends of
/// chains. Chains come oldest first.
///
/// However the policy is, the newest backup is kept, and the one with the latest transactions; and a chain only goes for a
/// newer one that is sound.
pub(crate) fn decide(policy: &Policy, chains: &[ChainFacts], now: SystemTime) -> Vec<Vec<BTreeSet<Reason>>> {
    let mut reasons: Vec<Vec<BTreeSet<Reason>>> =
        chains.iter().map(|chain| vec![BTreeSet::new(); chain.backups.len()]).collect();
    // Newest first.
    let mut all: Vec<(Stamp, usize, usize)> = chains
        .iter()
        .enumerate()
        .flat_map(|(at, chain)| {
            chain.backups.iter().enumerate().map(move |(n, backup)| (backup.stamp, at, n))
        })
        .collect();
    all.sort_by(|a, b| b.cmp(a));
    if let Some((_, at, n)) = all.first() {
        reasons[*at][*n].insert(Reason::Newest);
    }
    // What cannot be restored takes no other one's place.
    all.retain(|(_, at, n)| chains[*at].backups[*n].is_usable || chains[*at].backups[*n].is_held);
    for (count, (stamp, at, n)) in all.iter().enumerate() {
        let backup = &chains[*at].backups[*n];
        let kept = &mut reasons[*at][*n];
        let is_last_of_chain = *n + 1 == chains[*at].backups.len();
        let rules = [
            (count == 0, Reason::Newest),
            (is_last_of_chain && chains[*at].is_latest, Reason::LatestTransaction),
            (count < policy.last_count, Reason::Last),
            (backup.is_held, Reason::Held),
        ];
        kept.extend(rules.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason));
        kept.extend(policy.tags.intersection(&backup.tags).cloned().map(Reason::Tag));
        match age(*stamp, now) {
            None => drop(kept.insert(Reason::NoAge)),
            Some(age) if policy.within.is_some_and(|within| age <= within) => {
                kept.insert(Reason::Within);
            }
            Some(_) => {}
        }
    }
    for (period, count) in policy.periods() {
        keep_last_of(period, count, &all, &mut reasons);
    }
    keep_what_is_needed(chains, &mut reasons);
    reasons
}

fn age(stamp: Stamp, now: SystemTime) -> Option<Duration> {
    now.duration_since(stamp.time()?).ok()
}

/// The last one of each of so many periods; `all` are newest first.
fn keep_last_of(
    period: Period,
    count: usize,
    all: &[(Stamp, usize, usize)],
    reasons: &mut [Vec<BTreeSet<Reason>>],
) {
    let mut keys = BTreeSet::new();
    for (stamp, at, n) in all {
        let Some(date) = stamp.date() else { continue };
        if keys.len() < count && keys.insert(period.key(*stamp, date.date())) {
            reasons[*at][*n].insert(Reason::Of(period));
        }
    }
}

/// What others are built upon, and what nothing newer stands in for.
fn keep_what_is_needed(chains: &[ChainFacts], reasons: &mut [Vec<BTreeSet<Reason>>]) {
    let newest_sound = chains.iter().rposition(|chain| chain.is_sound && !chain.backups.is_empty());
    for (at, kept) in reasons.iter_mut().enumerate() {
        let is_stood_in_for = newest_sound.is_some_and(|newest| newest > at);
        let is_kept = kept.iter().any(|reasons| !reasons.is_empty());
        // Of a chain that is not sound no end is cut off: its list says what is missing.
        let rule = match (is_stood_in_for, chains[at].is_sound || !is_kept) {
            (false, _) => Some(Reason::NoNewerSound),
            (true, false) => Some(Reason::Unsound),
            (true, true) => None,
        };
        // What is before the last one is built upon.
        if let Some(last) = kept.last_mut().filter(|last| last.is_empty()) {
            last.extend(rule);
        }
        let last_kept = kept.iter().rposition(|reasons| !reasons.is_empty());
        for reasons in &mut kept[..last_kept.unwrap_or(0)] {
            reasons.insert(Reason::BuiltUpon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Stamp {
        Stamp::parse(text.as_bytes()).unwrap()
    }

    fn now() -> SystemTime {
        stamp("2026-11-24-12-00-00").time().unwrap()
    }

    /// Sound chains of backups at these hours of 2026, as `11-24-03`; the last one has the latest transactions.
    fn chains(all: &[&[&str]]) -> Vec<ChainFacts> {
        let backup = |text: &&str| BackupFacts {
            stamp: stamp(&format!("2026-{text}-00-00")),
            tags: BTreeSet::new(),
            is_held: false,
            is_usable: true,
        };
        let chain = |(at, texts): (usize, &&[&str])| ChainFacts {
            backups: texts.iter().map(backup).collect(),
            is_sound: true,
            is_latest: at + 1 == all.len(),
        };
        all.iter().enumerate().map(chain).collect()
    }

    /// Which ones are kept.
    fn kept(policy: &Policy, chains: &[ChainFacts]) -> Vec<Vec<bool>> {
        let reasons = decide(policy, chains, now());
        reasons.iter().map(|chain| chain.iter().map(|reasons| !reasons.is_empty()).collect()).collect()
    }

    const NOTHING: &Policy = &Policy {
        last_count: 0,
        hourly_count: 0,
        daily_count: 0,
        weekly_count: 0,
        monthly_count: 0,
        yearly_count: 0,
        within: None,
        tags: BTreeSet::new(),
    };

    #[test]
    fn the_newest_backup_and_the_chain_with_the_latest_transactions_always_stay() {
        let mut two = chains(&[&["11-01-03", "11-02-03"], &["11-03-03", "11-04-03"]]);
        assert_eq!(kept(NOTHING, &two), [vec![false, false], vec![true, true]]);
        // The clock was set back: what has the latest transactions is not of the latest name.
        two[0].is_latest = true;
        assert_eq!(kept(NOTHING, &two), [vec![true, true], vec![true, true]]);
    }

    #[test]
    fn the_end_of_a_chain_goes_and_what_others_build_on_stays() {
        let mut two = chains(&[&["11-01-03", "11-02-03", "11-03-03"], &["11-04-03"]]);
        two[0].backups[1].is_held = true;
        assert_eq!(kept(NOTHING, &two), [vec![true, true, false], vec![true]]);
        let reasons = decide(NOTHING, &two, now());
        assert_eq!(reasons[0][0], BTreeSet::from([Reason::BuiltUpon]));
        assert_eq!(reasons[0][1], BTreeSet::from([Reason::Held]));
    }

    #[test]
    fn the_last_one_of_each_period_is_kept() {
        let all = chains(&[
            &["09-30-03"],
            &["10-31-03"],
            &["11-22-03"],
            &["11-23-03"],
            &["11-24-01"],
            &["11-24-02"],
        ]);
        let of = |policy: Policy| {
            let kept = kept(&policy, &all);
            kept.iter().map(|chain| chain[0]).collect::<Vec<_>>()
        };
        let nothing = || NOTHING.clone();
        assert_eq!(of(Policy { last_count: 2, ..nothing() }), [false, false, false, false, true, true]);
        assert_eq!(of(Policy { hourly_count: 3, ..nothing() }), [false, false, false, true, true, true]);
        assert_eq!(of(Policy { daily_count: 2, ..nothing() }), [false, false, false, true, false, true]);
        // 22 November is a Sunday.
        assert_eq!(of(Policy { weekly_count: 2, ..nothing() }), [false, false, true, false, false, true]);
        assert_eq!(of(Policy { monthly_count: 2, ..nothing() }), [false, true, false, false, false, true]);
        assert_eq!(of(Policy { monthly_count: 9, ..nothing() }), [true, true, false, false, false, true]);
        assert_eq!(of(Policy { yearly_count: 1, ..nothing() }), [false, false, false, false, false, true]);
        let within = Some(Duration::from_secs(33 * 3600));
        assert_eq!(of(Policy { within, ..nothing() }), [false, false, false, true, true, true]);
    }

    #[test]
    fn a_tag_keeps_what_has_it() {
        let mut two = chains(&[&["11-01-03"], &["11-02-03"], &["11-04-03"]]);
        two[0].backups[0].tags.insert("release".to_owned());
        two[1].backups[0].tags.insert("other".to_owned());
        let policy = Policy { tags: BTreeSet::from(["release".to_owned()]), ..NOTHING.clone() };
        assert_eq!(kept(&policy, &two), [vec![true], vec![false], vec![true]]);
    }

    /// The newest chain is damaged: what is older is all that there is.
    #[test]
    fn no_chain_goes_for_one_that_is_not_sound() {
        let mut three = chains(&[&["11-01-03"], &["11-02-03"], &["11-03-03"]]);
        three[2].is_sound = false;
        assert_eq!(kept(NOTHING, &three), [vec![false], vec![true], vec![true]]);
        three[1].is_sound = false;
        assert_eq!(kept(NOTHING, &three), [vec![true], vec![true], vec![true]]);
        three[0].is_sound = false;
        assert_eq!(kept(NOTHING, &three), [vec![true], vec![true], vec![true]]);
    }

    /// What its list says is missing would be forgotten with the end.
    #[test]
    fn of_a_chain_with_a_problem_no_end_is_cut_off() {
        let mut two = chains(&[&["11-01-03", "11-02-03", "11-03-03"], &["11-04-03"]]);
        two[0].is_sound = false;
        assert_eq!(kept(NOTHING, &two), [vec![false; 3], vec![true]]);
        two[0].backups[0].is_held = true;
        assert_eq!(kept(NOTHING, &two), [vec![true; 3], vec![true]]);
    }

    /// A full that is empty was the last one of its day once, and the good one of that day went for it.
    #[test]
    fn what_cannot_be_restored_takes_no_place() {
        let mut all = chains(&[&["11-22-03"], &["11-23-03"], &["11-23-20", "11-23-21"], &["11-24-03"]]);
        all[2].is_sound = false;
        all[2].backups.iter_mut().for_each(|backup| backup.is_usable = false);
        let policy = Policy { daily_count: 3, ..NOTHING.clone() };
        assert_eq!(kept(&policy, &all), [vec![true], vec![true], vec![false, false], vec![true]]);
        let policy = Policy { last_count: 2, ..NOTHING.clone() };
        assert_eq!(kept(&policy, &all), [vec![false], vec![true], vec![false, false], vec![true]]);
        // The newest one stays whatever it is, and the newest one that can be restored.
        all[3].is_sound = false;
        all[3].backups[0].is_usable = false;
        assert_eq!(kept(NOTHING, &all), [vec![false], vec![true], vec![true, true], vec![true]]);
    }

    #[test]
    fn what_has_no_age_stays() {
        let mut all = chains(&[&["11-01-03"], &["11-02-03"], &["11-03-03"]]);
        all[0].backups[0].stamp = stamp("2026-02-31-00-00-00");
        all[1].backups[0].stamp = stamp("2027-01-01-00-00-00");
        assert_eq!(kept(NOTHING, &all), [vec![true], vec![true], vec![true]]);
    }
}
