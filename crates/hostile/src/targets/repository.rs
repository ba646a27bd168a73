//! A whole repository and a database beside it: verified, recovered, and built upon.

use super::chances;
use crate::within;
use classic::{
    BackupName, BackupOutcome, BackupRequest, Context, Dat, DatLine, Error, Interrupt, QuickCheck,
    RecoverRequest, Silent, Sum, Target, VerifyRequest, backup, recover, verify,
};
use filestorage::{Boundary, Nothing, committed_end};
use flate2::read::GzDecoder;
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use testkit::TestClock;
use vfs::sim::{Image, SimFs};

pub(super) const DIR: &str = "/repository";
const SOURCE: &str = "/Data.fs";
/// Pieces on their way, windows of scans, buffers of compressors.
const BUFFERS_LEN: u64 = 24 << 20;

/// The files that the bytes are dealt out to.
pub(crate) const NAMES: [&str; 24] = [
    "/repository/2027-01-15-08-00-00.fs",
    "/repository/2027-01-15-08-00-00.fsz",
    "/repository/2027-01-15-08-00-00.dat",
    "/repository/2027-01-15-08-00-00.index",
    "/repository/2027-01-15-08-00-00.dat.removed",
    "/repository/2027-01-15-08-00-00.deltafs",
    "/repository/2027-01-15-09-00-00.deltafs",
    "/repository/2027-01-15-09-00-00.deltafsz",
    "/repository/2027-01-15-09-00-00.index",
    "/repository/2027-01-15-10-00-00.deltafs",
    "/repository/2027-01-15-10-00-00.deltafsz",
    "/repository/2027-01-15-10-00-00.index",
    "/repository/2027-01-15-11-00-00.fs",
    "/repository/2027-01-15-11-00-00.dat",
    "/repository/2027-01-15-11-00-00.index",
    "/repository/2027-01-15-11-00-00.dat.removed",
    "/repository/2027-01-15-12-00-00.deltafs",
    "/repository/2027-01-15-12-00-00.index",
    "/repository/2027-01-15-99-99-99.deltafs",
    "/repository/tmp.tmp",
    "/repository/2027-01-15-08-00-00.fs.0123456789abcdef.part",
    "/repository/2027-01-15-10-00-00.deltafs.unlisted",
    "/Data.fs",
    "/Data.fs.index",
];
/// The lists that are made to fit what is there, and the names of their chains.
const LISTS: [(&str, std::ops::Range<usize>); 2] =
    [("/repository/2027-01-15-08-00-00.dat", 0..11), ("/repository/2027-01-15-11-00-00.dat", 12..17)];

/// A repository in memory, with a clock that is later than every name in it.
pub(crate) struct Room {
    pub(crate) fs: SimFs,
    clock: TestClock,
}

impl Room {
    pub(crate) fn new() -> Room {
        let mut image = Image::default();
        image.make_dir(Path::new(DIR)).unwrap();
        Room { fs: SimFs::on(image), clock: TestClock::at(1_900_000_000) }
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        self.fs.put(Path::new(path), bytes).unwrap();
    }

    fn content(&self, path: &str) -> Option<Vec<u8>> {
        self.fs.image().content(Path::new(path)).map(<[u8]>::to_vec)
    }

