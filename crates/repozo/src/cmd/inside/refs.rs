use super::words::lost_json;
use super::{look, output, status};
use crate::args::modern::{RefsArgs, RefsFormat};
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::json_line::json_line;
use crate::report::one_line;
use classic::{BlobDir, Context, Revision};
use filestorage::{Oid, Tid};
use inspect::{
    Amount, BadReference, BlobRevision, Dangling, ListBlobs, Reason, RefsFinding, RefsRequest, RefsSummary,
    refs,
};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// `repozo refs`; the exit status.
///
/// # Errors
/// When the source cannot be read or the output not written.
pub(super) fn run(args: &RefsArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let ctx = &desk.ctx;
    let blobs = args.blobs.as_ref().map(|dir| BlobDir::open(ctx, dir)).transpose()?;
    let mut is_sound = true;
    let opened = args.source.file.as_ref().map(|path| (path, file_id(ctx, path)));
    let mut tell = |finding: RefsFinding| {
        // A pack gives the database another file first, and then removes those of blobs.
        if let (RefsFinding::MissingBlob(_), Some((path, id))) = (&finding, &opened)
            && file_id(ctx, path) != *id
        {
            let error = classic::Error::SourceChanged { path: path.to_path_buf(), what: "it was packed" };
            return Err(io::Error::other(error).into());
        }
        is_sound &= !finding.is_problem();
        let text = match (args.format, args.json) {
            (Some(RefsFormat::Fsrefs), _) => as_fsrefs(&finding),
            (None, true) => finding_json(&finding, blobs.as_ref()).to_string() + "\n",
            (None, false) => finding_text(&finding, blobs.as_ref()),
        };
        output(out.write_all(text.as_bytes()))
    };
    let summary = look(desk, &args.source, |database| {
        let mut list =
            blobs.as_ref().map(|dir| || dir.revisions(ctx).map_err(|error| io::Error::other(error).into()));
        let blobs = list.as_mut().map(|list| list as &mut ListBlobs<'_>);
        refs(database, RefsRequest { garbage: args.garbage, blobs }, &mut tell)
    })?;
    let line = match (args.format, args.json) {
        (Some(RefsFormat::Fsrefs), _) => String::new(),
        (None, true) => summary_json(args, &summary).to_string() + "\n",
        (None, false) => summary_text(args, &summary, is_sound) + "\n",
    };
    out.write_all(line.as_bytes()).map_err(Failure::Output)?;
    Ok(status(is_sound))
}

/// By what another file under the same name is known.
fn file_id(ctx: &Context<'_>, path: &Path) -> Option<(u64, u64)> {
    ctx.fs.meta(path).ok().map(|meta| meta.id)
}

fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::Missing => "missing",
        Reason::Gone => "gone",
    }
}

/// Where the file of a blob is, or would be.
fn blob_file(blobs: Option<&BlobDir>, oid: Oid, tid: Tid) -> String {
    blobs.map_or_else(String::new, |dir| dir.file(Revision { oid, tid }).display().to_string())
}

fn finding_text(finding: &RefsFinding, blobs: Option<&BlobDir>) -> String {
    match finding {
        RefsFinding::MissingBlob(BlobRevision { oid, tid, pos, is_current }) => {
            let which = if *is_current { "the blob" } else { "an old revision of the blob" };
            let file = blob_file(blobs, *oid, *tid);
            let line = format!(
                "blob missing: oid {oid} @{pos}, tid {tid}, {}: {which} has no file {file}",
                tid.calendar()
            );
            one_line(&line) + "\n"
        }
        RefsFinding::UnnamedBlob { oid, tid, is_lost } => {
            let file = blob_file(blobs, *oid, *tid);
            let perhaps = if *is_lost { "; it may be in what cannot be read" } else { "" };
            one_line(&format!("blob without a record: {file}, {}{perhaps}", tid.calendar())) + "\n"
        }
        RefsFinding::Unreachable { class, amount } => {
            let Amount { count, len } = amount;
            one_line(&format!("not reached from the root: {count} of {class}, {len} bytes")) + "\n"
        }
        RefsFinding::Lost(lost) => one_line(&format!("lost: {lost}: {}", lost.cause)) + "\n",
        RefsFinding::Unreadable { oid, tid, pos, class, reason } => {
            one_line(&format!("unreadable: oid {oid} {class} @{pos}, tid {tid}: {reason}")) + "\n"
        }
        RefsFinding::Dangling(dangling) => {
            let Dangling { oid, tid, pos, class, references } = dangling;
            let (oid, class) = (oid, one_line(class));
            let mut text = format!("oid {oid} {class} @{pos}, tid {tid}, {} refers to:\n", tid.calendar());
            for BadReference { oid, class, reason } in references {
                let class =
                    class.as_deref().map_or_else(String::new, |class| format!(" {}", one_line(class)));
                let why = match reason {
                    Reason::Missing => "there is no such object",
                    Reason::Gone => "its creation was undone, or it was deleted",
                };
                let _ = writeln!(text, "    oid {oid}{class}: {why}");
            }
            text
        }
    }
}

