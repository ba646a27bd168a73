use crate::name::Companion;
use crate::{BackupKind, BackupName, Chain, Context, Dat, DatLine, DatState, Error, Event, Limit, Stamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vfs::{FileKind, Fs, Lock, LockKind, Op};

/// A list longer than this is not read: it would be of 500,000 backups.
const DAT_LEN_LIMIT: u64 = 64 << 20;
/// Python writes its temporary file all the time; one that it did not touch for so long is of a dead run.
const PYTHON_SILENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// A repository directory. The path stays as it was given: it is written into `.dat` lines and messages.
#[derive(Clone)]
pub struct Repository<'a> {
    fs: &'a dyn Fs,
    dir: PathBuf,
}

/// What is in a repository at one moment.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The chains, oldest first.
    pub chains: Vec<Chain>,
    /// Incrementals that stand before every full.
    pub strays: Vec<BackupName>,
    /// Lists of nothing, without a full.
    pub lone_dats: Vec<Stamp>,
    /// Indexes without their data file.
    pub lone_indexes: Vec<Stamp>,
    /// Tags of a backup that is not there.
    pub lone_tags: Vec<Stamp>,
    /// Lists of blobs of a backup that is not there.
    pub lone_blobs: Vec<Stamp>,
    /// The stamps of data files that were set aside.
    pub set_aside: BTreeSet<Stamp>,
    /// Chains whose removal has begun, and a later one is there that fits together.
    pub removing: Vec<Chain>,
    /// Chains whose removal had begun, but the one that they had to go for is not there: they count.
    pub reprieved: Vec<Stamp>,
    /// Markers of a removal beside the list that they should have been made of.
    pub stale_markers: Vec<Stamp>,
    /// The greatest stamp of any file.
    pub newest: Option<Stamp>,
}

impl<'a> Repository<'a> {
    /// The repository in an existing directory.
    ///
    /// # Errors
    /// When it is not there or no directory.
    pub fn open(fs: &'a dyn Fs, dir: &Path) -> Result<Repository<'a>, Error> {
        let meta =
            fs.meta(dir).map_err(|error| Error::NoRepository(vfs::Error::new(Op::Open, dir, error)))?;
        if meta.kind != FileKind::Dir {
            return Err(Error::NotADirectory { dir: dir.to_owned() });
        }
        Ok(Repository { fs, dir: dir.to_owned() })
    }

    /// The directory as it was given.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path of a file in the repository.
    pub fn path_of(&self, name: impl Display) -> PathBuf {
        self.dir.join(name.to_string())
    }

    pub(crate) fn dat_path(&self, stamp: Stamp) -> PathBuf {
        self.path_of(Companion::Dat(stamp))
    }

    pub(crate) fn index_path(&self, stamp: Stamp) -> PathBuf {
        self.path_of(Companion::Index(stamp))
    }

    /// Keeps every other writer of ours out until the lock is dropped; waits for up to `wait`.
    ///
    /// The directory itself is locked, so no file is left. Where the file system cannot lock, that is told.
    ///
    /// # Errors
    /// [`Error::RepositoryLocked`], [`Error::Interrupted`], the system's.
    pub(crate) fn lock(&self, ctx: &Context<'_>, wait: Duration) -> Result<Option<Box<dyn Lock>>, Error> {
        let mut waited = Duration::ZERO;
        loop {
            ctx.interrupt.check()?;
            if let Some(path) = self.python_draft(ctx) {
                if waited >= wait {
                    return Err(Error::PythonRunning { path });
                }
                ctx.clock.wait(POLL);
                waited += POLL;
                continue;
            }
            match self.fs.try_lock(&self.dir, LockKind::Exclusive) {
                Ok(Some(lock)) => return Ok(Some(lock)),
                Ok(None) if waited < wait => {
                    ctx.clock.wait(POLL);
                    waited += POLL;
                }
                Ok(None) => return Err(Error::RepositoryLocked { dir: self.dir.clone() }),
                Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
                    ctx.tell(&Event::NotLocked(&self.dir));
                    return Ok(None);
                }
                Err(error) => return Err(vfs::Error::new(Op::Lock, &self.dir, error).into()),
            }
        }
    }

