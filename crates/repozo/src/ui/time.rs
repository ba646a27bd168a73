use classic::Stamp;
use filestorage::Tid;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The time of a transaction as the clock on the wall showed it, with its offset: `2026-11-24 14:05:07.123456+01:00`. What
/// is no date, as 31 February, is told as it is, in UTC.
pub(crate) fn of_tid(tid: Tid, zone: &TimeZone) -> String {
    timestamp(tid).map_or_else(
        || format!("{}+00:00", tid.calendar()),
        |time| local(time, zone, "%Y-%m-%d %H:%M:%S%.6f%:z"),
    )
}

/// When a transaction was, to the microsecond that [`Calendar`](filestorage::Calendar) shows.
fn timestamp(tid: Tid) -> Option<Timestamp> {
    let time = tid.calendar();
    let small = |number: u32| i8::try_from(number).ok();
    let date = Date::new(i16::try_from(time.year).ok()?, small(time.month)?, small(time.day)?).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "0 to 60 million")]
    let micros = (time.second * 1e6).round() as i64;
    let minute = date.at(small(time.hour)?, small(time.minute)?, 0, 0);
    let exact = minute.checked_add(jiff::Span::new().try_microseconds(micros).ok()?).ok()?;
    Some(exact.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The time of a backup as the clock on the wall showed it; what is no date as it is.
pub(crate) fn of_stamp(stamp: Stamp, zone: &TimeZone) -> String {
    let time = stamp.time().and_then(|time| Timestamp::try_from(time).ok());
    time.map_or_else(|| stamp.to_string(), |time| seconds(time, zone))
}

/// The time of a backup as RFC 3339 in UTC; `None` if it is no date.
pub(crate) fn utc_of_stamp(stamp: Stamp) -> Option<String> {
    Some(Timestamp::try_from(stamp.time()?).ok()?.to_string())
}

/// A moment as the clock on the wall showed it, to the second.
pub(crate) fn seconds(time: Timestamp, zone: &TimeZone) -> String {
    local(time, zone, "%Y-%m-%d %H:%M:%S%:z")
}

fn local(time: Timestamp, zone: &TimeZone, format: &str) -> String {
    time.to_zoned(zone.clone()).strftime(format).to_string()
}

/// RFC 3339, in UTC, as far as a tid is a time.
pub(crate) fn utc(tid: Tid) -> String {
    let text = tid.calendar().to_string();
    text.replacen(' ', "T", 1) + "Z"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_told_by_the_clock_on_the_wall() {
        let zone = TimeZone::fixed(jiff::tz::offset(-5));
        for (number, expected) in [
            (0x03f4_7f95_5666_6666, "2023-11-14 17:13:20.250000-05:00"),
            (0x037b_e9e3_8086_d8cc, "2009-02-13 18:31:30.123456-05:00"),
            (0x03f4_7f9a_ffff_ffff, "2023-11-14 17:19:00.000000-05:00"),
            (0, "1899-12-31 19:00:00.000000-05:00"),
        ] {
            assert_eq!(of_tid(Tid::new(number), &zone), expected);
        }
    }
}
