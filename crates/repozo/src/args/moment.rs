use filestorage::{Calendar, Tid};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::str::FromStr;
use std::time::SystemTime;

/// What a moment looks like, for those who mistyped one.
const FORMS: &str = "a moment is YYYY-MM-DD or YYYY-MM-DD-hh-mm-ss in UTC, 2026-11-24T18:30:00+01:00, \"today 14:05\", \
                     \"2 hours ago\", or a tid as 0x and hex digits";
/// Times are told rounded to a millionth of a second, so what is told belongs to the moment.
const ROUNDING: f64 = 0.000_000_501;

/// The time, and the clock on the wall beside it.
#[derive(Debug, Clone)]
pub struct Now {
    /// The time.
    pub time: SystemTime,
    /// Whose times people tell, and are told.
    pub zone: TimeZone,
}

impl Now {
    /// The time to the second; that of 1970 if the clock shows none that there is.
    pub fn timestamp(&self) -> Timestamp {
        timestamp(self)
            .and_then(|time| Timestamp::from_second(time.as_second()).ok())
            .unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// A moment as somebody types it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    text: String,
    meaning: Meaning,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    Fixed(Tid),
    /// So long ago.
    Ago(SignedDuration),
    /// A time of a day so many days ago, by the clock on the wall.
    Day {
        ago_count: i64,
        time: Time,
    },
}

impl Moment {
    /// The last tid at or before the moment; the first of all where that is before 1900.
    pub fn tid(&self, now: &Now) -> Tid {
        let tid = match &self.meaning {
            Meaning::Fixed(tid) => Some(*tid),
            Meaning::Ago(duration) => {
                timestamp(now).and_then(|time| time.checked_sub(*duration).ok()).and_then(tid_at)
            }
            Meaning::Day { ago_count, time } => timestamp(now).and_then(|timestamp| {
                let today = timestamp.to_zoned(now.zone.clone()).date();
                let day = today.checked_sub(jiff::Span::new().try_days(*ago_count).ok()?).ok()?;
                tid_at(day.to_datetime(*time).to_zoned(now.zone.clone()).ok()?.timestamp())
            }),
        };
        tid.unwrap_or_default()
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn timestamp(now: &Now) -> Option<Timestamp> {
    Timestamp::try_from(now.time).ok()
}

fn tid_at(time: Timestamp) -> Option<Tid> {
    tid_of(time.to_zoned(TimeZone::UTC).datetime(), 0.0)
}

fn tid_of(time: DateTime, added_seconds: f64) -> Option<Tid> {
    let second = f64::from(time.second()) + f64::from(time.subsec_nanosecond()) / 1e9 + added_seconds;
    Tid::from_calendar(Calendar {
        year: u32::try_from(time.year()).ok()?,
        month: time.month().unsigned_abs().into(),
        day: time.day().unsigned_abs().into(),
        hour: time.hour().unsigned_abs().into(),
        minute: time.minute().unsigned_abs().into(),
        second: second.min(60.0 - 1e-9),
    })
}

impl FromStr for Moment {
    type Err = String;

    /// A tid as `0x` and 16 hex digits; RFC 3339; `now`, `today`, `yesterday`, both with a time if wanted; `2 hours ago`;
    /// or a date in UTC: year, month, day and as much of a time as is wanted, with hyphens, colons, slashes, blanks or a `T`
    /// between. What is left out is the least that it can be.
    fn from_str(text: &str) -> Result<Moment, String> {
        let meaning = match text.strip_prefix("0x") {
            Some(digits) => {
                u64::from_str_radix(digits, 16).ok().map(|number| Meaning::Fixed(Tid::new(number)))
            }
            None => relative(text).or_else(|| with_offset(text).or_else(|| date(text)).map(Meaning::Fixed)),
        };
        let moment = meaning.map(|meaning| Moment { text: text.to_owned(), meaning });
        moment.ok_or_else(|| FORMS.to_owned())
    }
}

/// `now`, `today 14:05`, `2 hours ago`.
fn relative(text: &str) -> Option<Meaning> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let day = |ago_count, time: &[&str]| match time {
        [] => Some(Meaning::Day { ago_count, time: Time::midnight() }),
        [time] if is_time(time) => Some(Meaning::Day { ago_count, time: time.parse().ok()? }),
        _ => None,
    };
    match words.as_slice() {
        ["now"] => Some(Meaning::Ago(SignedDuration::ZERO)),
        ["today", time @ ..] => day(0, time),
        ["yesterday", time @ ..] => day(1, time),
        [count, unit, "ago"] => {
            let seconds = seconds_in(unit)?.checked_mul(count.parse::<u32>().ok()?.into())?;
            Some(Meaning::Ago(SignedDuration::from_secs(seconds)))
        }
        _ => None,
    }
}

/// Whether it is digits and colons; `Time` takes more for one, and leaves out what it does not want.
fn is_time(text: &str) -> bool {
    text.contains(':') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}

/// How long a unit is, named with or without `s`.
fn seconds_in(unit: &str) -> Option<i64> {
    Some(match unit.strip_suffix('s').unwrap_or(unit) {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 7 * 86_400,
        _ => return None,
    })
}

/// RFC 3339, with an offset.
fn with_offset(text: &str) -> Option<Tid> {
    let has_offset = text.ends_with(['Z', 'z']) || text.get(10..)?.contains(['+', '-']);
    let is_timed = text.get(10..11).is_some_and(|between| between == "T" || between == " ");
    // 60 seconds would be taken for 59.
    if !has_offset || !is_timed || !text.contains(':') || text.contains(":60") {
        return None;
    }
    let time: Timestamp = text.parse().ok()?;
    tid_of(time.to_zoned(TimeZone::UTC).datetime(), rounding(text))
}

/// What is added to a time that is told as exactly as times are told here.
fn rounding(text: &str) -> f64 {
    let digits = text.split_once('.').map_or("", |(_, rest)| rest);
    if digits.bytes().take_while(u8::is_ascii_digit).count() == 6 { ROUNDING } else { 0.0 }
}

fn date(text: &str) -> Option<Tid> {
    let whole = text.strip_suffix('Z').unwrap_or(text);
    let (whole, fraction) = whole.split_once('.').unwrap_or((whole, "0"));
    // What looks like an offset is none that is understood here.
    let is_offset = |(at, c): (usize, char)| at > 10 && c == '-' && whole[10..at].contains(['T', ' ', ':']);
    if whole.contains(|c: char| !(c.is_ascii_digit() || "-:/T ".contains(c)))
        || whole.char_indices().any(is_offset)
    {
        return None;
    }
    let fields = whole.split(|c: char| !c.is_ascii_digit()).map(|field| field.parse().ok());
    let fields: Vec<u32> = fields.collect::<Option<_>>()?;
    let &[year, month, day, ref time @ ..] = fields.as_slice() else { return None };
    if time.len() > 3 || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let [hour, minute, second] = [0, 1, 2].map(|at| time.get(at).copied().unwrap_or(0));
    let fraction: f64 = format!("0.{fraction}").parse().ok()?;
    // ZODB tells the last part of a minute as 60.
    if second > 60 {
        return None;
    }
    let second = (f64::from(second) + fraction + rounding(text)).min(60.0 - 1e-9);
    Tid::from_calendar(Calendar { year, month, day, hour, minute, second })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// 2026-11-24 13:30:00 UTC, where clocks show one hour more.
    fn now() -> Now {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_527_000);
        Now { time, zone: TimeZone::fixed(jiff::tz::offset(1)) }
    }

