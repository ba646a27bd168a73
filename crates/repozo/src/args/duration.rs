use jiff::{Span, SpanRelativeTo};
use std::time::Duration;

/// A length of time as somebody types it: `90s`, `30m`, `26h`, `7d`, `2w`, or several of them; a day has 24 hours.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a length of time is 90s, 30m, 26h, 7d or 2w".to_owned();
    let span: Span = text.parse().map_err(|_| wrong())?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(length).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_a_number_and_a_unit() {
        for (text, seconds) in
            [("90s", 90), ("30m", 1800), ("26h", 93_600), ("7d", 604_800), ("2w", 1_209_600), ("1h30m", 5400)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "7", "soon", "-1h", "1 fortnight", "99999999999w", "1y"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
