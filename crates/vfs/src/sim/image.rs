use crate::{Access, FileKind, Meta};
use nix::errno::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The number of a file, directory or link, whatever its names are.
pub(super) type Ino = u64;

const ROOT: Ino = 1;
/// As many links as Linux follows.
const LINKS_LIMIT: usize = 40;

/// The names in a directory.
type Names = BTreeMap<OsString, Ino>;

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) access: Access,
    pub(super) modified: SystemTime,
    /// Whether nobody may open it.
    pub(super) denied: bool,
}

impl File {
    /// An empty one, as it is when it was just created.
    pub(super) fn new() -> File {
        let access = Access { mode: 0o600, uid: 0, gid: 0 };
        File { bytes: Arc::default(), access, modified: SystemTime::UNIX_EPOCH, denied: false }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    File(File),
    Dir(Names),
    Link(PathBuf),
}

/// All that a simulated disk holds at one moment. Copying one is cheap.
///
/// Paths begin at `/`; a relative one is taken from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    nodes: BTreeMap<Ino, Node>,
    next_ino: Ino,
}

impl Default for Image {
    /// A disk with nothing but its root.
    fn default() -> Image {
        Image { nodes: BTreeMap::from([(ROOT, Node::Dir(Names::new()))]), next_ino: ROOT + 1 }
    }
}

/// Where a path leads: the directory, the name in it, and what has that name.
pub(super) struct Place {
    pub(super) dir: Ino,
    pub(super) name: OsString,
    pub(super) found: Option<Ino>,
}

impl Image {
    /// Puts a file there, or other bytes into the one that is there.
    ///
    /// # Errors
    /// `NotFound` without its directory.
    pub fn put(&mut self, path: &Path, bytes: &[u8], modified: SystemTime) -> io::Result<()> {
        let place = self.place(path, true)?;
        let ino = place.found.unwrap_or_else(|| self.new_ino());
        self.set_name(place.dir, &place.name, ino);
        let file = self.file_mut(ino);
        file.bytes = Arc::new(bytes.to_vec());
        file.modified = modified;
        Ok(())
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// `AlreadyExists`; `NotFound` without the directory that it is to be in.
    pub fn make_dir(&mut self, path: &Path) -> io::Result<()> {
        self.add(path, Node::Dir(Names::new()))
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// `AlreadyExists`; `NotFound` without its directory.
    pub fn make_link(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        self.add(path, Node::Link(target.to_owned()))
    }

    /// Takes away everybody's right to open a file, root's too.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn deny(&mut self, path: &Path) -> io::Result<()> {
        let ino = self.find(path)?;
        self.file_mut(ino).denied = true;
        Ok(())
    }

    /// Takes a name away, whatever has it.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn remove(&mut self, path: &Path) -> io::Result<()> {
        let place = self.place(path, false)?;
        place.found.ok_or(Errno::ENOENT)?;
        self.remove_name(place.dir, &place.name);
        Ok(())
    }

    /// The bytes of a file, if there is one.
    pub fn content(&self, path: &Path) -> Option<&[u8]> {
        self.file(self.find(path).ok()?).map(|file| file.bytes.as_slice())
    }

    /// The names in a directory, sorted; none if it is not there.
    pub fn names(&self, dir: &Path) -> Vec<String> {
        let names = self.find(dir).and_then(|ino| self.names_of(ino));
        names
            .map(|names| names.keys().map(|name| name.to_string_lossy().into_owned()).collect())
            .unwrap_or_default()
    }

