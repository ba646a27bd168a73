use super::words::{lost_json, lost_text};
use super::{look, output, status};
use crate::args::modern::CatArgs;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::json_line::json_line;
use crate::report::one_line;
use filestorage::{Oid, RecordHeader};
use inspect::{Revision, revision};
use pickle::record::{ClassName, Operation, RecordScanner, Reference, operations};
use serde_json::json;
use std::io::{self, Write};

/// `repozo cat`; the exit status.
///
/// # Errors
/// When the source cannot be read or the output not written.
pub(super) fn run(args: &CatArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let mut is_whole = true;
    let found = look(desk, &args.source(), |database| {
        revision(database, args.oid, args.until().map(|moment| moment.tid(&desk.now)), &mut |lost| {
            is_whole = false;
            match (args.raw, args.json) {
                // Nothing but the data is told.
                (true, _) => Ok(()),
                (false, true) => output(writeln!(out, "{}", lost_json(&lost))),
                (false, false) => output(writeln!(out, "{}", lost_text(&lost))),
            }
        })
    })?;
    let is_here = tell(args, &found, out)?;
    Ok(status(is_here && is_whole))
}

/// Whether there was something to be told.
fn tell(args: &CatArgs, found: &Revision, out: &mut dyn Write) -> Result<bool, Failure> {
    let told = match found {
        Revision::Here { stored, .. } if args.raw => out.write_all(stored).map(|()| true),
        Revision::Here { header, stored, pickles } => {
            let written = match args.json {
                true => write_json(out, header, stored, pickles),
                false => write_text(out, header, stored, pickles),
            };
            written.map(|()| pickles.is_ok())
        }
        _ if args.raw => return Err(Failure::Absent(absent(args, found))),
        _ => writeln!(out, "{}", absent(args, found)).map(|()| false),
    };
    told.map_err(Failure::Output)
}

/// Why there is nothing to be shown.
fn absent(args: &CatArgs, found: &Revision) -> String {
    let (word, text) = match found {
        Revision::Gone(header) => {
            ("gone", format!("its creation was undone, or it was deleted, by {}", header.tid))
        }
        Revision::Unreadable { reason, .. } => ("unreadable", reason.clone()),
        _ if args.until().is_some() => ("unknown", "there was no such object at that moment".to_owned()),
        _ => ("unknown", "there is no such object".to_owned()),
    };
    match args.json {
        true => json_line(word, json!({ "oid": args.oid.to_string(), "message": text })).to_string(),
        false => one_line(&format!("oid {}: {text}", args.oid)),
    }
}

/// A line for each opcode and each reference: a record has many, so none is held.
fn write_text(
    out: &mut dyn Write,
    header: &RecordHeader,
    stored: &[u8],
    pickles: &Result<Vec<u8>, String>,
) -> io::Result<()> {
    let RecordHeader { oid, tid, pos, .. } = header;
    let class = pickles.as_deref().map(ClassName::of_record).unwrap_or_default();
    let (time, len) = (tid.calendar(), stored.len());
    writeln!(out, "{}", one_line(&format!("oid {oid} {class} @{pos}, tid {tid}, {time}, {len} bytes")))?;
    let pickles = match pickles {
        Ok(pickles) => pickles,
        Err(reason) => return writeln!(out, "        {}", one_line(reason)),
    };
    for operation in operations(pickles) {
        let line = match operation {
            Ok(Operation { pos, name, argument }) => format!("{pos:>7} {name:<16} {argument}"),
            Err(error) => format!("        {error}"),
        };
        writeln!(out, "{}", one_line(line.trim_end()))?;
    }
    for_references(pickles, &mut |oid, class| {
        let class = class.map_or_else(String::new, |class| class.to_string());
        writeln!(out, "{}", one_line(format!("refers to oid {oid} {class}").trim_end()))
    })
}

/// One object on one line, its lists written item by item.
fn write_json(
    out: &mut dyn Write,
    header: &RecordHeader,
    stored: &[u8],
    pickles: &Result<Vec<u8>, String>,
) -> io::Result<()> {
    let bytes = pickles.as_deref().unwrap_or_default();
    let mut fault = pickles.as_ref().err().cloned();
    write!(out, "{{\"operations\":[")?;
    let mut separator = "";
    for operation in operations(bytes).take_while(|_| pickles.is_ok()) {
        match operation {
            Ok(Operation { pos, name, argument }) => {
                let item = json!({ "pos": pos, "name": name, "argument": argument.to_string() });
                write!(out, "{separator}{item}")?;
                separator = ",";
            }
            Err(error) => fault = Some(error.to_string()),
        }
    }
    write!(out, "],\"references\":[")?;
    separator = "";
    for_references(bytes, &mut |oid, class| {
        let item = json!({ "oid": oid.to_string(), "class": class.map(|class| class.to_string()) });
        let written = write!(out, "{separator}{item}");
        separator = ",";
        written
    })?;
    let rest = json_line(
        "object",
        json!({
            "oid": header.oid.to_string(),
            "tid": header.tid.to_string(),
            "pos": header.pos,
            "data_len": stored.len(),
            "class": ClassName::of_record(bytes).to_string(),
            "message": fault,
        }),
    );
    let rest = rest.to_string();
    writeln!(out, "],{}", &rest[1..])
}

/// Hands on what the object refers to, and the class that each reference says, in the order of the references.
fn for_references(
    pickles: &[u8],
    each: &mut dyn FnMut(Oid, Option<ClassName<'_>>) -> io::Result<()>,
) -> io::Result<()> {
    let mut handed = Ok(());
    // What is wrong is shown with the opcodes.
    let _ = RecordScanner::default().scan(pickles, &mut |reference| {
        if let (Reference::Strong { oid, class }, Ok(())) = (reference, &handed) {
            handed = each(Oid::from_be_bytes(oid), class);
        }
    });
    handed
}
