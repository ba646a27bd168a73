use super::failure::Failure;
use super::words::{lost_json, lost_text};
use super::{FOUND, look, output};
use crate::args::modern::CatArgs;
use crate::report::one_line;
use classic::Context;
use filestorage::{Oid, RecordHeader};
use inspect::{Revision, revision};
use pickle::record::{ClassName, Operation, RecordScanner, Reference, operations};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};

/// `repozo cat`; the exit status.
///
/// # Errors
/// When the source cannot be read or the output not written.
pub(super) fn run(args: &CatArgs, ctx: &Context<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let mut is_whole = true;
    let found = look(ctx, &args.source(), |database| {
        revision(database, args.oid, args.until(), &mut |lost| {
            is_whole = false;
            match (args.raw, args.json) {
                // Nothing but the data is told.
                (true, _) => Ok(()),
                (false, true) => output(writeln!(out, "{}", lost_json(&lost))),
                (false, false) => output(writeln!(out, "{}", lost_text(&lost))),
            }
        })
    })?;
    let is_here = tell(args, &found, out).map_err(Failure::Output)?;
    Ok(if is_here && is_whole { 0 } else { FOUND })
}

/// Whether there was something to be told.
fn tell(args: &CatArgs, found: &Revision, out: &mut dyn Write) -> io::Result<bool> {
    match found {
        Revision::Here { stored, .. } if args.raw => out.write_all(stored).map(|()| true),
        Revision::Here { header, stored, pickles } => {
            let is_readable = pickles.is_ok();
            let text = if args.json {
                here_json(header, stored, pickles).to_string() + "\n"
            } else {
                here_text(header, stored, pickles)
            };
            out.write_all(text.as_bytes()).map(|()| is_readable)
        }
        _ if args.raw => Ok(false),
        _ => writeln!(out, "{}", absent(args, found)).map(|()| false),
    }
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
        true => json!({ "kind": word, "oid": args.oid.to_string(), "message": text }).to_string(),
        false => one_line(&format!("oid {}: {text}", args.oid)),
    }
}

fn here_text(header: &RecordHeader, stored: &[u8], pickles: &Result<Vec<u8>, String>) -> String {
    let RecordHeader { oid, tid, pos, .. } = header;
    let class = pickles.as_deref().map(ClassName::of_record).unwrap_or_default();
    let mut text =
        one_line(&format!("oid {oid} {class} @{pos}, tid {tid}, {}, {} bytes", tid.calendar(), stored.len()))
            + "\n";
    match pickles {
        Ok(pickles) => {
            for operation in operations(pickles) {
                match operation {
                    Ok(Operation { pos, name, argument }) => {
                        let line = one_line(&format!("{pos:>7} {name:<16} {argument}"));
                        let _ = writeln!(text, "{}", line.trim_end());
                    }
                    Err(error) => drop(writeln!(text, "{}", one_line(&format!("        {error}")))),
                }
            }
            for (oid, class) in references(pickles) {
                let _ = writeln!(text, "{}", one_line(&format!("refers to oid {oid} {class}")).trim_end());
            }
        }
        Err(reason) => drop(writeln!(text, "        {}", one_line(reason))),
    }
    text
}

fn here_json(header: &RecordHeader, stored: &[u8], pickles: &Result<Vec<u8>, String>) -> Value {
    let bytes = pickles.as_deref().unwrap_or_default();
    let mut fault = pickles.as_ref().err().cloned();
    let mut told = Vec::new();
    for operation in operations(bytes).take_while(|_| pickles.is_ok()) {
        match operation {
            Ok(Operation { pos, name, argument }) => {
                told.push(json!({ "pos": pos, "name": name, "argument": argument.to_string() }));
            }
            Err(error) => fault = Some(error.to_string()),
        }
    }
    let references: Vec<Value> =
        references(bytes).map(|(oid, class)| json!({ "oid": oid.to_string(), "class": class })).collect();
    json!({
        "kind": "object",
        "oid": header.oid.to_string(),
        "tid": header.tid.to_string(),
        "pos": header.pos,
        "data_len": stored.len(),
        "class": ClassName::of_record(bytes).to_string(),
        "operations": told,
        "references": references,
        "message": fault,
    })
}

/// What the object refers to, and the class that each reference says, in the order of the references.
fn references(pickles: &[u8]) -> impl Iterator<Item = (Oid, String)> {
    let mut found = Vec::new();
    // What is wrong is shown with the opcodes.
    let _ = RecordScanner::default().scan(pickles, &mut |reference| {
        if let Reference::Strong { oid, class } = reference {
            found.push((Oid::from_be_bytes(oid), class.map_or_else(String::new, |class| class.to_string())));
        }
    });
    found.into_iter()
}
