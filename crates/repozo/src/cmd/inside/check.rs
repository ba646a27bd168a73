use super::index_file::IndexFile;
use super::{output, status};
use crate::args::modern::CheckArgs;
use crate::cmd::json_line::json_line;
use crate::report::one_line;
use classic::{BlobDir, Context, Revision, named_blobs};
use filestorage::Tid;
use inspect::{CheckRequest, CheckSummary, Checked, Error, Finding, FindingKind, Severity, check};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use vfs::ReadAt;

/// Clocks of servers may be ahead of ours.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(86_400);

/// `repozo check`; the exit status.
///
/// # Errors
/// When the source cannot be read or the output not written.
pub(super) fn run(
    args: &CheckArgs,
    ctx: &Context<'_>,
    source: &dyn ReadAt,
    out: &mut dyn Write,
) -> Result<u8, Error> {
    let request = CheckRequest { now: latest_tid(ctx), deep: args.deep };
    // That of backups is looked at by `repozo -V`.
    let index = args.source.file.as_ref().map(|path| IndexFile::open(ctx, path));
    let Checked { mut summary, index: truth, extent } = check(source, &request, &mut |finding| {
        let line = if args.json { finding_json(finding).to_string() } else { finding_text(finding) };
        output(writeln!(out, "{line}"))
    })?;
    let (problems, notes) = match (index, extent) {
        (None | Some(Ok(None)), _) => (Vec::new(), Vec::new()),
        (Some(Err(error)), _) => (vec![format!("the index cannot be looked at: {error}")], Vec::new()),
        // Nobody knows what it should say of what is lost.
        (Some(Ok(Some(_))), None) => {
            (Vec::new(), vec!["the index was not looked at, since bytes are lost".to_owned()])
        }
        (Some(Ok(Some(index))), Some(extent)) => (index.problems(source, &truth, &extent), Vec::new()),
    };
    summary.problems_count += problems.len() as u64;
    summary.notes_count += notes.len() as u64;
    let blobs = match &args.blobs {
        Some(dir) => missing_blobs(ctx, dir, source, summary.end_pos.unwrap_or(0))?,
        None => Vec::new(),
    };
    summary.problems_count += blobs.len() as u64;
    for blob in &blobs {
        output(writeln!(out, "{}", of_blob(args, blob)))?;
    }
    let told =
        problems.iter().map(|problem| ("problem", problem)).chain(notes.iter().map(|note| ("note", note)));
    for (severity, text) in told {
        output(writeln!(out, "{}", of_index(args, severity, text)))?;
    }
    let line = if args.json { summary_json(&summary).to_string() } else { summary_text(&summary) };
    output(writeln!(out, "{line}"))?;
    Ok(status(summary.problems_count == 0))
}

fn of_index(args: &CheckArgs, severity: &str, text: &str) -> String {
    match args.json {
        true => json_line("index", json!({ "severity": severity, "message": text })).to_string(),
        false => one_line(&format!("{severity}: {text}")),
    }
}

/// A record of a blob, and where its file is not.
struct MissingBlob {
    revision: Revision,
    file: PathBuf,
}

/// The blobs of the transactions up to `end_pos` whose file is not there.
fn missing_blobs(
    ctx: &Context<'_>,
    dir: &Path,
    source: &dyn ReadAt,
    end_pos: u64,
) -> Result<Vec<MissingBlob>, Error> {
    let read = |error: classic::Error| Error::from(io::Error::other(error));
    let blobs = BlobDir::open(ctx, dir).map_err(read)?;
    let mut missing = Vec::new();
    let each = |revision| {
        let file = blobs.file(revision);
        if ctx.fs.meta(&file).is_err() {
            missing.push(MissingBlob { revision, file });
        }
    };
    named_blobs(ctx, source, end_pos, each).map_err(read)?;
    Ok(missing)
}

fn of_blob(args: &CheckArgs, MissingBlob { revision: Revision { oid, tid }, file }: &MissingBlob) -> String {
    let message = format!("the blob oid {oid}, tid {tid} has no file {}", file.display());
    match args.json {
        true => json_line(
            "missing-file",
            json!({
                "severity": "problem",
                "oid": oid.to_string(),
                "tid": tid.to_string(),
                "file": file.display().to_string(),
                "message": message,
            }),
        )
        .to_string(),
        false => one_line(&format!("problem: {message}")),
    }
}

fn latest_tid(ctx: &Context<'_>) -> Tid {
    let now = ctx.clock.now() + CLOCK_TOLERANCE;
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    Tid::from_unix_seconds(seconds).unwrap_or(Tid::new(u64::MAX))
}

fn severity(finding: &Finding) -> &'static str {
    match finding.kind.severity() {
        Severity::Problem => "problem",
        Severity::Note => "note",
    }
}

fn finding_text(finding: &Finding) -> String {
    one_line(&format!("{}: {finding}", severity(finding)))
}

fn finding_json(finding: &Finding) -> Value {
    let mut told = json_line(
        finding.kind.word(),
        json!({
            "severity": severity(finding),
            "pos": finding.pos,
            "tid": finding.tid.map(|tid| tid.to_string()),
            "oid": finding.oid.map(|oid| oid.to_string()),
            "message": finding.kind.to_string(),
        }),
    );
    if let FindingKind::Lost(lost) = &finding.kind {
        told["end_pos"] = json!(lost.end_pos);
    }
    told
}

fn summary_text(summary: &CheckSummary) -> String {
    let CheckSummary { transactions_count, records_count, objects_count, problems_count, lost_len, .. } =
        summary;
    let found = match (problems_count, lost_len) {
        (0, _) => "no problem".to_owned(),
        (count, 0) => format!("problems: {count}"),
        (count, len) => format!("problems: {count}, bytes lost: {len}"),
    };
    format!(
        "transactions: {transactions_count}, data records: {records_count}, objects: {objects_count}; {found}"
    )
}

fn summary_json(summary: &CheckSummary) -> Value {
    json_line(
        "summary",
        json!({
            "transactions": summary.transactions_count,
            "records": summary.records_count,
            "objects": summary.objects_count,
            "end_pos": summary.end_pos,
            "tail_len": summary.tail.map_or(0, |tail| tail.len),
            "lost_len": summary.lost_len,
            "problems": summary.problems_count,
            "notes": summary.notes_count,
        }),
    )
}