    /// A number that is equal for disks that look the same: names, kinds, bytes and modes. Times and the numbers
    /// of files do not count.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash_dir(ROOT, &mut hasher);
        hasher.finish()
    }

    fn hash_dir(&self, ino: Ino, hasher: &mut DefaultHasher) {
        for (name, ino) in self.names_of(ino).into_iter().flatten() {
            name.hash(hasher);
            match self.nodes.get(ino) {
                Some(Node::File(file)) => (0, &file.bytes, file.access.mode, file.denied).hash(hasher),
                Some(Node::Dir(_)) => {
                    1.hash(hasher);
                    self.hash_dir(*ino, hasher);
                }
                Some(Node::Link(target)) => (2, target).hash(hasher),
                None => 3.hash(hasher),
            }
        }
        4.hash(hasher);
    }

    fn add(&mut self, path: &Path, node: Node) -> io::Result<()> {
        let place = self.place(path, false)?;
        if place.found.is_some() {
            return Err(Errno::EEXIST.into());
        }
        let ino = self.new_ino();
        self.nodes.insert(ino, node);
        self.set_name(place.dir, &place.name, ino);
        Ok(())
    }

    pub(super) fn new_ino(&mut self) -> Ino {
        self.next_ino += 1;
        self.next_ino - 1
    }

    /// Where `path` leads; the last name is looked at through links if `follow`.
    pub(super) fn place(&self, path: &Path, follow: bool) -> io::Result<Place> {
        self.place_from(vec![ROOT], path, follow, 0)
    }

    /// `dirs` are the directory where a relative path begins, and those above it, for `..`.
    fn place_from(
        &self,
        mut dirs: Vec<Ino>,
        path: &Path,
        follow: bool,
        link_count: usize,
    ) -> io::Result<Place> {
        if link_count > LINKS_LIMIT {
            return Err(Errno::ELOOP.into());
        }
        let mut place = None;
        let mut components = path.components().peekable();
        while let Some(component) = components.next() {
            let name = match component {
                Component::RootDir | Component::Prefix(_) => {
                    dirs = vec![ROOT];
                    continue;
                }
                Component::CurDir => continue,
                Component::ParentDir => {
                    if dirs.len() > 1 {
                        dirs.pop();
                    }
                    continue;
                }
                Component::Normal(name) => name,
            };
            let is_last = components.peek().is_none();
            let here = self.step(&dirs, name, !is_last || follow, link_count)?;
            match here.found {
                Some(ino) if !is_last => dirs.push(ino),
                None if !is_last => return Err(Errno::ENOENT.into()),
                _ => place = Some(here),
            }
        }
        let itself = dirs.last().copied();
        Ok(place.unwrap_or(Place { dir: ROOT, name: OsString::new(), found: itself }))
    }

    fn step(&self, dirs: &[Ino], name: &OsStr, follow: bool, link_count: usize) -> io::Result<Place> {
        let dir = dirs.last().copied().unwrap_or(ROOT);
        let found = self.names_of(dir)?.get(name).copied();
        match found.and_then(|ino| self.nodes.get(&ino)) {
            Some(Node::Link(target)) if follow => {
                self.place_from(dirs.to_vec(), target, true, link_count + 1)
            }
            _ => Ok(Place { dir, name: name.to_owned(), found }),
        }
    }

    /// What the path leads to, links followed.
    pub(super) fn find(&self, path: &Path) -> io::Result<Ino> {
        self.place(path, true)?.found.ok_or_else(|| Errno::ENOENT.into())
    }

    pub(super) fn names_of(&self, ino: Ino) -> io::Result<&Names> {
        match self.nodes.get(&ino) {
            Some(Node::Dir(names)) => Ok(names),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    pub(super) fn file(&self, ino: Ino) -> Option<&File> {
        match self.nodes.get(&ino) {
            Some(Node::File(file)) => Some(file),
            _ => None,
        }
    }

    /// The file of that number; a new one where there is none, as when its name lasted and nothing else of it.
    pub(super) fn file_mut(&mut self, ino: Ino) -> &mut File {
        let node = self.nodes.entry(ino).or_insert_with(|| Node::File(File::new()));
        if !matches!(node, Node::File(_)) {
            *node = Node::File(File::new());
        }
        match node {
            Node::File(file) => file,
            _ => unreachable!("it was just made one"),
        }
    }

    pub(super) fn link_target(&self, ino: Ino) -> Option<&Path> {
        match self.nodes.get(&ino) {
            Some(Node::Link(target)) => Some(target),
            _ => None,
        }
    }

    pub(super) fn meta(&self, ino: Ino) -> Meta {
        let (len, kind, access, modified) = match self.nodes.get(&ino) {
            Some(Node::File(file)) => (file.bytes.len() as u64, FileKind::File, file.access, file.modified),
            Some(Node::Dir(_)) => {
                (0, FileKind::Dir, Access { mode: 0o755, uid: 0, gid: 0 }, SystemTime::UNIX_EPOCH)
            }
            _ => (0, FileKind::Other, Access { mode: 0, uid: 0, gid: 0 }, SystemTime::UNIX_EPOCH),
        };
        let has_it = |names: &Names| names.values().filter(|named| **named == ino).count() as u64;
        let dirs = self
            .nodes
            .values()
            .filter_map(|node| if let Node::Dir(names) = node { Some(names) } else { None });
        let name_count = dirs.map(has_it).sum();
        Meta { len, kind, access, id: (0, ino), name_count, modified }
    }

    /// The directory may have no name yet, or never get one: what is in it lasts on its own.
    pub(super) fn set_name(&mut self, dir: Ino, name: &OsStr, ino: Ino) {
        if let Node::Dir(names) = self.nodes.entry(dir).or_insert_with(|| Node::Dir(Names::new())) {
            names.insert(name.to_owned(), ino);
        }
        self.nodes.entry(ino).or_insert_with(|| Node::File(File::new()));
        self.next_ino = self.next_ino.max(ino + 1);
    }

    /// A name and what is in a directory last each on their own: the name may come back to a directory that has something.
    pub(super) fn make_dir_at(&mut self, dir: Ino, name: &OsStr, ino: Ino) {
        self.nodes.entry(ino).or_insert_with(|| Node::Dir(Names::new()));
        self.set_name(dir, name, ino);
    }

    pub(super) fn remove_name(&mut self, dir: Ino, name: &OsStr) {
        if let Some(Node::Dir(names)) = self.nodes.get_mut(&dir) {
            names.remove(name);
        }
    }

    /// Forgets the files that no name leads to, as a disk does when it is mounted.
    pub(super) fn forget_nameless(&mut self) {
        let mut named = BTreeSet::from([ROOT]);
        for node in self.nodes.values() {
            if let Node::Dir(names) = node {
                named.extend(names.values());
            }
        }
        self.nodes.retain(|ino, _| named.contains(ino));
    }
}
