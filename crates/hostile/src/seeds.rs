use crate::targets::repository::{NAMES, Room, honest_list};
use filestorage::{Boundary, RecordData, RecordHeader, TransactionHeader, Visitor, committed_end};
use std::path::Path;
use testkit::{data, root};

/// What a target of this name begins with: made of `tests/data`, and of what its readers look for.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "arguments" => words(&ARGUMENTS, b' ', 0),
        "dat" => [files(&data("samples/repozo"), "dat"), lines(&LISTS)].concat(),
        "dates" => lines(&DATES),
        "gzip" => gzips(),
        "index" => indexes(),
        "inside" | "transactions" => databases(),
        "names" => words(&NAME_LISTS, b' ', 0),
        "pickles" => [indexes(), pickles()].concat(),
        "records" => pickles(),
        "repository" => repositories(),
        "stream" => databases().into_iter().map(|file| streamed(&file)).collect(),
        _ => Vec::new(),
    }
}

/// Longer ones only make mutations slower.
const SEED_LEN: usize = 7000;

/// The files with this ending in a directory.
fn files(dir: &Path, extension: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    let contents = paths.iter().map(|path| std::fs::read(path).unwrap());
    contents.filter(|bytes| bytes.len() <= SEED_LEN).collect()
}

fn lines(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn words(texts: &[&str], from: u8, to: u8) -> Vec<Vec<u8>> {
    let replace = |byte| if byte == from { to } else { byte };
    texts.iter().map(|text| text.bytes().map(replace).collect()).collect()
}

fn databases() -> Vec<Vec<u8>> {
    files(&data("samples"), "fs")
}

fn indexes() -> Vec<Vec<u8>> {
    let dirs = [data("samples"), data("samples/index"), root().join("crates/pickle/tests/data")];
    dirs.iter().flat_map(|dir| files(dir, "index")).collect()
}

/// A database as a stream: where it begins, where it ends, the walk from behind the magic.
fn streamed(file: &[u8]) -> Vec<u8> {
    let limit = (file.len() as u64 - file.len().min(4) as u64) << 2;
    [&[0; 8][..], &limit.to_be_bytes(), &[4], file].concat()
}

/// The data of records, and the extensions of transactions.
fn pickles() -> Vec<Vec<u8>> {
    struct Found<'a>(&'a [u8], Vec<Vec<u8>>);
    impl Visitor for Found<'_> {
        fn transaction(&mut self, header: &TransactionHeader) {
            self.1.extend(header.read_metadata(&self.0.to_vec()).ok().map(|metadata| metadata.extension));
        }
        fn record(&mut self, _header: &RecordHeader, data: RecordData) {
            if let RecordData::Here { pos, len } = data {
                let at = usize::try_from(pos).unwrap();
                self.1.push(self.0[at..at + usize::try_from(len).unwrap()].to_vec());
            }
        }
    }
    let mut pickles = Vec::new();
    for name in ["refs.fs", "blobs.fs", "fs21.fs", "undo.fs"] {
        let file = std::fs::read(data("samples").join(name)).unwrap();
        let mut found = Found(&file, Vec::new());
        committed_end(&file, Boundary::start(&file).unwrap(), &mut found).unwrap();
        pickles.extend(found.1);
    }
    pickles.sort();
    pickles.dedup();
    pickles.retain(|pickle| !pickle.is_empty() && pickle.len() <= 500);
    pickles
}

fn gzips() -> Vec<Vec<u8>> {
    let dir = data("samples/repozo");
    let raw = files(&dir, "deltafsz").into_iter().map(|file| [&[0, 16, 0], &file[..]].concat());
    let built = files(&dir, "deltafs").into_iter().chain(lines(&["", "a", "some text, some text"]));
    raw.chain(built.map(|bytes| [&[1, 0, 4], &bytes[..]].concat())).collect()
}

