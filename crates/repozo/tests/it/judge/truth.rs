//! What is in a repository, read without the program.

use classic::Sum;
use filestorage::{Boundary, Index, committed_end};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use vfs::{Fs, ReadAt};

const STAMP_LEN: usize = "2023-11-14-22-13-20".len();
const DATA: [&str; 4] = [".fs", ".fsz", ".deltafs", ".deltafsz"];

/// Names of what is damaged, missing or in no list; `states` are all that the database ever was at a backup.
///
/// A chain that is being removed does not count: a later one is there for which it goes.
pub(crate) fn what_is_wrong(fs: &dyn Fs, repository: &Path, states: &[&[u8]]) -> Vec<String> {
    let names = names(fs, repository);
    let is_removed = |stamp: &str| {
        names.contains(&format!("{stamp}.dat.removed")) && !names.contains(&format!("{stamp}.dat"))
    };
    let mut wrong = BTreeSet::new();
    let mut listed = BTreeSet::new();
    for name in names.iter().filter(|name| name.len() == STAMP_LEN + 4 && name.ends_with(".dat")) {
        wrong.extend(wrong_in_chain(fs, repository, name, states, &mut listed));
    }
    let begins_chain = |name: &&String| is_full(name) || [".dat", ".dat.removed"].contains(&extension(name));
    let chains: BTreeSet<&str> = names.iter().filter(begins_chain).map(|name| stamp(name)).collect();
    for name in names.iter().filter(|name| DATA.contains(&extension(name)) && !listed.contains(*name)) {
        let chain = chains.range(..=stamp(name)).next_back();
        if chain.is_none_or(|chain| !is_removed(chain)) {
            // A chain without its list is told by the list that is missing, or empty.
            let list = format!("{}.dat", chain.copied().unwrap_or_default());
            let has_list = names.contains(&list) && !wrong.contains(&list);
            let has_full = chain.is_some();
            wrong.insert(if has_list || !has_full { name.clone() } else { list });
        }
    }
    wrong.into_iter().collect()
}

/// Names of files that no repository should have, but what was set aside where that may be.
pub(crate) fn litter(fs: &dyn Fs, repository: &Path, sets_aside: bool) -> Vec<String> {
    let names = names(fs, repository);
    let is_data = |stamp: &str| DATA.iter().any(|extension| names.contains(&format!("{stamp}{extension}")));
    let is_aside = |stamp: &str| {
        names.iter().any(|name| name.starts_with(&format!("{stamp}.")) && name.ends_with(".unlisted"))
    };
    // The index of a file that is listed and lost.
    let lists = names.iter().filter(|name| extension(name) == ".dat");
    let listed: Vec<u8> = lists.filter_map(|name| read(fs, &repository.join(name))).flatten().collect();
    let listed = String::from_utf8_lossy(&listed);
    let belongs = |name: &String| match extension(name) {
        _ if name == ".repozo-notes.json" => true,
        _ if name == "blobs" => {
            !super::blobs::below(fs, &repository.join(name)).iter().any(|file| is_draft(file))
        }
        ".fs" | ".fsz" | ".deltafs" | ".deltafsz" | ".dat" => true,
        ".tags" => is_data(stamp(name)),
        // What was set aside keeps its blobs.
        ".blobs" => is_data(stamp(name)) || sets_aside && is_aside(stamp(name)),
        ".index" => is_data(stamp(name)) || listed.contains(stamp(name)),
        other => sets_aside && other.ends_with(".unlisted"),
    };
    names.iter().filter(|name| !belongs(name)).cloned().collect()
}

/// The lists of blobs that are not there, of a chain of which some are.
fn missing_blob_lists(fs: &dyn Fs, repository: &Path, dat: &str) -> Vec<String> {
    let data = dat.lines().filter_map(|line| line.split(' ').next()?.rsplit('/').next());
    let lists = data.map(|name| format!("{}.blobs", stamp(name)));
    let (there, missing): (Vec<_>, Vec<_>) = lists.partition(|list| fs.meta(&repository.join(list)).is_ok());
    if there.is_empty() { Vec::new() } else { missing }
}

/// What is only there while blobs are being stored.
fn is_draft(file: &Path) -> bool {
    file.starts_with("new") || file.extension().is_some_and(|end| end == "part")
}