    fn with<T>(&self, work: impl FnOnce(&Context<'_>) -> T) -> T {
        let interrupt = Interrupt::default();
        work(&Context { fs: &self.fs, clock: &self.clock, observer: &Silent, interrupt: &interrupt })
    }

    pub(crate) fn verify(&self, quick: bool) -> Result<(), Error> {
        self.with(|ctx| verify(ctx, &VerifyRequest { repository: DIR.into(), quick, has_blobs: false }))
    }

    pub(crate) fn recover(
        &self,
        date: Option<&str>,
        with_verify: bool,
        target: Target<'_>,
    ) -> Result<(), Error> {
        let date = date.map(str::to_owned);
        let request = RecoverRequest {
            repository: DIR.into(),
            date,
            with_verify,
            tell_sum: false,
            update: None,
            blobs: None,
        };
        self.with(|ctx| recover(ctx, &request, target).map(|_| ()))
    }

    /// The newest state, if it can be recovered.
    fn newest(&self, with_verify: bool) -> Result<Vec<u8>, Error> {
        let mut output = Vec::new();
        self.recover(None, with_verify, Target::Stream(&mut output)).map(|()| output)
    }

    fn back_up(&self, request: BackupRequest) -> Result<BackupOutcome, Error> {
        self.clock.pass(Duration::from_secs(60));
        let request = BackupRequest { repository: DIR.into(), file: SOURCE.into(), ..request };
        self.with(|ctx| backup(ctx, &request).map(|done| done.outcome))
    }

    /// A room of its own with the same files.
    fn twin(&self) -> Room {
        Room { fs: SimFs::on(self.fs.image()), clock: TestClock::at(self.clock.seconds()) }
    }
}

/// `how`, then files: the number of a name, a length in two bytes, and so much content.
pub(super) fn run(data: &[u8]) {
    let Some((how, mut rest)) = data.split_first() else { return };
    let room = Room::new();
    while let Some(([name, high, low], behind)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (content, behind) = behind.split_at(len);
        room.put(NAMES[usize::from(*name) % NAMES.len()], content);
        rest = behind;
    }
    for (bit, (list, names)) in LISTS.into_iter().enumerate() {
        if how >> bit & 1 == 1 {
            room.put(list, &honest_list(&room, &NAMES[names]));
        }
    }
    let promised_len = 1 << 20;
    within(BUFFERS_LEN + promised_len, || look(&room));
    within(BUFFERS_LEN + promised_len, || back_up(&room, how >> 2, data));
}

/// The list of the files that are there, end to end.
pub(crate) fn honest_list(room: &Room, names: &[&str]) -> Vec<u8> {
    let (mut lines, mut end_pos) = (Vec::new(), 0);
    for path in names {
        let base = Path::new(path).file_name().unwrap();
        let (Some(name), Some(bytes)) = (BackupName::parse(base), room.content(path)) else { continue };
        let mut content = Vec::new();
        if name.gzip {
            let _ = GzDecoder::new(&bytes[..]).take(1 << 16).read_to_end(&mut content);
        } else {
            content.clone_from(&bytes);
        }
        let start_pos = end_pos;
        end_pos += content.len() as u64;
        let path = path.as_bytes().to_vec();
        lines.push(DatLine { path, start_pos, end_pos, sum: Sum::of(&content) });
    }
    Dat::render(&lines)
}

/// What verification finds nothing wrong with can be recovered, whole and checked.
fn look(room: &Room) {
    let silent = room.verify(false).is_ok();
    let quick = room.verify(true).is_ok();
    let (plain, strict) = (room.newest(false), room.newest(true));
    if silent {
        assert!(quick, "what is right is right quickly too: {:?}", room.verify(true));
        assert_eq!(plain.unwrap(), strict.unwrap());
    }
    for date in ["2027-01-15-08-00-00", "2027-01-15-10", "2027-01-15-11-30", "2027-01-15-99"] {
        let _ = room.recover(Some(date), true, Target::Stream(&mut Vec::new()));
    }
    let target = "/Restored.fs";
    room.put(target, b"what was there");
    match room.recover(None, silent, Target::File(Path::new(target))) {
        Ok(()) => assert!(!silent || room.newest(true).ok() == room.content(target)),
        Err(_) => assert_eq!(room.content(target).unwrap(), b"what was there"),
    }
}

/// A backup that is acknowledged restores to the source, as far as that is committed.
fn back_up(room: &Room, how: u8, data: &[u8]) {
    let Some(source) = room.content(SOURCE) else { return };
    let committed = Boundary::start(&source).and_then(|start| committed_end(&source, start, &mut Nothing));
    let committed = committed.ok().map(|extent| &source[..usize::try_from(extent.end_pos).unwrap()]);
    let gzip = how & 1 == 1;
    // Quick looks at sizes and the last part only, so it may build on what is damaged.
    let _ = room.twin().back_up(BackupRequest {
        quick: Some(QuickCheck::Places),
        gzip,
        ..BackupRequest::default()
    });
    let twin = room.twin();
    let request = BackupRequest { gzip, ..BackupRequest::default() };
    if let (Ok(_), Some(committed)) = (twin.back_up(request.clone()), committed) {
        assert_eq!(twin.newest(false).unwrap(), committed);
        assert_eq!(twin.back_up(request).unwrap(), BackupOutcome::Nothing);
    }
    let (force, kill_old) = (chances(data).bool(), true);
    let done = room.back_up(BackupRequest { full: true, gzip, kill_old, force, ..BackupRequest::default() });
    if let (true, Some(committed)) =
        (done.is_ok() || matches!(done, Err(Error::NotDeleted { .. })), committed)
    {
        assert_eq!(room.newest(true).unwrap(), committed);
        if done.is_ok() {
            room.verify(false).unwrap();
        }
    }
}
