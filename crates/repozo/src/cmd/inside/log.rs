use super::words::{lost_json, lost_text, transaction_json};
use super::{look, look_at, output};
use crate::args::modern::{LogArgs, Source};
use crate::args::moment::Now;
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::report::one_line;
use crate::ui::time::of_tid;
use classic::{BackupName, Repository, chain_states};
use filestorage::{Status, Tid};
use inspect::{Error, LogEntry, LogFilter, log};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{self, Write};
use vfs::ReadAt;

/// `repozo log`; the exit status. Of backups it is what all chains have, unless a moment is given.
///
/// # Errors
/// When the source cannot be read or the output not written.
pub(super) fn run(args: &LogArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let mut telling = Telling::new(args, &desk.now, out);
    match &args.source {
        Source { repository: Some(dir), at: None, .. } => {
            let repository = Repository::open(desk.ctx.fs, dir)?;
            let (states, is_all) = chain_states(&desk.ctx, &repository)?;
            telling.is_whole &= is_all;
            for (full, state) in states {
                let path = repository.path_of(full);
                look_at(&desk.ctx, &state, &path, |chain| telling.tell(chain, Some(full)))?;
            }
        }
        source => look(desk, source, |database| telling.tell(database, None))?,
    }
    telling.finish().map_err(Failure::Output)
}

/// The telling of transactions, each once, however many chains have it.
struct Telling<'a> {
    args: &'a LogArgs,
    filter: LogFilter,
    zone: &'a TimeZone,
    out: &'a mut dyn Write,
    is_whole: bool,
    told_count: usize,
    /// Those that chains before this one have, in order.
    told: Vec<Tid>,
    /// Newest first: as many as are told are held, as lines.
    lines: VecDeque<String>,
}

impl<'a> Telling<'a> {
    fn new(args: &'a LogArgs, now: &'a Now, out: &'a mut dyn Write) -> Telling<'a> {
        let filter = LogFilter {
            since: args.since.as_ref().map(|moment| moment.tid(now)),
            until: args.until.as_ref().map(|moment| moment.tid(now)),
            oid: args.oid,
            user: args.user.as_ref().map(|user| user.clone().into_bytes()),
        };
        let (told, lines) = (Vec::new(), VecDeque::new());
        Telling { args, filter, zone: &now.zone, out, is_whole: true, told_count: 0, told, lines }
    }

    /// Tells what one source has besides what those before it had.
    fn tell(&mut self, source: &dyn ReadAt, chain: Option<BackupName>) -> Result<(), Error> {
        let filter = self.filter.clone();
        let mut of_this = Vec::new();
        log(source, &filter, &mut |entry| {
            match &entry {
                LogEntry::Lost(_) => self.is_whole = false,
                LogEntry::Transaction { header, .. } if chain.is_some() => {
                    if self.told.binary_search(&header.tid).is_ok() {
                        return Ok(());
                    }
                    of_this.push(header.tid);
                }
                LogEntry::Transaction { .. } => {}
            }
            self.tell_entry(&entry, chain)
        })?;
        self.told.append(&mut of_this);
        self.told.sort_unstable();
        Ok(())
    }

    fn tell_entry(&mut self, entry: &LogEntry, chain: Option<BackupName>) -> Result<(), Error> {
        let limit = self.args.limit.unwrap_or(usize::MAX);
        self.told_count += 1;
        if !self.args.reverse && self.told_count > limit {
            return Ok(());
        }
        let line =
            if self.args.json { entry_json(entry, chain).to_string() } else { entry_text(entry, self.zone) };
        if !self.args.reverse {
            return output(writeln!(self.out, "{line}"));
        }
        self.lines.push_front(line);
        self.lines.truncate(limit);
        Ok(())
    }

    fn finish(self) -> io::Result<u8> {
        for line in self.lines {
            writeln!(self.out, "{line}")?;
        }
        Ok(super::status(self.is_whole))
    }
}

/// One line for people.
pub(super) fn entry_text(entry: &LogEntry, zone: &TimeZone) -> String {
    let (header, metadata, records_count) = match entry {
        LogEntry::Transaction { header, metadata, records_count } => (header, metadata, records_count),
        LogEntry::Lost(lost) => return lost_text(lost),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (user, description) = (text(&metadata.user), text(&metadata.description));
    let time = of_tid(header.tid, zone);
    let line = format!(
        "{time} {} {:>9} bytes {records_count:>5} records  {user}  {description}",
        header.tid, header.len
    );
    one_line(line.trim_end())
}

/// One line for programs.
pub(super) fn entry_json(entry: &LogEntry, chain: Option<BackupName>) -> Value {
    let mut told = match entry {
        LogEntry::Transaction { header, metadata, records_count } => {
            let mut told = transaction_json(header, metadata);
            told["records"] = json!(records_count);
            told["extension_len"] = json!(metadata.extension.len());
            told
        }
        LogEntry::Lost(lost) => lost_json(lost),
    };
    told["chain"] = json!(chain.map(|full| full.to_string()));
    told
}

/// The status in a word.
pub(super) fn status(status: Status) -> String {
    match status {
        Status::Committed => "committed".to_owned(),
        Status::Packed => "packed".to_owned(),
        Status::Undone => "undone".to_owned(),
        Status::Voted => "voted".to_owned(),
        Status::Other(byte) => format!("{byte:#04x}"),
    }
}
