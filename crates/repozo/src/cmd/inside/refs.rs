use super::words::lost_json;
use super::{FOUND, output};
use crate::args::modern::{RefsArgs, RefsFormat};
use crate::report::one_line;
use filestorage::Oid;
use inspect::{BadReference, Dangling, Error, Reason, RefsFinding, RefsSummary, refs};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write;
use vfs::ReadAt;

/// `repozo refs`; the exit status.
///
/// # Errors
/// When the source cannot be read or the output not written.
pub(super) fn run(args: &RefsArgs, source: &dyn ReadAt, out: &mut dyn Write) -> Result<u8, Error> {
    let mut is_sound = true;
    let summary = refs(source, &mut |finding| {
        is_sound = false;
        let text = match (args.format, args.json) {
            (Some(RefsFormat::Fsrefs), _) => as_fsrefs(&finding),
            (None, true) => finding_json(&finding).to_string() + "\n",
            (None, false) => finding_text(&finding),
        };
        output(out.write_all(text.as_bytes()))
    })?;
    match (args.format, args.json) {
        (Some(RefsFormat::Fsrefs), _) => {}
        (None, true) => output(writeln!(out, "{}", summary_json(&summary)))?,
        (None, false) => output(writeln!(out, "{}", summary_text(&summary)))?,
    }
    Ok(if is_sound { 0 } else { FOUND })
}

fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::Missing => "missing",
        Reason::Gone => "gone",
    }
}

fn finding_text(finding: &RefsFinding) -> String {
    match finding {
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

fn finding_json(finding: &RefsFinding) -> Value {
    match finding {
        RefsFinding::Lost(lost) => lost_json(lost),
        RefsFinding::Unreadable { oid, tid, pos, class, reason } => json!({
            "kind": "unreadable", "oid": oid.to_string(), "tid": tid.to_string(), "pos": pos,
            "class": class, "message": reason,
        }),
        RefsFinding::Dangling(Dangling { oid, tid, pos, class, references }) => {
            let references: Vec<Value> = references
                .iter()
                .map(|bad| {
                    json!({ "oid": bad.oid.to_string(), "class": bad.class, "reason": reason_word(bad.reason) })
                })
                .collect();
            json!({
                "kind": "dangling", "oid": oid.to_string(), "tid": tid.to_string(), "pos": pos,
                "class": class, "references": references,
            })
        }
    }
}

fn summary_text(summary: &RefsSummary) -> String {
    let RefsSummary { objects_count, references_count, dangling_count, unreadable_count } = summary;
    format!(
        "objects: {objects_count}, references: {references_count}; dangling: {dangling_count}, \
         objects that cannot be read: {unreadable_count}"
    )
}

fn summary_json(summary: &RefsSummary) -> Value {
    json!({
        "kind": "summary",
        "objects": summary.objects_count,
        "references": summary.references_count,
        "dangling": summary.dangling_count,
        "unreadable": summary.unreadable_count,
    })
}

/// What fsrefs prints of it; of what fsrefs ends at, a line that it does not have.
fn as_fsrefs(finding: &RefsFinding) -> String {
    let RefsFinding::Dangling(Dangling { oid, tid, class, references, .. }) = finding else {
        return finding_text(finding);
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
        let _ = writeln!(text, "\toid {} {why}: '<unknown>'", short(bad.oid));
    }
    text + "\n"
}

/// `0x` and whole bytes, none of them a leading zero, as ZODB's `oid_repr`.
fn short(oid: Oid) -> String {
    let digits = format!("{:x}", oid.number());
    if digits.len() % 2 == 0 { format!("0x{digits}") } else { format!("0x0{digits}") }
}
