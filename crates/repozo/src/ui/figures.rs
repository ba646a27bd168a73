use std::time::Duration;

/// A length for people: in units of 1000.
pub(crate) fn bytes(len: u64) -> String {
    indicatif::DecimalBytes(len).to_string()
}

/// A number for people.
pub(crate) fn count(count: u64) -> String {
    indicatif::HumanCount(count).to_string()
}

/// A number of things, with the word for one or for several.
pub(crate) fn count_of(number: u64, one: &str, several: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { several })
}

/// A length of time for people, in its largest unit.
pub(crate) fn length_of_time(length: Duration) -> String {
    indicatif::HumanDuration(length).to_string()
}
