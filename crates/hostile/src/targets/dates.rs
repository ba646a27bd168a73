//! `--date` and the stamps of names.

use classic::{Limit, Stamp};
use std::time::{Duration, SystemTime};

pub(super) fn run(data: &[u8]) {
    if let Some((seconds, _)) = data.split_first_chunk() {
        at_a_time(u64::from_be_bytes(*seconds));
        at_a_time(u64::from_be_bytes(*seconds) >> 28);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let limit = Limit::parse(text);
    assert_eq!(limit.is_some(), is_date(text), "{text:?}");
    let stamp = Stamp::parse(data);
    assert_eq!(stamp.is_some(), text.len() == Stamp::LEN && has_form(text), "{text:?}");
    if let Some(stamp) = stamp {
        check_stamp(stamp, text);
    }
    if let Some(limit) = limit {
        check_limit(&limit, text);
    }
}

fn at_a_time(seconds: u64) {
    let Some(time) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) else { return };
    let Some(stamp) = Stamp::at(time) else {
        // From 9999 on there is none.
        return assert!(seconds > 253_000_000_000, "{seconds}");
    };
    assert_eq!(Stamp::parse(stamp.to_string().as_bytes()), Some(stamp));
    assert_eq!(stamp.time(), Some(time));
    assert_eq!(stamp.passes_in(time), Some(Duration::from_secs(1)));
}

fn check_stamp(stamp: Stamp, text: &str) {
    assert_eq!(stamp.as_str(), text);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let _ = stamp.passes_in(now);
    if let Some(time) = stamp.time() {
        assert!(is_date(text), "{text:?}");
        // No clock shows a leap second: it is taken for the one before.
        let shown = text.strip_suffix("-60").map_or_else(|| text.to_owned(), |rest| format!("{rest}-59"));
        assert_eq!(Stamp::at(time).unwrap().as_str(), shown);
    }
}

/// Python's repozo compares text.
fn check_limit(limit: &Limit, text: &str) {
    for other in ["0000-00-00-00-00-00", "2027-01-15-08-00-00", "9999-99-99-99-99-99"]
        .map(str::to_owned)
        .into_iter()
        .chain([format!("{text}{}", &"-00-00-00"[..Stamp::LEN - text.len()])])
    {
        let stamp = Stamp::parse(other.as_bytes()).unwrap();
        assert_eq!(limit.includes(stamp), other.as_str() <= text);
        let names = text.len() < Stamp::LEN && other.starts_with(text);
        assert_eq!(limit.names_but_excludes(stamp), names);
    }
}

fn has_form(text: &str) -> bool {
    let fields: Vec<&str> = text.split('-').collect();
    (3..=6).contains(&fields.len())
        && fields.iter().enumerate().all(|(at, field)| {
            field.len() == if at == 0 { 4 } else { 2 } && field.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// A calendar of our own beside the library's. A minute may have a leap second.
fn is_date(text: &str) -> bool {
    if !has_form(text) {
        return false;
    }
    let fields: Vec<u32> = text.split('-').map(|field| field.parse().unwrap()).collect();
    let [year, month, day, time @ ..] = &fields[..] else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    };
    (1..=days).contains(day) && time.iter().zip([24, 60, 61]).all(|(field, limit)| *field < limit)
}
