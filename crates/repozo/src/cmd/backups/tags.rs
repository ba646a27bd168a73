use crate::args::modern::{HoldArgs, TagArgs};
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::json_line::json_line;
use crate::report::one_line;
use classic::{Stamp, Tags, change_tags};
use serde_json::json;
use std::io::Write;

/// `repozo tag`; the exit status.
///
/// # Errors
/// Where there is no such backup, or its tags cannot be written.
pub(super) fn tag(args: &TagArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let (stamp, tags) = change_tags(&desk.ctx, args.place.dir(), args.backup.stamp(), &mut |tags| {
        args.tags.iter().try_for_each(|word| tags.set(word, !args.remove))
    })?;
    tell(stamp, &tags, args.json, out)
}

/// `repozo hold` and `repozo unhold`; the exit status.
///
/// # Errors
/// Where there is no such backup, or its tags cannot be written.
pub(super) fn hold(
    args: &HoldArgs,
    is_held: bool,
    desk: &Desk<'_>,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let (stamp, tags) = change_tags(&desk.ctx, args.place.dir(), args.backup.stamp(), &mut |tags| {
        tags.hold(is_held);
        Ok(())
    })?;
    tell(stamp, &tags, args.json, out)
}

fn tell(stamp: Stamp, tags: &Tags, json: bool, out: &mut dyn Write) -> Result<u8, Failure> {
    let words: Vec<String> = tags.words().into_iter().collect();
    let told = if json {
        let fields = json!({ "backup": stamp.to_string(), "tags": words, "held": tags.is_held() });
        json_line("tags", fields).to_string()
    } else {
        let held = if tags.is_held() { ", held" } else { "" };
        let words = if words.is_empty() { "no tag".to_owned() } else { words.join(" ") };
        one_line(&format!("{stamp}: {words}{held}"))
    };
    writeln!(out, "{told}").map_err(Failure::Output)?;
    Ok(0)
}
