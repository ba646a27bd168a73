use super::{FOUND, output};
use crate::args::modern::ObjectArgs;
use crate::cmd::json_line::json_line;
use crate::report::one_line;
use inspect::{Error, Object, Path, path};
use serde_json::{Value, json};
use std::io::Write;
use vfs::ReadAt;

/// `repozo why`; the exit status.
///
/// # Errors
/// When the source cannot be read or the output not written.
pub(super) fn why(args: &ObjectArgs, source: &dyn ReadAt, out: &mut dyn Write) -> Result<u8, Error> {
    let oid = args.oid;
    let line = match path(source, oid)? {
        Path::From(objects) => {
            for (depth, object) in objects.iter().enumerate() {
                tell(args, depth, object, out)?;
            }
            return Ok(0);
        }
        Path::Unreachable => {
            absent(args, "unreachable", "the root does not lead to it: a pack would remove it")
        }
        Path::Gone => absent(args, "gone", "it was there, and its creation was undone, or it was deleted"),
        Path::Unknown => unknown(args),
    };
    output(writeln!(out, "{line}"))?;
    Ok(FOUND)
}

/// That there is no such object.
pub(super) fn unknown(args: &ObjectArgs) -> String {
    absent(args, "unknown", "there is no such object")
}

fn absent(args: &ObjectArgs, word: &str, text: &str) -> String {
    let oid = args.oid;
    match args.json {
        true => json_line(word, json!({ "oid": oid.to_string() })).to_string(),
        false => format!("oid {oid}: {text}"),
    }
}

/// `repozo referrers`; the exit status.
///
/// # Errors
/// When the source cannot be read or the output not written.
pub(super) fn referrers(args: &ObjectArgs, source: &dyn ReadAt, out: &mut dyn Write) -> Result<u8, Error> {
    inspect::referrers(source, args.oid, &mut |object| tell(args, 0, &object, out))?;
    Ok(0)
}

/// Steps further from the root are not indented more.
const DEEPEST_INDENT: usize = 20;

fn tell(args: &ObjectArgs, depth: usize, object: &Object, out: &mut dyn Write) -> Result<(), Error> {
    let line = match args.json {
        true => object_json(object).to_string(),
        false => "  ".repeat(depth.min(DEEPEST_INDENT)) + &object_text(object),
    };
    output(writeln!(out, "{line}"))
}

/// An object for people.
pub(super) fn object_text(object: &Object) -> String {
    let Object { oid, tid, pos, class } = object;
    one_line(&format!("oid {oid} {class} @{pos}, tid {tid}, {}", tid.calendar()))
}

/// An object for programs.
pub(super) fn object_json(object: &Object) -> Value {
    json_line(
        "object",
        json!({
            "oid": object.oid.to_string(),
            "tid": object.tid.to_string(),
            "pos": object.pos,
            "class": object.class,
        }),
    )
}
