use super::kind;
use super::notes::Notes;
use super::problems;
use super::timeline::{Gap, gaps, line, moments};
use crate::args::modern::ListArgs;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::json_line::json_line;
use crate::report::{FOUND, one_line};
use crate::ui::figures::{bytes, count, count_of, length_of_time};
use crate::ui::table::table;
use crate::ui::time::{of_stamp, of_tid, seconds, utc, utc_of_stamp};
use classic::{BackupEntry, BlobCounts, ChainEntry, Inventory, inventory};
use serde_json::{Value, json};
use std::io::{self, Write};

/// `repozo list`; the exit status.
///
/// # Errors
/// Where there is no repository, or the output cannot be written.
pub(super) fn run(args: &ListArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let dir = args.place.dir();
    let found = inventory(&desk.ctx, dir)?;
    let notes = Notes::load(desk, dir);
    let listing = Listing { found: &found, notes: &notes, desk };
    let told = if args.json { listing.write_json(out) } else { listing.write_text(out) };
    told.map_err(Failure::Output)?;
    Ok(if listing.problems().is_empty() { 0 } else { FOUND })
}

struct Listing<'a> {
    found: &'a Inventory,
    notes: &'a Notes,
    desk: &'a Desk<'a>,
}

impl Listing<'_> {
    fn problems(&self) -> Vec<String> {
        let remembered = problems::remembered(self.found, self.notes, &self.desk.now);
        [problems::seen(self.found), remembered].concat()
    }

    fn stored_len(&self) -> u64 {
        self.found.chains.iter().map(ChainEntry::stored_len).sum()
    }

    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let moments = moments(self.found);
        let gaps = gaps(&moments);
        let rows = self.found.backups().map(|backup| self.row(backup));
        writeln!(
            out,
            "{}",
            table(["made", "", "data", "stored", "transactions", "last one", "verified"], rows)
        )?;
        for problem in self.problems() {
            writeln!(out, "problem: {}", one_line(&problem))?;
        }
        for Gap { from, to, length } in &gaps {
            let zone = &self.desk.now.zone;
            let (from, to) = (of_stamp(*from, zone), of_stamp(*to, zone));
            writeln!(out, "gap: {} without a backup, {from} to {to}", length_of_time(*length))?;
        }
        if moments.len() > 1 {
            writeln!(out, "▕{}▏ █ full ▄ increment", line(&moments))?;
        }
        writeln!(
            out,
            "{}, {}, {} stored",
            count_of(self.found.chains.len() as u64, "chain", "chains"),
            count_of(self.found.backups().count() as u64, "backup", "backups"),
            bytes(self.stored_len())
        )?;
        // Of older chains some are the same.
        match self.found.newest().and_then(ChainEntry::blobs) {
            Some(blobs) => writeln!(out, "{} in the newest chain", blobs_words(&blobs)),
            None => Ok(()),
        }
    }

    fn row(&self, backup: &BackupEntry) -> [String; 7] {
        let zone = &self.desk.now.zone;
        let name = backup.part.name;
        let stored = backup.stored_len.map_or_else(|| "missing".to_owned(), bytes);
        let counted = self.notes.transaction_count(&backup.part).map_or_else(|| "?".to_owned(), count);
        let last = backup.tids.map_or_else(|| "-".to_owned(), |(_, last)| of_tid(last, zone));
        let is_wrong = backup.problem.is_some() || self.notes.wrong(&backup.part).is_some();
        let verified = match (self.notes.verified(&backup.part), is_wrong) {
            (_, true) => "problem".to_owned(),
            (Some(time), false) => seconds(time, zone),
            (None, false) => "never".to_owned(),
        };
        [
            of_stamp(name.stamp, zone),
            kind(name).to_owned(),
            bytes(backup.part.len()),
            stored,
            counted,
            last,
            verified,
        ]
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        for chain in &self.found.chains {
            for backup in &chain.backups {
                writeln!(out, "{}", self.backup_json(chain, backup))?;
            }
            writeln!(out, "{}", chain_json(chain))?;
        }
        for Gap { from, to, length } in gaps(&moments(self.found)) {
            let gap =
                json!({ "from": utc_of_stamp(from), "to": utc_of_stamp(to), "seconds": length.as_secs() });
            writeln!(out, "{}", json_line("gap", gap))?;
        }
        let summary = json!({
            "chains": self.found.chains.len(),
            "backups": self.found.backups().count(),
            "stored_len": self.stored_len(),
            "strays": self.found.strays.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        writeln!(out, "{}", json_line("summary", summary))
    }

    fn backup_json(&self, chain: &ChainEntry, backup: &BackupEntry) -> Value {
        let name = backup.part.name;
        json_line(
            "backup",
            json!({
                "chain": chain.full.to_string(),
                "name": name.to_string(),
                "full": name.is_full(),
                "time": utc_of_stamp(name.stamp),
                "start_pos": backup.part.start_pos,
                "end_pos": backup.part.end_pos,
                "stored_len": backup.stored_len,
                "first_tid": backup.tids.map(|(first, _)| first.to_string()),
                "last_tid": backup.tids.map(|(_, last)| last.to_string()),
                "last_time": backup.tids.map(|(_, last)| utc(last)),
                "transactions": self.notes.transaction_count(&backup.part),
                "verified": self.notes.verified(&backup.part).map(|time| time.to_string()),
                "problem": backup.problem,
                "blobs": backup.blobs.map(|blobs| blobs.count),
                "blobs_len": backup.blobs.map(|blobs| blobs.len),
                "blobs_missing": backup.blobs.map(|blobs| blobs.missing_count),
            }),
        )
    }
}

/// How many blobs, how large, and how many are missing.
pub(super) fn blobs_words(blobs: &BlobCounts) -> String {
    let missing = match blobs.missing_count {
        0 => String::new(),
        count => format!(", {count} missing"),
    };
    format!("{}, {}{missing}", count_of(blobs.count, "blob", "blobs"), bytes(blobs.len))
}

fn chain_json(chain: &ChainEntry) -> Value {
    json_line(
        "chain",
        json!({
            "full": chain.full.to_string(),
            "backups": chain.backups.len(),
            "len": chain.data_len(),
            "stored_len": chain.stored_len(),
            "blobs": chain.blobs().map(|blobs| blobs.count),
            "blobs_len": chain.blobs().map(|blobs| blobs.len),
            "blobs_missing": chain.blobs().map(|blobs| blobs.missing_count),
            "first_tid": chain.first_tid().map(|tid| tid.to_string()),
            "last_tid": chain.last_tid().map(|tid| tid.to_string()),
            "problem": chain.fault.as_ref().map(ToString::to_string),
            "unusable": chain.unusable.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
    )
}