    fn shown(text: &str) -> Result<String, String> {
        let moment = text.parse::<Moment>()?;
        assert_eq!(moment.text(), text);
        let shown = moment.tid(&now()).calendar().to_string();
        Ok(shown)
    }

    #[test]
    fn a_moment_is_a_date_or_a_tid() {
        for (text, expected) in [
            ("2023-11-14", "2023-11-14 00:00:00.000000"),
            ("2023-11-14-22-13", "2023-11-14 22:13:00.000000"),
            ("2023-11-14-22-13-20", "2023-11-14 22:13:20.000000"),
            ("2023-11-14T22:13:20.25Z", "2023-11-14 22:13:20.250000"),
            ("2023-11-14 22:13:20", "2023-11-14 22:13:20.000000"),
            ("0x03f47f9556666666", "2023-11-14 22:13:20.250000"),
            ("2023-11-15T00:13:20.5+02:00", "2023-11-14 22:13:20.500000"),
            ("2023-11-14 16:43:20-05:30", "2023-11-14 22:13:20.000000"),
            ("now", "2026-11-24 13:30:00.000000"),
            ("2 hours ago", "2026-11-24 11:30:00.000000"),
            ("1 day ago", "2026-11-23 13:30:00.000000"),
            ("today", "2026-11-23 23:00:00.000000"),
            ("today 14:05", "2026-11-24 13:05:00.000000"),
            ("yesterday 14:05:30", "2026-11-23 13:05:30.000000"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "soon",
            "2023",
            "2023-11",
            "2023-13-01",
            "2023-11-14-25",
            "2023-11-14-1-2-3-4",
            "0xg",
            "2023-11-14.",
            "2023-11-14T22:13:20+99:00",
            "today 25:00",
            "today at noon",
            "today 14:05+05:00",
            "yesterday 10:00[Europe/Paris]",
            "today 2020-01-01T10:00",
            "2026-11-20T11+01",
            "2026-11-20 12:07+1",
            "2026-11-20+01:00",
            "2026-11-20T11:00-1",
            "-1 hours ago",
            "2 fortnights ago",
            "99999999999999999999 days ago",
        ] {
            assert_eq!(shown(text), Err(FORMS.to_owned()), "{text}");
        }
    }

    /// Who copies the time of a transaction out of a list means that transaction too, though the time is rounded.
    #[test]
    fn the_time_that_is_told_of_a_transaction_includes_it() {
        for number in
            [0x03f4_7f95_5666_6666, 0x03f4_7f95_5666_6699, 0x03f4_7f9a_ffff_ffff, 0x03f4_7f9a_0000_0001]
        {
            let tid = Tid::new(number);
            let told = tid.calendar().to_string();
            for text in [told.clone(), told.replace(' ', "T") + "Z", told.clone() + "+00:00"] {
                // With an offset 60 seconds are not told.
                let Ok(moment) = text.parse::<Moment>() else {
                    assert!(text.contains(":60.") && text.ends_with("+00:00"), "{text}");
                    continue;
                };
                let found = moment.tid(&now());
                assert!(found >= tid && found.number() - tid.number() < 100, "{text}: {found}");
            }
        }
    }
}
