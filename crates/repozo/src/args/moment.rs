use filestorage::{Calendar, Tid};
use std::str::FromStr;

/// A moment as somebody types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub Tid);

impl FromStr for Moment {
    type Err = String;

    /// A tid as `0x` and 16 hex digits, or a date in UTC: year, month, day and as much of a time as is wanted, with
    /// anything but digits between; what is left out is the least that it can be.
    fn from_str(text: &str) -> Result<Moment, String> {
        let tid = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok().map(Tid::new),
            None => date(text),
        };
        tid.map(Moment).ok_or_else(|| {
            "a moment is YYYY-MM-DD, or YYYY-MM-DD-hh-mm-ss, in UTC, or a tid as 0x and hex digits".to_owned()
        })
    }
}

fn date(text: &str) -> Option<Tid> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fields = whole.split(|c: char| !c.is_ascii_digit()).map(|field| field.parse().ok());
    let fields: Vec<u32> = fields.collect::<Option<_>>()?;
    let &[year, month, day, ref time @ ..] = fields.as_slice() else { return None };
    if time.len() > 3 || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let [hour, minute, second] = [0, 1, 2].map(|at| time.get(at).copied().unwrap_or(0));
    let fraction: f64 = format!("0.{fraction}").parse().ok()?;
    Tid::from_calendar(Calendar { year, month, day, hour, minute, second: f64::from(second) + fraction })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_or_a_tid() {
        let tid = |text: &str| text.parse::<Moment>().map(|moment| moment.0.calendar().to_string());
        for (text, expected) in [
            ("2023-11-14", "2023-11-14 00:00:00.000000"),
            ("2023-11-14-22-13", "2023-11-14 22:13:00.000000"),
            ("2023-11-14-22-13-20", "2023-11-14 22:13:20.000000"),
            ("2023-11-14T22:13:20.25Z", "2023-11-14 22:13:20.250000"),
            ("2023-11-14 22:13:20", "2023-11-14 22:13:20.000000"),
            ("0x03f47f9556666666", "2023-11-14 22:13:20.250000"),
        ] {
            assert_eq!(tid(text).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "now",
            "2023",
            "2023-11",
            "2023-13-01",
            "2023-11-14-25",
            "2023-11-14-1-2-3-4",
            "0xg",
            "2023-11-14.",
        ] {
            assert!(tid(text).is_err(), "{text}");
        }
    }
}
