mod facts;
mod page;
mod prometheus;

use super::list::blobs_words;
use super::notes::Notes;
use crate::args::modern::{StatusArgs, StatusFormat};
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::json_line::json_line;
use crate::report::{FOUND, one_line, text};
use crate::ui::figures::{bytes, count_of, length_of_time};
use crate::ui::time::{of_stamp, of_tid, seconds, utc, utc_of_stamp};
use classic::{ReportFile, inventory, lag};
use facts::{Facts, age_text};
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;

/// What a plugin of Nagios ends with if something is wrong, and if it cannot be told.
const NAGIOS_CRITICAL: u8 = 2;
const NAGIOS_UNKNOWN: u8 = 3;

/// `repozo status`; the exit status.
///
/// # Errors
/// Where there is no repository, the database cannot be read, or the output not written.
pub(super) fn run(args: &StatusArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let page = args.html.as_ref();
    let page = page.map(|path| ReportFile::find(&desk.ctx, path, page::MARK.as_bytes())).transpose()?;
    let facts = match facts(args, desk) {
        Err(Failure::Common(error)) if args.format == Some(StatusFormat::Nagios) => {
            let line = format!("REPOZO UNKNOWN - {}", text(&error));
            writeln!(out, "{}", one_line(&line)).map_err(Failure::Output)?;
            return Ok(NAGIOS_UNKNOWN);
        }
        facts => facts?,
    };
    let told = match args.format {
        Some(StatusFormat::Nagios) => nagios(&facts),
        Some(StatusFormat::Prometheus) => prometheus::metrics(args.place.dir(), &facts),
        None if args.json => as_json(&facts).to_string() + "\n",
        None => as_text(&facts, desk),
    };
    out.write_all(told.as_bytes()).map_err(Failure::Output)?;
    if let Some(page) = page {
        page.write(&desk.ctx, page::of(args.place.dir(), &facts, desk).as_bytes())?;
    }
    Ok(match (facts.problems.is_empty(), args.format) {
        (true, _) => 0,
        (false, Some(StatusFormat::Nagios)) => NAGIOS_CRITICAL,
        (false, _) => FOUND,
    })
}

fn facts(args: &StatusArgs, desk: &Desk<'_>) -> Result<Facts, Failure> {
    let dir = args.place.dir();
    let found = inventory(&desk.ctx, dir)?;
    let notes = Notes::load(desk, dir);
    let newest = found.newest();
    let behind = match &args.file {
        Some(file) => {
            // Of the last one that has a transaction, where a damaged one stands behind it.
            let last =
                newest.and_then(|chain| chain.backups.iter().rev().find(|backup| backup.tids.is_some()));
            let (last, end_pos) =
                last.map_or((None, 0), |backup| (backup.tids.map(|(_, last)| last), backup.part.end_pos));
            Some(lag(&desk.ctx, file, last, end_pos)?)
        }
        None => None,
    };
    Ok(Facts::of(found, &notes, behind, args.max_age, args.blobs.is_some(), &desk.now))
}

fn as_text(facts: &Facts, desk: &Desk<'_>) -> String {
    let zone = &desk.now.zone;
    let mut lines = Vec::new();
    lines.push(match (facts.last_stamp, facts.last_tid) {
        (None, _) => "there is no backup".to_owned(),
        (Some(stamp), None) => format!("newest backup: {}, without a transaction", of_stamp(stamp, zone)),
        (Some(stamp), Some(tid)) => {
            format!("newest backup: {}; its last transaction: {}", of_stamp(stamp, zone), of_tid(tid, zone))
        }
    });
    if let Some(lag) = facts.lag {
        let oldest =
            lag.first.map_or_else(String::new, |tid| format!(", the first of {}", of_tid(tid, zone)));
        let rewritten =
            if lag.is_rewritten { "; packed or replaced since: the next backup is a full" } else { "" };
        lines.push(match lag.transaction_count {
            0 => format!("not backed up: nothing{rewritten}"),
            count => format!(
                "not backed up: {}, {}{oldest}{rewritten}",
                count_of(count, "transaction", "transactions"),
                bytes(lag.len)
            ),
        });
    }
    lines.push(match facts.age {
        Duration::MAX => "age: not known".to_owned(),
        age => format!("age: {}", length_of_time(age)),
    });
    lines.push(format!(
        "{}, {}, {} stored",
        count_of(facts.chain_count, "chain", "chains"),
        count_of(facts.backup_count, "backup", "backups"),
        bytes(facts.stored_len)
    ));
    lines.extend(facts.blobs.as_ref().map(|blobs| format!("{} in the newest chain", blobs_words(blobs))));
    let never = match facts.unverified_count {
        0 => String::new(),
        count => format!("; never verified: {}", count_of(count, "backup", "backups")),
    };
    lines.push(match facts.verified {
        None => "last verification of all: not known".to_owned() + &never,
        Some(time) => format!("last verification of all: {}{never}", seconds(time, zone)),
    });
    lines.push(facts.drilled.map_or_else(
        || "last drill: not known".to_owned(),
        |time| format!("last drill: {}", seconds(time, zone)),
    ));
    lines.extend(facts.problems.iter().map(|problem| format!("problem: {problem}")));
    lines.iter().map(|line| one_line(line) + "\n").collect()
}

/// A line as of a plugin of Nagios, with figures behind a bar.
fn nagios(facts: &Facts) -> String {
    let (word, what) = match facts.problems.first() {
        None => ("OK", age_text(facts.age)),
        Some(first) => ("CRITICAL", first.clone()),
    };
    let more = match facts.problems.len() {
        0 | 1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    let limit = facts.max_age.map_or_else(String::new, |limit| limit.as_secs().to_string());
    let lag = facts.lag.map_or_else(String::new, |lag| {
        format!(" lag={}B lag_transactions={}", lag.len, lag.transaction_count)
    });
    // What stands behind a bar is figures.
    let what = (what + &more).replace('|', "/");
    let age = facts.known_age().map_or_else(|| "U".to_owned(), |age| format!("{}s", age.as_secs()));
    one_line(&format!(
        "REPOZO {word} - {what} | age={age};;{limit} backups={} stored={}B{lag}",
        facts.backup_count, facts.stored_len
    )) + "\n"
}

fn as_json(facts: &Facts) -> Value {
    json_line(
        "status",
        json!({
            "last_backup": facts.last_stamp.and_then(utc_of_stamp),
            "last_tid": facts.last_tid.map(|tid| tid.to_string()),
            "last_time": facts.last_tid.map(utc),
            "age_seconds": facts.known_age().map(|age| age.as_secs()),
            "max_age_seconds": facts.max_age.map(|limit| limit.as_secs()),
            "lag_transactions": facts.lag.map(|lag| lag.transaction_count),
            "lag_len": facts.lag.map(|lag| lag.len),
            "lag_first_tid": facts.lag.and_then(|lag| lag.first).map(|tid| tid.to_string()),
            "rewritten": facts.lag.map(|lag| lag.is_rewritten),
            "chains": facts.chain_count,
            "backups": facts.backup_count,
            "stored_len": facts.stored_len,
            "blobs": facts.blobs.map(|blobs| blobs.count),
            "blobs_len": facts.blobs.map(|blobs| blobs.len),
            "blobs_missing": facts.blobs.map(|blobs| blobs.missing_count),
            "never_verified": facts.unverified_count,
            "verified": facts.verified.map(|time| time.to_string()),
            "drilled": facts.drilled.map(|time| time.to_string()),
            "problems": facts.problems,
        }),
    )
}