fn wrong_in_chain(
    fs: &dyn Fs,
    repository: &Path,
    dat: &str,
    states: &[&[u8]],
    listed: &mut BTreeSet<String>,
) -> Vec<String> {
    let text = String::from_utf8(read(fs, &repository.join(dat)).unwrap_or_default()).unwrap_or_default();
    let (mut wrong, mut joined, mut end_pos) = (Vec::new(), Vec::new(), "0");
    for line in text.lines() {
        let [path, start, end, sum] = line.split(' ').collect::<Vec<_>>()[..] else {
            return vec![dat.to_owned()];
        };
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        listed.insert(name.clone());
        let bytes = read_data(fs, &repository.join(&name));
        let len =
            end.parse::<u64>().ok().zip(start.parse().ok()).and_then(|(end, start)| end.checked_sub(start));
        let fits = start == std::mem::replace(&mut end_pos, end)
            && bytes
                .as_ref()
                .is_some_and(|bytes| len == Some(bytes.len() as u64) && sum == Sum::of(bytes).to_string());
        joined.extend(bytes.unwrap_or_default());
        // Behind what is damaged the whole is not what it was; a file may still be what it should be.
        if !fits || wrong.is_empty() && !states.contains(&joined.as_slice()) {
            wrong.push(name);
        } else if let Some(index) = read(fs, &repository.join(format!("{}.index", stamp(&name))))
            && wrong.is_empty()
            && index != true_index(&joined)
        {
            wrong.push(format!("{}.index", stamp(&name)));
        }
    }
    if text.is_empty() {
        wrong.push(dat.to_owned());
    }
    wrong.extend(missing_blob_lists(fs, repository, &text));
    wrong
}

/// What ZODB takes a file for: it stops at a header or a transaction that is not all there, and at one that is voted and
/// not finished. Nothing at all where it would refuse to open it.
pub(crate) fn visible(file: &[u8]) -> &[u8] {
    let mut pos = 4;
    while let Some(header) = file.get(pos..pos + 23) {
        let len = usize::try_from(u64::from_be_bytes(header[8..16].try_into().unwrap())).unwrap();
        if len > file.len() - pos - 8 || header[16] == b'c' {
            break;
        }
        if len < 23 || file[pos + len..][..8] != header[8..16] {
            return &[];
        }
        pos += len + 8;
    }
    &file[..pos]
}

/// The index that belongs to a whole database.
pub(crate) fn true_index(database: &[u8]) -> Vec<u8> {
    let database = database.to_vec();
    let mut index = Index::new();
    let end = Boundary::start(&database).and_then(|start| committed_end(&database, start, &mut index));
    index.save(end.unwrap().end_pos, Vec::new()).unwrap()
}

/// The bytes of a file, if it can be read.
pub(crate) fn read(fs: &dyn Fs, path: &Path) -> Option<Vec<u8>> {
    let file = fs.open(path).ok()?;
    let mut bytes = vec![0; usize::try_from(file.len().ok()?).ok()?];
    file.read_exact_at(0, &mut bytes).ok()?;
    Some(bytes)
}

fn read_data(fs: &dyn Fs, path: &Path) -> Option<Vec<u8>> {
    plain(path.to_str()?, &read(fs, path)?)
}

/// The uncompressed bytes of a data file of that name, if it can be decompressed.
pub(crate) fn plain(name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    if name.ends_with('z') { unzipped(bytes) } else { Some(bytes.to_vec()) }
}

/// The content of a gzip file: members, and zeros behind the last.
pub(crate) fn unzipped(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut rest, mut plain) = (bytes, Vec::new());
    loop {
        let mut member = flate2::bufread::GzDecoder::new(rest);
        member.read_to_end(&mut plain).ok()?;
        rest = member.into_inner();
        if rest.iter().all(|byte| *byte == 0) {
            return Some(plain);
        }
    }
}