fn finding_json(finding: &RefsFinding, blobs: Option<&BlobDir>) -> Value {
    match finding {
        RefsFinding::MissingBlob(BlobRevision { oid, tid, pos, is_current }) => json_line(
            "missing-blob",
            json!({ "oid": oid.to_string(), "tid": tid.to_string(), "pos": pos,
                "current": is_current, "file": blob_file(blobs, *oid, *tid),
            }),
        ),
        RefsFinding::UnnamedBlob { oid, tid, is_lost } => json_line(
            "unnamed-blob",
            json!({ "oid": oid.to_string(), "tid": tid.to_string(), "perhaps_lost": is_lost,
                "file": blob_file(blobs, *oid, *tid),
            }),
        ),
        RefsFinding::Unreachable { class, amount } => json_line(
            "unreachable",
            json!({ "class": class, "objects": amount.count, "len": amount.len,
            }),
        ),
        RefsFinding::Lost(lost) => lost_json(lost),
        RefsFinding::Unreadable { oid, tid, pos, class, reason } => json_line(
            "unreadable",
            json!({ "oid": oid.to_string(), "tid": tid.to_string(), "pos": pos,
                "class": class, "message": reason,
            }),
        ),
        RefsFinding::Dangling(Dangling { oid, tid, pos, class, references }) => {
            let references: Vec<Value> = references
                .iter()
                .map(|bad| {
                    json!({ "oid": bad.oid.to_string(), "class": bad.class, "reason": reason_word(bad.reason) })
                })
                .collect();
            json_line(
                "dangling",
                json!({ "oid": oid.to_string(), "tid": tid.to_string(), "pos": pos,
                    "class": class, "references": references,
                }),
            )
        }
    }
}

fn summary_text(args: &RefsArgs, summary: &RefsSummary, is_sound: bool) -> String {
    let RefsSummary { objects_count, references_count, dangling_count, unreadable_count, .. } = summary;
    let mut text = format!(
        "objects: {objects_count}, references: {references_count}; dangling: {dangling_count}, \
         objects that cannot be read: {unreadable_count}"
    );
    if args.blobs.is_some() {
        let RefsSummary { blobs_count, missing_blobs_count, unnamed_blobs_count, .. } = summary;
        let _ = write!(
            text,
            "; blobs: {blobs_count}, without a file: {missing_blobs_count}, files without a record: {unnamed_blobs_count}"
        );
    }
    if let Some(Amount { count, len }) = summary.unreachable {
        // What only the unreadable leads to looks as if nothing did.
        let at_most = if is_sound { "" } else { "at most " };
        let _ = write!(text, "; not reached from the root: {at_most}{count}, {len} bytes");
    }
    text
}

fn summary_json(args: &RefsArgs, summary: &RefsSummary) -> Value {
    // Nothing is known of what nobody asked for.
    let of_blobs = |count: u64| args.blobs.as_ref().map(|_| count);
    json_line(
        "summary",
        json!({
            "objects": summary.objects_count,
            "references": summary.references_count,
            "dangling": summary.dangling_count,
            "unreadable": summary.unreadable_count,
            "blobs": of_blobs(summary.blobs_count),
            "missing_blobs": of_blobs(summary.missing_blobs_count),
            "unnamed_blobs": of_blobs(summary.unnamed_blobs_count),
            "unreachable": summary.unreachable.map(|amount| amount.count),
            "unreachable_len": summary.unreachable.map(|amount| amount.len),
        }),
    )
}

/// What fsrefs prints of it; of what fsrefs ends at, a line that it does not have.
fn as_fsrefs(finding: &RefsFinding) -> String {
    let RefsFinding::Dangling(Dangling { oid, tid, class, references, .. }) = finding else {
        return finding_text(finding, None);
    };
    let objects = if references.len() == 1 { "object" } else { "objects" };
    let mut text = format!(
        "oid {:#x} {}\nlast updated: {}, tid={:#x}\nrefers to invalid {objects}:\n",
        oid.number(),
        one_line(class),
        tid.calendar(),
        tid.number()
    );
    for bad in references {
        let why = match bad.reason {
            Reason::Missing => "missing",
            Reason::Gone => "object creation was undone",
        };
        let _ = writeln!(text, "\toid {} {why}: '<unknown>'", bad.oid.short());
    }
    text + "\n"
}
