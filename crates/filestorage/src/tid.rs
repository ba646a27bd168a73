use jiff::ToSpan;
use jiff::civil::Date;
use std::fmt;

const MINUTES_PER_DAY: u32 = 24 * 60;
/// Every month has 31 days here, so 31 February can be said.
const MINUTES_PER_MONTH: u32 = 31 * MINUTES_PER_DAY;
const MINUTES_PER_YEAR: u32 = 12 * MINUTES_PER_MONTH;
const FIRST_YEAR: u32 = 1900;
/// Seconds per unit of the low half.
const UNIT_SECONDS: f64 = 60.0 / 4_294_967_296.0;

/// A transaction id: eight bytes that are a time stamp, ordered as a big-endian number.
///
/// The high four bytes count minutes in a calendar whose months all have 31 days, the low four the fraction
/// of the minute in units of 60 s / 2^32 (about 14 ns).
///
/// **Source:** `persistent.timestamp` of persistent 6.9, compared with 300,000 random times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tid(u64);

/// The calendar fields of a [`Tid`], exactly as they are in its bits: 31 February is possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calendar {
    /// 1900 to 9917.
    pub year: u32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31, in every month.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 up to, not including, 60; exact.
    pub second: f64,
}

impl Tid {
    /// The tid with these bits.
    pub const fn new(number: u64) -> Tid {
        Tid(number)
    }

    /// The tid in these bytes of a file.
    pub const fn from_be_bytes(bytes: [u8; 8]) -> Tid {
        Tid(u64::from_be_bytes(bytes))
    }

    /// The bits as a number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The last tid at or before a calendar time; `None` if a field is out of its range.
    pub fn from_calendar(time: Calendar) -> Option<Tid> {
        let Calendar { year, month, day, hour, minute, second } = time;
        let in_range = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && (0.0..60.0).contains(&second);
        if !in_range {
            return None;
        }
        let minutes = year.checked_sub(FIRST_YEAR)?.checked_mul(MINUTES_PER_YEAR)?.checked_add(
            (month - 1) * MINUTES_PER_MONTH + (day - 1) * MINUTES_PER_DAY + hour * 60 + minute,
        )?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= second < 60")]
        let fraction = (second / UNIT_SECONDS) as u32;
        Some(Tid(u64::from(minutes) << 32 | u64::from(fraction)))
    }

    /// The tid of a time in seconds since 1970 (UTC); `None` before 1900 or behind the last year.
    pub fn from_unix_seconds(seconds: f64) -> Option<Tid> {
        if !seconds.is_finite() {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "what is cut is in no year that there is")]
        let whole = seconds.floor() as i64;
        let time = jiff::Timestamp::from_second(whole).ok()?.to_zoned(jiff::tz::TimeZone::UTC).datetime();
        Tid::from_calendar(Calendar {
            year: u32::try_from(time.year()).ok()?,
            month: time.month().unsigned_abs().into(),
            day: time.day().unsigned_abs().into(),
            hour: time.hour().unsigned_abs().into(),
            minute: time.minute().unsigned_abs().into(),
            second: seconds.rem_euclid(60.0),
        })
    }

    /// The calendar fields.
    pub fn calendar(self) -> Calendar {
        let (minutes, fraction) = self.halves();
        Calendar {
            year: minutes / MINUTES_PER_YEAR + FIRST_YEAR,
            month: minutes / MINUTES_PER_MONTH % 12 + 1,
            day: minutes / MINUTES_PER_DAY % 31 + 1,
            hour: minutes / 60 % 24,
            minute: minutes % 60,
            second: f64::from(fraction) * UNIT_SECONDS,
        }
    }

    /// Seconds since 1970 (UTC), exact to the bits of a double; 31 February is 2 or 3 March.
    pub fn unix_seconds(self) -> f64 {
        let time = self.calendar();
        #[expect(clippy::cast_precision_loss, reason = "under 2^40")]
        let minutes = (days_since_1970(time) * 1440 + i64::from(time.hour * 60 + time.minute)) as f64;
        minutes * 60.0 + time.second
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves of 64 bits")]
    fn halves(self) -> (u32, u32) {
        ((self.0 >> 32) as u32, self.0 as u32)
    }
}

