use filestorage::Tid;
use std::fmt;
use std::time::{Duration, SystemTime};

/// The base name of a backup: its time in UTC to the second, `YYYY-MM-DD-hh-mm-ss`.
///
/// The digits need not be a possible date: Python's repozo takes any. Stamps are ordered as text, which for
/// real dates is the order of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp([u8; Self::LEN]);

impl Stamp {
    /// Length of the text.
    pub const LEN: usize = 19;

    /// The stamp that `text` is; `None` unless it is digits and hyphens in the right places.
    pub fn parse(text: &[u8]) -> Option<Stamp> {
        let bytes: [u8; Self::LEN] = text.try_into().ok()?;
        has_stamp_form(&bytes).then_some(Stamp(bytes))
    }

    /// The stamp of a moment, its fraction of a second cut off; `None` outside of the years 0 to 9999.
    pub fn at(time: SystemTime) -> Option<Stamp> {
        let timestamp = jiff::Timestamp::try_from(time).ok()?;
        let text = timestamp.strftime("%Y-%m-%d-%H-%M-%S").to_string();
        Stamp::parse(text.as_bytes())
    }

    /// The moment when a clock shows this stamp; `None` if it is no possible date.
    pub fn time(&self) -> Option<SystemTime> {
        let zoned = self.date()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(SystemTime::from(zoned.timestamp()))
    }

    /// The tid of the moment when a clock begins to show this stamp; `None` if it is no possible date, or before 1900.
    pub fn tid(&self) -> Option<Tid> {
        let seconds = self.time()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Tid::from_unix_seconds(seconds.as_secs_f64())
    }

    /// The date that this is, up to the last second of 9999; `None` if it is no possible one.
    pub(crate) fn date(&self) -> Option<jiff::civil::DateTime> {
        jiff::civil::DateTime::strptime("%Y-%m-%d-%H-%M-%S", self.as_str()).ok()
    }

    /// How long from `now` until a clock shows a later stamp than this; zero if it does.
    pub fn passes_in(&self, now: SystemTime) -> Option<Duration> {
        let passed = self.time()?.checked_add(Duration::from_secs(1))?;
        Some(passed.duration_since(now).unwrap_or_default())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Whether `text` is a stamp or the beginning of one, as far as digits and hyphens go.
fn has_stamp_form(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 | 10 | 13 | 16 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    })
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Up to when backups count: the value of `--date`, or no limit.
///
/// A shorter form, down to `YYYY-MM-DD`, means what it means to Python's repozo, which compares text: all
/// that is before the first second of that minute, hour or day. The full form includes its own second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// Everything there is.
    Newest,
    /// What compares as less than or equal to this text.
    Date(String),
}

impl Limit {
    /// Parses the value of `--date`; `None` when it is not one of the accepted forms or no possible date.
    pub fn parse(text: &str) -> Option<Limit> {
        const LENS: [usize; 4] = [10, 13, 16, 19];
        if !LENS.contains(&text.len()) || !has_stamp_form(text.as_bytes()) {
            return None;
        }
        let first_second = format!("{text}{}", &"0000-00-00-00-00-00"[text.len()..]);
        Stamp::parse(first_second.as_bytes())?.date()?;
        Some(Limit::Date(text.to_owned()))
    }

    /// Whether a backup of this moment counts.
    pub fn includes(&self, stamp: Stamp) -> bool {
        match self {
            Limit::Newest => true,
            Limit::Date(text) => stamp.as_str() <= text.as_str(),
        }
    }

    /// Whether the limit is a short form and `stamp` lies within the minute, hour or day that it names: such a
    /// backup is left out, which a reader of the short form may not expect.
    pub fn names_but_excludes(&self, stamp: Stamp) -> bool {
        matches!(self, Limit::Date(text) if text.len() < Stamp::LEN && stamp.as_str().starts_with(text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Stamp {
        Stamp::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_stamp_is_the_time_in_utc() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_999);
        assert_eq!(Stamp::at(time).unwrap().as_str(), "2023-11-14-22-13-20");
        assert_eq!(stamp("2023-11-14-22-13-20").time(), Some(time - Duration::from_millis(999)));
        assert_eq!(stamp("2023-02-31-22-13-20").time(), None);
        for bad in
            ["2023-11-14-22-13-2", "2023-11-14-22-13-200", "2023-11-14 22-13-20", "x023-11-14-22-13-20"]
        {
            assert_eq!(Stamp::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_stamp_passes_when_the_next_second_begins() {
        let one = stamp("2023-11-14-22-13-20");
        let time = one.time().unwrap();
        assert_eq!(one.passes_in(time + Duration::from_millis(300)), Some(Duration::from_millis(700)));
        assert_eq!(one.passes_in(time + Duration::from_secs(1)), Some(Duration::ZERO));
        assert_eq!(one.passes_in(time - Duration::from_secs(3600)), Some(Duration::from_secs(3601)));
    }

    /// The rows were seen with Python's repozo.
    #[test]
    fn short_dates_mean_before_as_they_do_in_python() {
        let (eight, nine) = (stamp("2027-01-15-08-00-00"), stamp("2027-01-15-09-00-00"));
        for (date, with_eight, with_nine) in [
            ("2027-01-15-09-00-00", true, true),
            ("2027-01-15-08-00-00", true, false),
            ("2027-01-15-09-00", true, false),
            ("2027-01-15-09", true, false),
            ("2027-01-15-08-00", false, false),
            ("2027-01-15", false, false),
            ("2027-01-16", true, true),
        ] {
            let limit = Limit::parse(date).unwrap();
            assert_eq!((limit.includes(eight), limit.includes(nine)), (with_eight, with_nine), "{date}");
        }
        assert!(Limit::parse("2027-01-15").unwrap().names_but_excludes(nine));
        assert!(!Limit::parse("2027-01-14").unwrap().names_but_excludes(nine));
        assert!(!Limit::parse("2027-01-15-09-00-00").unwrap().names_but_excludes(nine));
    }

    #[test]
    fn a_misspelt_or_impossible_date_is_refused() {
        for bad in [
            "2027-1-15",
            "2027/01/15",
            "now",
            "zzz",
            "2027",
            "2027-01",
            "2027-13-01",
            "2027-02-30",
            "2027-01-15-24",
            "2027-01-15-08-60",
            "2027-01-15T08",
            "2027-01-15-08-00-00-00",
            "2027-01-15 ",
            "２０２７-01-15",
            "",
        ] {
            assert_eq!(Limit::parse(bad), None, "{bad}");
        }
    }
}
