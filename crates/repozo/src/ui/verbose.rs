use crate::report::one_line;
use classic::{Event, Limit, Stamp};

/// The lines of `-v`, in the words of Python's repozo where it has any.
pub(crate) fn lines(event: &Event<'_>) -> Vec<String> {
    let lines = match event {
        Event::LookingForFiles { limit, now } => {
            vec![format!("looking for files between last full backup and {}...", when(limit, *now))]
        }
        Event::FilesNeeded { files: [], .. } => vec!["no files found".to_owned()],
        Event::FilesNeeded { limit, now, files } => {
            let heading = format!("files needed to recover state as of {}:", when(limit, *now));
            // The tab is Python's and must survive; names are made one line each.
            let files = files.iter().map(|file| format!("\t{}", one_line(&file.to_string_lossy())));
            return std::iter::once(heading).chain(files).collect();
        }
        Event::ComparedLast { path, start_pos, end_pos, sum, source_sum } => vec![
            format!("last incremental file: {}", path.display()),
            format!("last incremental checksum: {sum}"),
            format!("source checksum range: [{start_pos}..{end_pos}], sum: {source_sum}"),
        ],
        Event::ComparedPlaces { path, sum, looked_len, end_pos, differs_pos } => vec![
            format!("last incremental file: {}", path.display()),
            format!("last incremental checksum: {sum}"),
            match differs_pos {
                Some(pos) => format!("source differs from the backups behind {pos}"),
                None => format!("source equals the backups in {looked_len} bytes of [0..{end_pos}]"),
            },
        ],
        Event::ComparedAll { repository, current, backed_up } => vec![
            format!("repository state: {} bytes, md5: {}", repository.0, repository.1),
            format!("current state   : {} bytes, md5: {}", current.0, current.1),
            format!("backed up state : {} bytes, md5: {}", backed_up.0, backed_up.1),
        ],
        Event::Planned(decision) => vec![decision.to_string()],
        Event::WritingIndex => vec!["writing index".to_owned()],
        Event::WritingBackup { name, len, path } => {
            let kind = if name.is_full() { "full backup" } else { "incremental" };
            vec![format!("writing {kind}: {len} bytes to {}", path.display())]
        }
        Event::RemovingOld(name) => vec![format!("removing old backup file {name} (and .dat / .index)")],
        Event::RecoveringToStdout => vec!["Recovering file to stdout".to_owned()],
        Event::Recovering(path) => vec![format!("Recovering file to {}", path.display())],
        Event::ReplacingOld(path) => vec![format!("Replacing old {}", path.display())],
        Event::Recovered { len, sum: Some(sum) } => vec![format!("Recovered {len} bytes, md5: {sum}")],
        Event::Recovered { len, sum: None } => vec![format!("Recovered a total of {len} bytes")],
        Event::RecoveredChunk { path, len, sum } => {
            vec![format!("Recovered chunk {} : {len} bytes, md5: {sum}", path.display())]
        }
        Event::RestoringIndex { from, to } => {
            vec![format!("Restoring index file {} to {}", from.display(), to.display())]
        }
        Event::NoIndex(path) => vec![format!("No index file to restore: {}", path.display())],
        Event::Verifying(path) => vec![format!("Verifying {}", path.display())],
        Event::DirectoryNotSynced(dir) => {
            vec![format!(
                "{}: this file system cannot sync a directory; names may be lost in a power cut",
                dir.display()
            )]
        }
        Event::NotLocked(dir) => {
            vec![format!("{}: this file system cannot lock; nothing keeps a second run out", dir.display())]
        }
        // Told in other ways.
        Event::Copied { .. }
        | Event::Verified { .. }
        | Event::BlobsWrong(_)
        | Event::Problem(_)
        | Event::Notice(_)
        | Event::Began { .. }
        | Event::Advanced(_)
        | Event::Ended => {
            vec![]
        }
    };
    lines.iter().map(|line| one_line(line)).collect()
}

fn when(limit: &Limit, now: Option<Stamp>) -> String {
    match limit {
        Limit::Date(date) => date.clone(),
        Limit::Newest => now.map_or_else(|| "now".to_owned(), |now| now.to_string()),
    }
}
