//! Everything that is done to a repository, one case each.

use super::world::{ELSEWHERE, World, extension, in_repository, is_data, stamp};
use classic::Sum;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;
use vfs::sim::Image;

/// What is done to one file, or to two.
#[derive(Debug, Clone)]
pub(super) struct Harm {
    /// The file, and its kind as the table has it.
    pub(super) file: String,
    pub(super) kind: String,
    /// The column of the table.
    pub(super) damage: &'static str,
    pub(super) what: String,
    /// What is done to the disk.
    pub(super) steps: Vec<Step>,
}

/// One change of a disk; names are those of the repository.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Put(String, Vec<u8>),
    Remove(String),
    MakeDir(String),
    MakeLink(String, String),
    Deny(String),
}

impl Harm {
    /// The disk as it is then.
    pub(super) fn applied_to(&self, image: &Image) -> Image {
        let mut image = image.clone();
        for step in &self.steps {
            step.apply(&mut image);
        }
        image
    }

    /// The names that were touched.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.steps.iter().map(Step::name).collect()
    }

    /// Both, one after the other.
    pub(super) fn and(&self, other: &Harm) -> Harm {
        Harm {
            file: format!("{}, {}", self.file, other.file),
            kind: "two files".to_owned(),
            damage: "pair",
            what: format!("{}; {}: {}", self.what, other.file, other.what),
            steps: [self.steps.as_slice(), &other.steps].concat(),
        }
    }
}

impl Step {
    fn name(&self) -> &str {
        match self {
            Step::Put(name, _)
            | Step::Remove(name)
            | Step::MakeDir(name)
            | Step::MakeLink(name, _)
            | Step::Deny(name) => name,
        }
    }

    fn apply(&self, image: &mut Image) {
        let path = in_repository(self.name());
        // Of two changes of one name the first may have taken the name away.
        let _: Result<(), std::io::Error> = match self {
            Step::Put(_, bytes) => {
                let _ = image.remove(&path);
                image.put(&path, bytes, SystemTime::UNIX_EPOCH)
            }
            Step::Remove(_) => image.remove(&path),
            Step::MakeDir(_) => {
                let _ = image.remove(&path);
                image.make_dir(&path)
            }
            Step::MakeLink(_, target) => {
                let _ = image.remove(&path);
                image.make_link(&path, Path::new(target))
            }
            Step::Deny(_) if image.content(&path).is_some() => image.deny(&path),
            Step::Deny(_) => Ok(()),
        };
    }
}

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Every byte in one way, every length.
    Short,
    /// Every byte in every way.
    Long,
}

const MASKS: [u8; 4] = [0x01, 0x80, 0xff, 0x20];

/// All that is done to single files of a world.
pub(super) fn all(world: &World, depth: Depth) -> Vec<Harm> {
    let mut harms = Vec::new();
    for file in &world.files {
        let to = To { world, file };
        to.flip(depth, &mut harms);
        to.truncate(&mut harms);
        to.replace_whole(&mut harms);
        to.swap(&mut harms);
        to.rename(&mut harms);
        match extension(file) {
            ".dat" => to.change_list(&mut harms),
            ".index" => to.change_index(&mut harms),
            extension if extension.ends_with('z') => to.change_gzip(&mut harms),
            _ => {}
        }
    }
    harms
}

/// So many pairs of damages, of different files, by chance.
pub(super) fn pairs(singles: &[Harm], count: usize, seed: u64) -> Vec<Harm> {
    let mut random = fastrand::Rng::with_seed(seed);
    // Flips and truncations are most of all, and say least in pairs: the kinds of damage have equal chances.
    let damages: Vec<&str> =
        singles.iter().map(|harm| harm.damage).collect::<BTreeSet<_>>().into_iter().collect();
    let mut one = || {
        let damage = damages[random.usize(..damages.len())];
        let mut of_kind = singles.iter().filter(|harm| harm.damage == damage);
        let at = random.usize(..of_kind.clone().count());
        of_kind.nth(at).unwrap()
    };
    let mut pairs = Vec::new();
    while pairs.len() < count {
        let (first, second) = (one(), one());
        if first.names().is_disjoint(&second.names()) {
            pairs.push(first.and(second));
        }
    }
    pairs
}

/// One file that something is done to.
struct To<'a> {
    world: &'a World,
    file: &'a str,
}