    /// Where Python's repozo writes whatever it writes.
    pub(crate) fn python_draft_path(&self) -> PathBuf {
        self.dir.join("tmp.tmp")
    }

    /// The file that a run of Python's repozo, which takes no lock, is writing just now.
    pub(crate) fn python_draft(&self, ctx: &Context<'_>) -> Option<PathBuf> {
        let path = self.python_draft_path();
        ctx.age(&path).is_some_and(|age| age < PYTHON_SILENCE).then_some(path)
    }

    /// Lists the directory, reads the `.dat` files and sorts all into chains.
    ///
    /// # Errors
    /// When the directory cannot be listed. An unreadable `.dat` is part of the answer.
    pub fn survey(&self) -> Result<Survey, Error> {
        let mut data = BTreeSet::new();
        let (mut dats, mut indexes, mut removing) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (mut tags, mut blobs, mut set_aside) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for name in self.fs.list(&self.dir).map_err(vfs::Error::at(Op::List, &self.dir))? {
            if let Some(name) = BackupName::parse(&name) {
                data.insert(name);
            }
            set_aside.extend(BackupName::parse_set_aside(&name).map(|name| name.stamp));
            match Companion::parse(&name) {
                Some(Companion::Dat(stamp)) => drop(dats.insert(stamp)),
                Some(Companion::Index(stamp)) => drop(indexes.insert(stamp)),
                Some(Companion::Removed(stamp)) => drop(removing.insert(stamp)),
                Some(Companion::Tags(stamp)) => drop(tags.insert(stamp)),
                Some(Companion::Blobs(stamp)) => drop(blobs.insert(stamp)),
                None => {}
            }
        }
        let data_stamps: BTreeSet<Stamp> = data.iter().map(|name| name.stamp).collect();
        let newest = data_stamps.iter().chain(&dats).chain(&indexes).chain(&removing).max().copied();
        let stale_markers = removing.intersection(&dats).copied().collect();
        let removing: BTreeSet<Stamp> = removing.difference(&dats).copied().collect();
        let mut survey = self.sort_into_chains(&data, &dats, &removing);
        survey.stale_markers = stale_markers;
        survey.part_with_removed(&removing);
        survey.lone_blobs = blobs.difference(&data_stamps).copied().collect();
        survey.lone_tags = tags.difference(&data_stamps).copied().collect();
        survey.lone_indexes = indexes.difference(&data_stamps).copied().collect();
        survey.set_aside = set_aside;
        survey.newest = newest;
        Ok(survey)
    }

    fn sort_into_chains(
        &self,
        data: &BTreeSet<BackupName>,
        dats: &BTreeSet<Stamp>,
        removing: &BTreeSet<Stamp>,
    ) -> Survey {
        let mut survey = Survey::default();
        let read_dat = |stamp: Stamp| match (dats.contains(&stamp), removing.contains(&stamp)) {
            (true, _) => self.read_dat(&self.dat_path(stamp)),
            (false, true) => self.read_dat(&self.path_of(Companion::Removed(stamp))),
            (false, false) => DatState::Missing,
        };
        let full_stamps: BTreeSet<Stamp> =
            data.iter().filter(|name| name.is_full()).map(|name| name.stamp).collect();
        let lists: BTreeSet<Stamp> = dats.union(removing).copied().collect();
        let mut lone = lists.difference(&full_stamps).copied().peekable();
        for name in data.iter().filter(|name| name.is_full()) {
            while let Some(stamp) = lone.next_if(|stamp| *stamp <= name.stamp) {
                survey.push_lone(stamp, read_dat(stamp), removing);
            }
            survey.push_full(*name, || read_dat(name.stamp));
        }
        for stamp in lone {
            survey.push_lone(stamp, read_dat(stamp), removing);
        }
        let listed = Listed::of(&survey.chains);
        for name in data.iter().filter(|name| !name.is_full()) {
            match listed.owner(&survey.chains, *name) {
                Some(at) => survey.chains[at].files.push(*name),
                None => survey.strays.push(*name),
            }
        }
        survey
    }