fn days_since_1970(time: Calendar) -> i64 {
    let first_of_month = i16::try_from(time.year)
        .ok()
        .zip(i8::try_from(time.month).ok())
        .and_then(|(year, month)| Date::new(year, month, 1).ok());
    let epoch = Date::constant(1970, 1, 1);
    first_of_month
        .and_then(|date| date.checked_add(i64::from(time.day - 1).days()).ok())
        .and_then(|date| date.since((jiff::Unit::Day, epoch)).ok())
        .map_or(0, |span| span.get_days().into())
}

impl fmt::Display for Tid {
    /// `0x` and 16 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:016x}", self.0)
    }
}

impl fmt::Display for Calendar {
    /// `YYYY-MM-DD HH:MM:SS.ffffff`, seconds rounded, so that `60.000000` occurs, as ZODB prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Calendar { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:09.6}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Text and seconds as `persistent.timestamp.TimeStamp` 6.9 gives them.
    const KNOWN: [(u64, &str, f64); 8] = [
        (0, "1900-01-01 00:00:00.000000", -2_208_988_800.0),
        (0x023c_2b00_0000_0000, "1970-01-01 00:00:00.000000", 0.0),
        (0x0332_ade0_0000_0000, "2000-02-29 00:00:00.000000", 951_782_400.0),
        (0x0344_1422_948b_4399, "2002-04-14 20:50:34.815000", 1_018_817_434.815),
        (0x037b_e9e3_8086_d8cc, "2009-02-13 23:31:30.123456", 1_234_567_890.123_456),
        (0x03f4_7f95_5666_6666, "2023-11-14 22:13:20.250000", 1_700_000_000.25),
        (0x03f4_7f9a_ffff_ffff, "2023-11-14 22:18:60.000000", 1_700_000_340.0),
        (0x7fff_ffff_ffff_ffff, "5908-11-23 02:07:60.000000", 124_299_454_080.0),
    ];

    #[test]
    fn known_tids_have_the_times_that_python_gives() {
        for (number, text, seconds) in KNOWN {
            let tid = Tid::new(number);
            assert_eq!(tid.calendar().to_string(), text);
            assert!((tid.unix_seconds() - seconds).abs() < 1e-6, "{text}");
        }
        assert_eq!(Tid::from_unix_seconds(1_700_000_000.25), Some(Tid::new(0x03f4_7f95_5666_6666)));
        assert_eq!(Tid::from_unix_seconds(0.0), Some(Tid::new(0x023c_2b00_0000_0000)));
    }

    #[test]
    fn the_31st_of_february_is_printed_as_it_is_and_counted_into_march() {
        let time = Calendar { year: 2001, month: 2, day: 31, hour: 0, minute: 0, second: 0.0 };
        let tid = Tid::from_calendar(time).unwrap();
        assert_eq!(tid.calendar(), time);
        let third_of_march = Calendar { month: 3, day: 3, ..time };
        assert!(
            (tid.unix_seconds() - Tid::from_calendar(third_of_march).unwrap().unix_seconds()).abs() < 1e-9
        );
    }

    #[test]
    fn impossible_times_have_no_tid() {
        let good = Calendar { year: 2001, month: 2, day: 3, hour: 4, minute: 5, second: 6.0 };
        for bad in [
            Calendar { year: 1899, ..good },
            Calendar { month: 13, ..good },
            Calendar { day: 0, ..good },
            Calendar { hour: 24, ..good },
            Calendar { minute: 60, ..good },
            Calendar { second: 60.0, ..good },
            Calendar { second: f64::NAN, ..good },
        ] {
            assert_eq!(Tid::from_calendar(bad), None, "{bad:?}");
        }
        for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -3e9, 1e15] {
            assert_eq!(Tid::from_unix_seconds(seconds), None);
        }
    }

    #[test]
    fn tids_are_shown_in_hex_and_ordered_as_numbers() {
        let tid = Tid::from_be_bytes([0, 0, 0, 0, 0, 0, 1, 0xff]);
        assert_eq!(tid.to_string(), "0x00000000000001ff");
        assert!(tid < Tid::new(0x200) && tid > Tid::new(0x1fe));
    }

    proptest! {
        #[test]
        fn calendar_and_bits_are_the_same_thing(number in any::<u64>()) {
            let tid = Tid::new(number);
            prop_assert_eq!(Tid::from_calendar(tid.calendar()), Some(tid));
        }

        #[test]
        fn seconds_come_back_to_within_their_double(seconds in 0.0..4e9_f64) {
            let tid = Tid::from_unix_seconds(seconds).unwrap();
            prop_assert!((tid.unix_seconds() - seconds).abs() < 1e-6);
        }
    }
}