impl To<'_> {
    fn bytes(&self) -> &[u8] {
        self.world.content(self.file)
    }

    fn harm(&self, damage: &'static str, what: String, steps: Vec<Step>) -> Harm {
        Harm { file: self.file.to_owned(), kind: self.world.kind(self.file), damage, what, steps }
    }

    /// The file with other bytes, if they are other ones.
    fn put(&self, damage: &'static str, what: String, bytes: Vec<u8>, harms: &mut Vec<Harm>) {
        if bytes != self.bytes() {
            harms.push(self.harm(damage, what, vec![Step::Put(self.file.to_owned(), bytes)]));
        }
    }

    fn flip(&self, depth: Depth, harms: &mut Vec<Harm>) {
        let is_list = self.file.ends_with(".dat");
        for at in 0..self.bytes().len() {
            let masks = match depth {
                Depth::Long => &MASKS[..],
                Depth::Short => std::slice::from_ref(&MASKS[at % MASKS.len()]),
            };
            let old = self.bytes()[at];
            let mut others: Vec<u8> = masks.iter().map(|mask| old ^ mask).collect();
            if is_list {
                let digit = b'0' + u8::try_from(at % 10).unwrap();
                others.extend([digit, b' ', b'\n']);
                if depth == Depth::Long {
                    others.extend(b"0123456789/\r\tf\0".iter());
                }
            }
            others.sort_unstable();
            others.dedup();
            for other in others {
                let mut bytes = self.bytes().to_vec();
                bytes[at] = other;
                let what = format!("byte {at}: {old:#04x} is {other:#04x}");
                self.put("byte changed", what, bytes, harms);
            }
        }
    }

    fn truncate(&self, harms: &mut Vec<Harm>) {
        for len in 1..self.bytes().len() {
            self.put("truncated", format!("to {len} bytes"), self.bytes()[..len].to_vec(), harms);
        }
        self.put("emptied", "to 0 bytes".to_owned(), Vec::new(), harms);
    }

    fn replace_whole(&self, harms: &mut Vec<Harm>) {
        let file = || self.file.to_owned();
        let mut add = |damage, what: &str, step| harms.push(self.harm(damage, what.to_owned(), vec![step]));
        add("deleted", "", Step::Remove(file()));
        add("doubled", "", Step::Put(file(), self.bytes().repeat(2)));
        add("a directory", "", Step::MakeDir(file()));
        add("unreadable", "", Step::Deny(file()));
        add("a link", "to nothing", Step::MakeLink(file(), "/nowhere/at-all".to_owned()));
        add("a link", "to itself", Step::MakeLink(file(), file()));
        add("a link", "to a directory", Step::MakeLink(file(), "/srv".to_owned()));
        let copy = format!("{ELSEWHERE}/{}", self.file);
        add("a link to a good copy", &copy, Step::MakeLink(file(), copy.clone()));
        for other in self.world.files.iter().filter(|other| *other != self.file) {
            add("a link", &format!("to {other}"), Step::MakeLink(file(), other.clone()));
        }
    }

    fn swap(&self, harms: &mut Vec<Harm>) {
        for other in self.world.files.iter().filter(|other| other.as_str() > self.file) {
            let steps = vec![
                Step::Put(self.file.to_owned(), self.world.content(other).to_vec()),
                Step::Put(other.clone(), self.bytes().to_vec()),
            ];
            harms.push(self.harm("swapped", format!("with {other}"), steps));
        }
    }

    /// To other stamps, before, between, behind and in the future of all; to the other extensions.
    fn rename(&self, harms: &mut Vec<Harm>) {
        let stamps: BTreeSet<&str> = self.world.files.iter().map(|file| stamp(file)).collect();
        let mut new_stamps: BTreeSet<String> = stamps.iter().map(|stamp| (*stamp).to_owned()).collect();
        for stamp in stamps {
            let seconds: u8 = stamp[stamp.len() - 2..].parse().unwrap();
            for other in [seconds - 1, seconds + 1] {
                new_stamps.insert(format!("{}{other:02}", &stamp[..stamp.len() - 2]));
            }
        }
        new_stamps.insert("2001-01-01-00-00-00".to_owned());
        new_stamps.insert("2100-01-01-00-00-00".to_owned());
        let own = extension(self.file);
        let mut names: BTreeSet<String> = new_stamps.iter().map(|stamp| format!("{stamp}{own}")).collect();
        for other in [".fs", ".fsz", ".deltafs", ".deltafsz", ".dat", ".index", ".fs.bak", ".unlisted", ""] {
            names.insert(format!("{}{other}", stamp(self.file)));
        }
        names.insert("something".to_owned());
        names.remove(self.file);
        for name in names {
            let steps =
                vec![Step::Remove(self.file.to_owned()), Step::Put(name.clone(), self.bytes().to_vec())];
            harms.push(self.harm("renamed", format!("to {name}"), steps));
        }
    }

    /// Damage that can still be read as a list.
    fn change_list(&self, harms: &mut Vec<Harm>) {
        let text = String::from_utf8(self.bytes().to_vec()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let mut add = |what: String, lines: &[String]| {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            self.put("list changed", what, text.into_bytes(), harms);
        };
        let owned = || lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        for at in 0..lines.len() {
            let mut less = owned();
            less.remove(at);
            add(format!("line {} lost", at + 1), &less);
            let mut more = owned();
            more.insert(at, lines[at].to_owned());
            add(format!("line {} twice", at + 1), &more);
            for other in at + 1..lines.len() {
                let mut exchanged = owned();
                exchanged.swap(at, other);
                add(format!("lines {} and {} exchanged", at + 1, other + 1), &exchanged);
            }
            self.change_line(&lines, at, &mut add);
        }
    }

    fn change_line(&self, lines: &[&str], at: usize, add: &mut dyn FnMut(String, &[String])) {
        let fields: Vec<&str> = lines[at].split(' ').collect();
        let mut with = |what: &str, fields: [String; 4]| {
            let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            lines[at] = fields.join(" ");
            add(format!("line {}: {what}", at + 1), &lines);
        };
        let own = || [0, 1, 2, 3].map(|field| fields[field].to_owned());
        for (field, name) in [(1, "START"), (2, "END")] {
            let number: u64 = fields[field].parse().unwrap();
            let mut change = |what: &str, text: String| {
                let mut new = own();
                new[field] = text;
                with(&format!("{name} {what}"), new);
            };
            change("greater by 1", (number + 1).to_string());
            change("less by 1", number.saturating_sub(1).to_string());
            change("greater by 2^32", (number + (1 << 32)).to_string());
            change("a huge number", "4611686018427387903".to_owned());
            change("an impossible number", "18446744073709551615".to_owned());
            change("with zeros before it", format!("000{number}"));
            change("negative", format!("-{number}"));
        }
        for other in lines {
            let theirs: Vec<&str> = other.split(' ').collect();
            for (field, name) in ["path", "START", "END", "MD5"].into_iter().enumerate() {
                let mut new = own();
                new[field] = theirs[field].to_owned();
                with(&format!("{name} is {}", theirs[field]), new);
            }
        }
        for file in &self.world.files {
            let mut new = own();
            new[0] = format!("/backups/{file}");
            with(&format!("path is /backups/{file}"), new);
        }
        let mut new = own();
        new[0] =
            format!("/some where/else/{}", stamp(&fields[0][9..]).to_owned() + extension(&fields[0][9..]));
        with("path is elsewhere", new);
        let mut new = own();
        new[3] = new[3].to_uppercase();
        with("MD5 in capitals", new);
        let mut new = own();
        new[3] = Sum::of(b"").to_string();
        with("MD5 of nothing", new);
        let mut new = own();
        new[3].push('\r');
        with("CR at its end", new);
    }

    /// Well-formed and wrong.
    fn change_index(&self, harms: &mut Vec<Harm>) {
        let (end_pos, entries) = crate::judge::truth::index_entries(self.bytes()).unwrap();
        let mut add = |what: &str, end_pos: u64, entries: &[(u64, u64)]| {
            let mut index = filestorage::Index::new();
            for (oid, pos) in entries {
                index.insert(filestorage::Oid::new(*oid), *pos).unwrap();
            }
            let bytes = index.save(end_pos, Vec::new()).unwrap();
            self.put("index changed", what.to_owned(), bytes, harms);
        };
        add("of nothing", end_pos, &[]);
        add("end less by 1", end_pos - 1, &entries);
        add("end greater by 1", end_pos + 1, &entries);
        for at in 0..entries.len() {
            let mut less = entries.clone();
            let (oid, pos) = less.remove(at);
            add(&format!("oid {oid} lost"), end_pos, &less);
            let mut other = entries.clone();
            other[at].1 = if pos > 40 { pos - 1 } else { pos + 1 };
            add(&format!("oid {oid} elsewhere"), end_pos, &other);
            let mut more = entries.clone();
            more.push((1000 + oid, pos));
            add("an oid more", end_pos, &more);
        }
    }

    /// Other headers, members, levels: with the same content all is well, with other content nothing is.
    fn change_gzip(&self, harms: &mut Vec<Harm>) {
        let plain = crate::judge::truth::unzipped(self.bytes()).unwrap();
        let member = |bytes: &[u8], level| {
            let mut encoder = flate2::GzBuilder::new()
                .filename("tmp.tmp")
                .mtime(1_700_000_000)
                .write(Vec::new(), flate2::Compression::new(level));
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let mut add = |what: &str, parts: &[&[u8]]| {
            self.put("gzip changed", what.to_owned(), parts.concat(), harms);
        };
        let own = self.bytes();
        add("as Python writes it", &[&member(&plain, 9)]);
        add("stored", &[&member(&plain, 0)]);
        add("in two members", &[&member(&plain[..20], 6), &member(&plain[20..], 6)]);
        add("an empty member behind it", &[own, &member(b"", 6)]);
        add("a member behind it", &[own, &member(b"x", 6)]);
        add("zeros behind it", &[own, &[0; 9]]);
        add("junk behind it", &[own, b"junk"]);
        let len = u32::try_from(plain.len()).unwrap().to_le_bytes();
        add("junk behind it that ends like it", &[own, b"junk", &len]);
        add("the plain bytes", &[&plain]);
        add("compressed twice", &[&member(own, 6)]);
        add("a byte less in it", &[&member(&plain[1..], 6)]);
        add("a byte more in it", &[&member(&[&plain[..], b"x"].concat(), 6)]);
        let mut other = plain.clone();
        other[plain.len() / 2] ^= 1;
        add("another byte in it", &[&member(&other, 6)]);
        add("nothing in it", &[&member(b"", 6)]);
    }
}

/// Whether a name is one that a run of the program makes.
pub(super) fn is_ours(name: &str) -> bool {
    is_data(name) || [".dat", ".index"].contains(&extension(name))
}
