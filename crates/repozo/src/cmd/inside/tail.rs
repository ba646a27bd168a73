use super::log::{entry_json, entry_text};
use super::python::bytes_repr;
use super::{output, status};
use crate::args::modern::{TailArgs, TailFormat};
use crate::args::moment::Now;
use filestorage::{Metadata, TransactionHeader};
use inspect::{Error, LogEntry, tail};
use sha1::{Digest, Sha1};
use std::io::Write;
use vfs::ReadAt;

/// `repozo tail`; the exit status.
///
/// # Errors
/// When the source cannot be read or the output not written.
pub(super) fn run(args: &TailArgs, now: &Now, source: &dyn ReadAt, out: &mut dyn Write) -> Result<u8, Error> {
    let mut is_whole = true;
    tail(source, args.count, &mut |entry| {
        is_whole &= !matches!(entry, LogEntry::Lost(_));
        let text = match (args.format, &entry) {
            (Some(TailFormat::Fstail), LogEntry::Transaction { header, metadata, .. }) => {
                as_fstail(source, header, metadata)?
            }
            _ if args.json => entry_json(&entry, None).to_string() + "\n",
            _ => entry_text(&entry, &now.zone) + "\n",
        };
        output(out.write_all(text.as_bytes()))
    })?;
    Ok(status(is_whole))
}

/// What fstail prints of it, with the SHA-1 of its records.
fn as_fstail(source: &dyn ReadAt, header: &TransactionHeader, metadata: &Metadata) -> Result<String, Error> {
    let mut sum = Sha1::new();
    let (mut pos, mut buf) = (header.records_pos(), vec![0; 1 << 18]);
    while pos < header.trailer_pos() {
        let rest_len = usize::try_from(header.trailer_pos() - pos).unwrap_or(buf.len());
        let want_len = rest_len.min(buf.len());
        source.read_exact_at(pos, &mut buf[..want_len])?;
        sum.update(&buf[..want_len]);
        pos += want_len as u64;
    }
    let hash: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let shown = |bytes: &[u8]| if bytes.is_empty() { "''".to_owned() } else { bytes_repr(bytes) };
    Ok(format!(
        "{}: hash={hash}\nuser={} description={} length={} offset={} (+{})\n\n",
        header.tid.calendar(),
        shown(&metadata.user),
        shown(&metadata.description),
        header.len,
        header.pos,
        header.header_len()
    ))
}