/// The sample repository with a database beside it: as Python wrote it, and with parts of it missing.
fn repositories() -> Vec<Vec<u8>> {
    let dir = data("samples/repozo");
    let named = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let full = named("2023-11-15-00-18-20.fs");
    let delta = named("2023-11-15-01-18-20.deltafs");
    let delta_gzip = named("2023-11-15-02-18-20.deltafsz");
    let index = named("2023-11-15-00-18-20.index");
    let source = std::fs::read(data("samples/plain.fs")).unwrap();
    let joined = [&full[..], &delta].concat();
    let file = |name: &str, bytes: &[u8]| {
        let number = NAMES.iter().position(|known| known.ends_with(name)).unwrap();
        let len = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        [&[u8::try_from(number).unwrap()], &len[..], bytes].concat()
    };
    let all = [
        file("08-00-00.fs", &full),
        file("08-00-00.index", &index),
        file("09-00-00.deltafs", &delta),
        file("10-00-00.deltafsz", &delta_gzip),
        file("/Data.fs", &source),
    ];
    // A list that stays what it is when a file is changed.
    let room = Room::new();
    for (name, bytes) in [(0, &full), (6, &delta), (10, &delta_gzip)] {
        room.put(NAMES[name], bytes);
    }
    let list = file("08-00-00.dat", &honest_list(&room, &NAMES[..11]));
    let later = [file("11-00-00.fs", &full), file("12-00-00.deltafs", &delta), file("/Data.fs", &source)];
    let source_of_it = file("/Data.fs", &joined);
    vec![
        [vec![1], all.concat()].concat(),
        [vec![4], all.concat()].concat(),
        [vec![0], list.clone(), all.concat()].concat(),
        [vec![0], all[..4].concat(), list, file("/Data.fs", &joined)].concat(),
        [vec![3], all[..4].concat(), later.concat()].concat(),
        [vec![1], all[..3].concat(), source_of_it.clone()].concat(),
        [vec![1], all[0].clone(), all[2].clone(), file("09-00-00.index", b"\x80\x03"), source_of_it].concat(),
        [vec![0], all[0].clone(), file("08-00-00.dat", b"../../etc/passwd 0 9 "), all[4].clone()].concat(),
        [vec![1], file("08-00-00.fs", &source), all[4].clone()].concat(),
        [vec![0], all[4].clone()].concat(),
    ]
}

const ARGUMENTS: [&str; 16] = [
    "-BvQ -r backups -f Data.fs",
    "-BFkz -rbackups -fData.fs --force --wait=5",
    "--backup --repository=backups --file=Data.fs --full --quick --gzip --kill-old-on-full",
    "-R -r backups -o Data.fs -D 2027-01-15-08-00-00 -w",
    "--recover --repository backups --output Data.fs --date 2027-01-15 --with-verify --verbose",
    "-V -Q -r backups",
    "--ver -r x",
    "--veri --rep x",
    "-h",
    "--version",
    "-B -R -r x",
    "-Bx",
    "-B -r",
    "-V -r x -- y",
    "-V -r x - y",
    "-B -r x -f y --wait -1 --wait=4294967296",
];

const DATES: [&str; 12] = [
    "2027-01-15-08-00-00",
    "2027-01-15-08-00",
    "2027-01-15-08",
    "2027-01-15",
    "2024-02-29",
    "2023-02-29",
    "0000-02-29-00-00-00",
    "9999-12-31-23-59-59",
    "2027-13-01",
    "2027-01-15-24",
    "2027-06-30-23-59-60",
    "2027-01-15T08",
];

const LISTS: [&str; 9] = [
    "../../etc/passwd 0 9 d41d8cd98f00b204e9800998ecf8427e\n",
    "/etc/2027-01-15-08-00-00.fs 0 9 d41d8cd98f00b204e9800998ecf8427e\n",
    "a b/\tc/2027-01-15-08-00-00.fs\t0\x0c9 D41D8CD98F00B204E9800998ECF8427E\r\n",
    "r/2027-01-15-08-00-00.fs 0 9 d41d8cd98f00b204e9800998ecf8427e\nr/2027-01-15-09-00-00.deltafs 9 9 d41d8cd98f00b204e9800998ecf8427e\nr/2027-01-15-10-00-00.deltafsz 9 4611686018427387903 d41d8cd98f00b204e9800998ecf8427e\n",
    "2027-01-15-08-00-00.fs 0 18446744073709551616 d41d8cd98f00b204e9800998ecf8427e\n",
    "2027-01-15-08-00-00.fs 9 0 d41d8cd98f00b204e9800998ecf8427e\n",
    "\n\n",
    "2027-01-15-08-00-00.fs 0 9 d41d8cd98f00b204e9800998ecf842",
    "2027-01-15-08-00-00.fs 0 5 d41d8cd98f00b204e9800998ecf8427e\n2027-01-15-09-00-00.deltafs 4 8 d41d8cd98f00b204e9800998ecf8427e\njunk\n",
];

const NAME_LISTS: [&str; 6] = [
    "2027-01-15-08-00-00.fs 2027-01-15-08-00-00.dat 2027-01-15-08-00-00.index 2027-01-15-09-00-00.deltafs",
    "2027-01-15-08-00-00.fs 2027-01-15-08-00-00.fsz 2027-01-15-08-00-00.deltafsz",
    "2027-01-15-07-00-00.deltafs 2027-01-15-08-00-00.dat.removed 2027-01-15-08-00-00.dat tmp.tmp",
    "2027-01-15-08-00-00.dat.removed 2027-01-15-08-00-00.fs 2027-01-15-09-00-00.fs 2027-01-15-10-00-00.index",
    "9999-99-99-99-99-99.fs 0000-00-00-00-00-00.deltafs 2027-01-15-08-00-00.FS",
    "2027-01-15-08-00-00.fs.0123456789abcdef.part 2027-01-15-08-00-00.deltafs.unlisted \u{e9}",
];