    fn read_dat(&self, path: &Path) -> DatState {
        match self.read_small(path, DAT_LEN_LIMIT) {
            Ok(bytes) => DatState::Read(Dat::parse(&bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => DatState::Missing,
            Err(error) => DatState::Unreadable(error.to_string()),
        }
    }

    pub(crate) fn read_small(&self, path: &Path, len_limit: u64) -> std::io::Result<Vec<u8>> {
        let file = self.fs.open(path)?;
        let len = file.len()?;
        if len > len_limit {
            return Err(std::io::Error::other(format!("{len} bytes, more than {len_limit}")));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        let read_len = file.read_full_at(0, &mut bytes)?;
        bytes.truncate(read_len);
        Ok(bytes)
    }
}

/// Which chain lists which file; of several that do, the last one whose full is not later than the file.
struct Listed {
    by_name: BTreeMap<BackupName, usize>,
}

impl Listed {
    fn of(chains: &[Chain]) -> Listed {
        let mut by_name = BTreeMap::new();
        for (at, chain) in chains.iter().enumerate() {
            for name in chain.lines().iter().filter_map(DatLine::name) {
                if chain.stamp() <= name.stamp {
                    by_name.insert(name, at);
                } else {
                    by_name.entry(name).or_insert(at);
                }
            }
        }
        Listed { by_name }
    }

    /// The chain that an incremental belongs to: the one that lists it; one that no list names to that of the last
    /// full before it.
    ///
    /// A later full may stand between a list and its incremental: Python's repozo makes one where the clock went
    /// back, and one of the same second, if it is run twice. Where that happens during its run, while it compares, the
    /// incremental has an earlier name than its full.
    fn owner(&self, chains: &[Chain], name: BackupName) -> Option<usize> {
        let last = chains.partition_point(|chain| chain.stamp() <= name.stamp).checked_sub(1);
        // A list under a wrong name must not take from a full that lost its own.
        let claims = |at: &usize| {
            chains[*at].has_own_list() || last.is_some_and(|last| *at <= last && !chains[last].has_no_lines())
        };
        self.by_name.get(&name).copied().filter(claims).or(last)
    }
}

impl Survey {
    /// A full and its list. Two fulls of one stamp (somebody compressed one) share it: the one that it names
    /// is the chain's.
    fn push_full(&mut self, name: BackupName, read_dat: impl FnOnce() -> DatState) {
        match self.chains.last_mut().filter(|chain| chain.stamp() == name.stamp) {
            Some(chain) => {
                chain.files.push(name);
                if chain.lines().first().and_then(DatLine::name) == Some(name) {
                    chain.full = name;
                }
            }
            None => self.chains.push(Chain { full: name, files: vec![name], dat: read_dat() }),
        }
    }

    /// A list whose full is not there: a chain that lost its first part, and no other chain's increments are
    /// taken for what follows it. A list of nothing is nothing, but for a marker of nothing, behind which increments
    /// of a chain without a list may be left.
    fn push_lone(&mut self, stamp: Stamp, dat: DatState, removing: &BTreeSet<Stamp>) {
        let full = BackupName { stamp, kind: BackupKind::Full, gzip: false };
        let chain = Chain { full, files: Vec::new(), dat };
        if chain.has_no_lines() && !removing.contains(&stamp) {
            return self.lone_dats.push(stamp);
        }
        let first = chain.lines().first().and_then(DatLine::name);
        let named = first.filter(|name| name.is_full() && name.stamp == stamp);
        self.chains.push(Chain { full: named.unwrap_or(full), ..chain });
    }

    /// Takes the chains whose removal has begun out of those that count, if there is a later one to go on with.
    fn part_with_removed(&mut self, removing: &BTreeSet<Stamp>) {
        // A marker of nothing, behind which nothing is left, is one of a removal that was all but done.
        self.chains.retain(|chain| {
            !(removing.contains(&chain.stamp()) && chain.files.is_empty() && chain.has_no_lines())
        });
        let newest_sound = self
            .chains
            .iter()
            .rev()
            .find(|chain| !removing.contains(&chain.stamp()) && chain.tile().fault.is_none());
        let newest_sound = newest_sound.map(Chain::stamp);
        let is_going = |chain: &Chain| {
            removing.contains(&chain.stamp()) && newest_sound.is_some_and(|newest| newest > chain.stamp())
        };
        (self.removing, self.chains) = std::mem::take(&mut self.chains).into_iter().partition(is_going);
        self.reprieved = removing.iter().copied().collect();
        let gone: Vec<Stamp> = self.removing.iter().map(Chain::stamp).collect();
        self.reprieved.retain(|stamp| !gone.contains(stamp));
    }

    /// The data files that Python's repozo would join for a limit: the last full at or before it, and all
    /// incrementals from there up to it.
    pub(crate) fn files_at(&self, limit: &Limit) -> Vec<BackupName> {
        match self.chain_at(limit) {
            Some(chain) => chain.files.iter().copied().filter(|name| limit.includes(name.stamp)).collect(),
            None => self.strays.iter().copied().filter(|name| limit.includes(name.stamp)).collect(),
        }
    }

    /// Tells which data files are looked for, and found.
    pub(crate) fn tell_files(&self, ctx: &Context<'_>, repository: &Repository<'_>, limit: &Limit) {
        let now = Stamp::at(ctx.clock.now());
        ctx.tell(&Event::LookingForFiles { limit, now });
        let files: Vec<PathBuf> =
            self.files_at(limit).into_iter().map(|name| repository.path_of(name)).collect();
        ctx.tell(&Event::FilesNeeded { limit, now, files: &files });
    }

    /// The chain that holds the state at a limit.
    pub(crate) fn chain_at(&self, limit: &Limit) -> Option<&Chain> {
        // Where a full is gone, an older chain may have been gone on with: the newest backup counts.
        let newest = |chain: &&Chain| {
            let files = chain.files.iter().map(|name| name.stamp).filter(|stamp| limit.includes(*stamp));
            // Of two of one stamp it is the one whose list is its own: the other one has a wrong name.
            (files.chain([chain.stamp()]).max(), chain.has_own_list())
        };
        self.chains.iter().filter(|chain| limit.includes(chain.stamp())).max_by_key(newest)
    }

    /// The full of another chain that stands among the files of this one, or behind them: Python's repozo, which
    /// joins by name, would join to that whatever is added to this.
    pub(crate) fn overtaking(&self, chain: &Chain, limit: &Limit) -> Option<BackupName> {
        let overtakes = |other: &&Chain| {
            other.has_full() && other.stamp() > chain.stamp() && limit.includes(other.stamp())
        };
        self.chains.iter().rfind(overtakes).map(|other| other.full)
    }

    /// The limit that a date means; an empty one is none, as it is to Python.
    ///
    /// # Errors
    /// [`Error::BadDate`].
    pub(crate) fn limit(&self, date: Option<&str>) -> Result<Limit, Error> {
        match date {
            None | Some("") => Ok(Limit::Newest),
            Some(date) => Limit::parse(date)
                .ok_or_else(|| Error::BadDate { date: date.to_owned(), covered: self.covered() }),
        }
    }

    /// The first and last stamps of data files.
    pub(crate) fn covered(&self) -> Option<(Stamp, Stamp)> {
        let all = || self.chains.iter().flat_map(|chain| &chain.files).map(|name| name.stamp);
        all().min().zip(all().max())
    }
}
