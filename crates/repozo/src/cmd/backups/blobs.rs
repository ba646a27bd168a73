use crate::args::modern::{BlobsAction, BlobsArgs, BlobsExportArgs, BlobsListArgs, RepositoryArgs};
use crate::args::moment::Moment;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::inside::look_at;
use crate::cmd::inside::opened::wanted;
use crate::cmd::json_line::json_line;
use crate::report::{FOUND, one_line};
use crate::ui::figures::{bytes, count, count_of};
use crate::ui::table::table;
use crate::ui::time::{of_tid, utc};
use classic::{BlobEntry, Repository, Revision, State, Wanted};
use filestorage::Oid;
use inspect::{Owners, owners};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// `repozo blobs`; the exit status.
///
/// # Errors
/// Where the state is not to be had, or has no lists of blobs, or the output cannot be written.
pub(super) fn run(args: &BlobsArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    match &args.action {
        BlobsAction::List(args) => list(args, desk, out),
        BlobsAction::Export(args) => export(args, desk, out),
    }
}

fn with_state<T>(
    place: &RepositoryArgs,
    at: Option<&Moment>,
    desk: &Desk<'_>,
    work: impl FnOnce(&State<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let repository = Repository::open(desk.ctx.fs, place.dir())?;
    let wanted = at.map_or(Wanted::Newest, |moment| wanted(moment, &desk.now));
    work(&State::open(&desk.ctx, &repository, wanted)?)
}

fn list(args: &BlobsListArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let listing = with_state(&args.place, args.at.as_ref(), desk, |state| {
        let entries = state.blobs(&desk.ctx)?;
        let mut oids: Vec<Oid> = entries.iter().map(|entry| entry.revision.oid).collect();
        oids.dedup();
        let owners = look_at(&desk.ctx, state, args.place.dir(), |database| owners(database, &oids))?;
        Ok(Listing { entries, oids, owners })
    })?;
    let told = if args.json { listing.write_json(out) } else { listing.write_text(args, desk, out) };
    told.map_err(Failure::Output)?;
    Ok(if listing.missing_count() == 0 { 0 } else { FOUND })
}

/// The blobs of a state.
struct Listing {
    /// Ordered by object and transaction.
    entries: Vec<BlobEntry>,
    /// The objects, in order, each once.
    oids: Vec<Oid>,
    /// The class of an object that refers to each.
    owners: Owners,
}

impl Listing {
    fn missing_count(&self) -> u64 {
        self.entries.iter().filter(|entry| entry.len.is_none()).count() as u64
    }

    fn len(&self) -> u64 {
        self.entries.iter().filter_map(|entry| entry.len).fold(0, u64::saturating_add)
    }

    fn owner(&self, oid: Oid) -> Option<String> {
        self.owners.class(self.oids.binary_search(&oid).ok()?)
    }

    /// For each class of owners how many blobs and bytes; the most bytes first.
    fn by_class(&self) -> Vec<(Option<String>, u64, u64)> {
        let mut classes: BTreeMap<Option<String>, (u64, u64)> = BTreeMap::new();
        for entry in &self.entries {
            let (count, len) = classes.entry(self.owner(entry.revision.oid)).or_default();
            *count += 1;
            *len = len.saturating_add(entry.len.unwrap_or(0));
        }
        let mut classes: Vec<_> =
            classes.into_iter().map(|(class, (count, len))| (class, count, len)).collect();
        classes.sort_by_key(|(_, _, len)| std::cmp::Reverse(*len));
        classes
    }

    fn write_text(&self, args: &BlobsListArgs, desk: &Desk<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut largest: Vec<&BlobEntry> = self.entries.iter().collect();
        // What is missing comes first.
        largest.sort_by_key(|entry| std::cmp::Reverse(entry.len.map_or(u64::MAX, |len| len)));
        let limit = if args.limit == 0 { usize::MAX } else { args.limit };
        let rows = largest.iter().take(limit).map(|BlobEntry { revision: Revision { oid, tid }, len }| {
            let len = len.map_or_else(|| "missing".to_owned(), bytes);
            let owner = one_line(&self.owner(*oid).unwrap_or_else(|| ".".to_owned()));
            [format!("{oid}@{tid}"), of_tid(*tid, &desk.now.zone), len, owner]
        });
        writeln!(out, "{}", table(["blob", "written", "size", "of"], rows))?;
        let more_count = largest.len().saturating_sub(limit);
        if more_count > 0 {
            writeln!(out, "and {} more", count(more_count as u64))?;
        }
        let rows = self.by_class().into_iter().map(|(class, blobs_count, len)| {
            [one_line(class.as_deref().unwrap_or(".")), count(blobs_count), bytes(len), String::new()]
        });
        writeln!(out, "{}", table(["of", "blobs", "size", ""], rows))?;
        let missing = match self.missing_count() {
            0 => String::new(),
            missing_count => format!(", {} missing", count(missing_count)),
        };
        writeln!(
            out,
            "{}, {}{missing}",
            count_of(self.entries.len() as u64, "blob", "blobs"),
            bytes(self.len())
        )
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        for BlobEntry { revision: Revision { oid, tid }, len } in &self.entries {
            let fields = json!({
                "oid": oid.to_string(),
                "tid": tid.to_string(),
                "time": utc(*tid),
                "len": len,
                "class": self.owner(*oid).unwrap_or_else(|| ".".to_owned()),
            });
            writeln!(out, "{}", json_line("blob", fields))?;
        }
        for (class, blobs_count, len) in self.by_class() {
            let fields =
                json!({ "class": class.as_deref().unwrap_or("."), "blobs": blobs_count, "len": len });
            writeln!(out, "{}", json_line("class", fields))?;
        }
        let fields =
            json!({ "blobs": self.entries.len(), "len": self.len(), "missing": self.missing_count() });
        writeln!(out, "{}", json_line("summary", fields))
    }
}

fn export(args: &BlobsExportArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let (oid, last) = args.blob;
    let target = Some(args.output.as_path()).filter(|output| *output != Path::new("-"));
    let found = with_state(&args.place, args.at.as_ref(), desk, |state| {
        Ok(state.export_blob(&desk.ctx, oid, last, target, out)?)
    })?;
    let Some((Revision { oid, tid }, len)) = found else {
        return Err(Failure::Absent(format!("there is no blob {oid} in this state")));
    };
    // Where the blob went, nothing else goes.
    let Some(target) = target else { return Ok(0) };
    let told = if args.json {
        let fields = json!({
            "oid": oid.to_string(),
            "tid": tid.to_string(),
            "time": utc(tid),
            "len": len,
            "output": target.display().to_string(),
        });
        json_line("exported", fields).to_string()
    } else {
        let written = of_tid(tid, &desk.now.zone);
        one_line(&format!("{oid}@{tid} of {written}, {}, to {}", bytes(len), target.display()))
    };
    writeln!(out, "{told}").map_err(Failure::Output)?;
    Ok(0)
}