/// What the blocks of a compressed file say that it holds, in headers and trailers; `None` if it is not one of blocks
/// from end to end.
pub(crate) fn promised_by_blocks(bytes: &[u8]) -> Option<usize> {
    const BEGINNING: &[u8] = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x0c\0RZ\x08\0";
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap()) as usize;
    let (mut rest, mut len) = (bytes, 0);
    while !rest.is_empty() {
        let lens = rest.strip_prefix(BEGINNING)?.get(..8)?;
        let (member_len, data_len) = (number(&lens[..4]), number(&lens[4..]));
        let trailer_at = member_len.checked_sub(4)?;
        if number(rest.get(trailer_at..member_len)?) != data_len {
            return None;
        }
        (rest, len) = (&rest[member_len..], len + data_len);
    }
    (!bytes.is_empty()).then_some(len)
}

/// What an index file says: where its database ends, and the position of every object; `None` for what is none.
pub(crate) fn index_entries(bytes: &[u8]) -> Option<(u64, Vec<(u64, u64)>)> {
    let mut reader = pickle::index::IndexReader::open(bytes).ok()?;
    let mut entries = Vec::new();
    while let Some(bucket) = reader.next_bucket().ok()? {
        entries.extend(bucket.iter());
    }
    // One that goes on behind its end is none that anybody wrote.
    let is_followed = reader.is_followed().ok()?;
    (!is_followed).then(|| (reader.end_pos(), entries))
}

/// Where an index file says that its database ends.
pub(crate) fn index_end(bytes: &[u8]) -> Option<u64> {
    pickle::index::IndexReader::open(bytes).ok().map(|reader| reader.end_pos())
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListLine {
    /// The last component of its path.
    pub(crate) name: String,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) sum: String,
}

/// What a list says, a line that stands there twice once; `None` for what is none.
pub(crate) fn list_lines(bytes: &[u8]) -> Option<Vec<ListLine>> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<ListLine> = text.split_terminator('\n').map(list_line).collect::<Option<_>>()?;
    lines.dedup();
    (!lines.is_empty()).then_some(lines)
}

fn list_line(line: &str) -> Option<ListLine> {
    let mut fields = line.trim_ascii().rsplitn(4, |c: char| c.is_ascii_whitespace());
    let [sum, end, start, path] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    let is_sum = sum.len() == 32 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (name, sum) = (path.rsplit('/').next()?.trim_ascii_end().to_owned(), sum.to_ascii_lowercase());
    is_sum.then_some(ListLine { name, start: number(start)?, end: number(end)?, sum })
}

fn names(fs: &dyn Fs, dir: &Path) -> BTreeSet<String> {
    fs.list(dir).unwrap().into_iter().map(|name| name.to_string_lossy().into_owned()).collect()
}

fn stamp(name: &str) -> &str {
    &name[..STAMP_LEN.min(name.len())]
}

fn extension(name: &str) -> &str {
    &name[STAMP_LEN.min(name.len())..]
}

fn is_full(name: &str) -> bool {
    [".fs", ".fsz"].contains(&extension(name))
}

/// What the byte at a position of a database is part of, by the format alone.
pub(crate) fn field_at(database: &[u8], wanted_pos: usize) -> &'static str {
    let number = |pos: usize, len: usize| {
        database[pos..pos + len].iter().fold(0, |number: usize, byte| number << 8 | usize::from(*byte))
    };
    let mut pos = 4;
    let mut fields = vec![(0, "magic")];
    while pos < database.len() {
        let records_pos = pos + 23 + number(pos + 17, 2) + number(pos + 19, 2) + number(pos + 21, 2);
        let trailer_pos = pos + number(pos + 8, 8);
        let header = [(0, "tid"), (8, "length"), (16, "status"), (17, "lengths of texts"), (23, "texts")];
        fields.extend(header.map(|(at, field)| (pos + at, field)));
        let mut record_pos = records_pos;
        while record_pos < trailer_pos {
            let names = ["oid", "tid of a record", "previous position", "position of the transaction"];
            fields.extend(names.iter().zip(0..).map(|(field, at)| (record_pos + 8 * at, *field)));
            let rest = [(32, "length of the version"), (34, "length of data"), (42, "data")];
            fields.extend(rest.map(|(at, field)| (record_pos + at, field)));
            record_pos += 42 + number(record_pos + 34, 8).max(1);
        }
        fields.push((trailer_pos, "trailer"));
        pos = trailer_pos + 8;
    }
    fields.iter().rfind(|(pos, _)| *pos <= wanted_pos).map_or("nothing", |(_, field)| field)
}
