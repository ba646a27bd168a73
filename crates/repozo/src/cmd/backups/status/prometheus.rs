use super::facts::Facts;
use std::fmt::Write;
use std::path::Path;

/// The facts as metrics, see `docs/MONITORING.md`; what is not known is left out.
pub(super) fn metrics(dir: &Path, facts: &Facts) -> String {
    let label = label(&dir.to_string_lossy());
    let seconds_of = |time: jiff::Timestamp| time.as_second().to_string();
    let rows = [
        (
            "last_transaction_timestamp_seconds",
            "Last transaction that is backed up.",
            facts.last_tid.map(|tid| format!("{:.6}", tid.unix_seconds())),
        ),
        (
            "last_backup_timestamp_seconds",
            "When the newest backup was made.",
            facts.last_stamp.and_then(|stamp| jiff::Timestamp::try_from(stamp.time()?).ok()).map(seconds_of),
        ),
        (
            "age_seconds",
            "How long there has been something that is not backed up.",
            facts.known_age().map(|age| age.as_secs().to_string()),
        ),
        (
            "lag_bytes",
            "Bytes of the live database that are not backed up.",
            facts.lag.map(|lag| lag.len.to_string()),
        ),
        (
            "lag_transactions",
            "Transactions of the live database that are not backed up.",
            facts.lag.map(|lag| lag.transaction_count.to_string()),
        ),
        ("chains", "Full backups and what builds on them.", Some(facts.chain_count.to_string())),
        ("backups", "Backups, full and incremental.", Some(facts.backup_count.to_string())),
        ("stored_bytes", "Bytes of all backups.", Some(facts.stored_len.to_string())),
        ("blobs", "Blobs of the newest chain.", facts.blobs.map(|blobs| blobs.count.to_string())),
        ("blobs_bytes", "Their bytes.", facts.blobs.map(|blobs| blobs.len.to_string())),
        (
            "missing_blobs",
            "Blobs that were not there when they were to be backed up.",
            facts.blobs.map(|blobs| blobs.missing_count.to_string()),
        ),
        (
            "never_verified_backups",
            "Backups that were never verified.",
            Some(facts.unverified_count.to_string()),
        ),
        (
            "last_verification_timestamp_seconds",
            "When all backups were verified last.",
            facts.verified.map(seconds_of),
        ),
        (
            "last_drill_timestamp_seconds",
            "When a backup was restored and checked last.",
            facts.drilled.map(seconds_of),
        ),
        ("problems", "What is wrong; 0 if all is well.", Some(facts.problems.len().to_string())),
    ];
    let mut text = String::new();
    for (name, help, value) in rows {
        let Some(value) = value else { continue };
        let _ = write!(
            text,
            "# HELP repozo_{name} {help}\n# TYPE repozo_{name} gauge\nrepozo_{name}{{repository=\"{label}\"}} {value}\n"
        );
    }
    text
}

/// A value of a label: what it may not hold is escaped.
fn label(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_may_hold_anything() {
        assert_eq!(label("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
