//! A real disk that is full: a small file system in memory, filled up to some bytes, or some inodes, that are left.

use super::allowed;
use super::judging::{End, judge, judge_as_it_is};
use super::scenario::{Places, Prepared, SCENARIOS, Scenario, Verb};
use crate::common::dir_in_memory;
use crate::common::setting;
use crate::judge::{Violation, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Files of some pages each, so that there are many places to be full at.
const FILLER_LEN: usize = 30_000;
pub(super) const PAGE_LEN: u64 = 4096;
const DISK_LEN: u64 = 4 << 20;
/// More than any run needs.
const PLENTY: Left = Left { page_count: 200, inode_count: 40 };
const NEEDED_INODE_COUNT: u64 = 6;
/// Disks that are filled in `make test`.
const ROUND_COUNT: u64 = 240;

/// Where a run can be short of room.
pub(super) trait Disk {
    /// What the system calls it.
    const SAYS: &str;
    /// What a run may take besides what it writes.
    const SLACK_PAGE_COUNT: u64;

    /// The directory for the files of a run.
    fn place(&self) -> PathBuf;

    /// Removes what a run left.
    fn empty(&self);

    /// Leaves so much room behind what is there.
    fn leave(&self, left: Left);

    fn give_room(&self);
}

/// A file system of its own, until it is dropped.
struct Memory {
    dir: TempDir,
}

impl Memory {
    fn mount() -> Result<Memory, String> {
        let disk = Memory { dir: dir_in_memory() };
        let mut command = Command::new("mount");
        let options = format!("size={DISK_LEN},nr_inodes=400");
        command.args(["-t", "tmpfs", "-o", &options, "repozo-test"]).arg(disk.dir.path());
        let output = command.output().map_err(|error| format!("mount cannot be started: {error}"))?;
        if output.status.success() {
            return Ok(disk);
        }
        Err(format!("nothing can be mounted: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }

    /// What fills the disk, in a directory that can be removed.
    fn ballast(&self) -> PathBuf {
        self.dir.path().join("ballast")
    }
}

impl Disk for Memory {
    const SAYS: &str = "No space left on device";
    const SLACK_PAGE_COUNT: u64 = 3;

    fn place(&self) -> PathBuf {
        self.dir.path().join("site")
    }

    fn empty(&self) {
        for name in testkit::names(self.dir.path()) {
            let path = self.dir.path().join(name);
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
    }

    fn leave(&self, left: Left) {
        let ballast = self.ballast();
        std::fs::create_dir(&ballast).unwrap();
        let pages = std::fs::File::create(ballast.join("pages")).unwrap();
        let room_len = vfs::Fs::free_len(&vfs::OsFs, self.dir.path()).unwrap();
        let fill_len = usize::try_from(room_len.saturating_sub(left.page_count * PAGE_LEN)).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&pages, &vec![1; fill_len], 0).unwrap();
        let (mut names, mut is_full) = (Vec::new(), false);
        while !is_full {
            let name = ballast.join(names.len().to_string());
            is_full = std::fs::File::create(&name).is_err();
            names.push(name);
        }
        names.pop();
        names
            .iter()
            .take(usize::try_from(left.inode_count).unwrap())
            .for_each(|name| std::fs::remove_file(name).unwrap());
    }

    /// A process that another test is just starting may hold what was removed, until it runs its own program.
    fn give_room(&self) {
        std::fs::remove_dir_all(self.ballast()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while vfs::Fs::free_len(&vfs::OsFs, self.dir.path()).unwrap() < DISK_LEN / 2 {
            assert!(Instant::now() < deadline, "what was removed still takes room");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let output = Command::new("umount").arg("--lazy").arg(self.dir.path()).output();
        drop(output);
    }
}

/// How full a disk is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    pub(super) page_count: u64,
    pub(super) inode_count: u64,
}

#[test]
fn a_full_disk_costs_nothing_and_with_room_again_all_goes_on() {
    let mounted = Memory::mount();
    let hindrance = mounted.as_ref().err().cloned();
    let advice = "run it as root, where a tmpfs can be mounted";
    if !allowed(hindrance, "a full disk costs nothing", "REPOZO_REQUIRE_MOUNT", advice) {
        return;
    }
    let rounds = setting("REPOZO_FAULTS_ROUNDS");
    let full_count = fill_again_and_again(&mounted.unwrap(), rounds.unwrap_or(ROUND_COUNT), true);
    assert!(rounds.is_some() || full_count > 60, "only {full_count} disks were full");
}

/// Runs every scenario that writes, in turn, on disks of some room; how many of them were full.
#[expect(clippy::print_stdout, reason = "a table for whoever runs the long form")]
pub(super) fn fill_again_and_again(disk: &impl Disk, rounds: u64, counts_inodes: bool) -> usize {
    let seed = setting("REPOZO_FAULTS_SEED").unwrap_or(0);
    let only: Option<String> = setting("REPOZO_FAULTS_ONLY");
    let writes = |scenario: &&Scenario| {
        matches!(scenario.verb, Verb::Backup | Verb::RecoverToFile) && scenario.always.is_empty()
    };
    let chosen = SCENARIOS.iter().filter(writes);
    let chosen = chosen.filter(|scenario| only.as_ref().is_none_or(|only| only == scenario.name));
    let prepared: Vec<_> = chosen
        .map(|scenario| {
            let prepared = Prepared::new(scenario, FILLER_LEN);
            let needed_page_count = needed_page_count(disk, scenario, &prepared);
            (scenario, prepared, needed_page_count)
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut counts = BTreeMap::<&str, [usize; 3]>::new();
    let mut violations = Vec::new();
    for round in 0..rounds {
        let (scenario, prepared, needed_page_count) =
            &prepared[usize::try_from(round).unwrap() % prepared.len()];
        let few_inodes = counts_inodes && random.u8(..4) == 0;
        let left = Left {
            page_count: if few_inodes { PLENTY.page_count } else { random.u64(..=*needed_page_count) },
            inode_count: if few_inodes { random.u64(..NEEDED_INODE_COUNT) } else { PLENTY.inode_count },
        };
        let count = counts.entry(scenario.name).or_default();
        match run(disk, scenario, prepared, left) {
            Ok(acknowledged) => count[usize::from(!acknowledged)] += 1,
            Err(violation) => {
                count[2] += 1;
                violations
                    .push(format!("{}, seed {seed}, round {round}, {left:?}: {violation}", scenario.name));
            }
        }
    }
    println!("| scenario | room enough | full | violations |\n|---|---|---|---|");
    counts.iter().for_each(|(name, [done, full, wrong])| println!("| {name} | {done} | {full} | {wrong} |"));
    violations.iter().for_each(|violation| println!("{violation}"));
    assert!(violations.is_empty(), "{} violations", violations.len());
    counts.values().map(|count| count[1]).sum()
}

/// The pages that a run takes where there is room, or a few where it takes none.
fn needed_page_count<D: Disk>(disk: &D, scenario: &Scenario, prepared: &Prepared) -> u64 {
    disk.empty();
    let places = prepared.copy(&disk.place());
    let room_len = || vfs::Fs::free_len(&vfs::OsFs, &disk.place()).unwrap();
    let before_len = room_len();
    let output = crate::common::binary().args(places.args(scenario)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    before_len.saturating_sub(room_len()) / PAGE_LEN + D::SLACK_PAGE_COUNT
}

/// Runs the binary on the full disk, and again with room; whether it succeeded at once.
fn run<D: Disk>(disk: &D, scenario: &Scenario, prepared: &Prepared, left: Left) -> Result<bool, Violation> {
    disk.empty();
    let places = prepared.copy(&disk.place());
    disk.leave(left);
    let mut command = crate::common::binary();
    let output = command.args(places.args(scenario)).stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let end = End { acknowledged: output.status.success(), tidies: true };
    if !end.acknowledged {
        check_words(scenario, output.status.code(), &stderr, &places.dir, D::SAYS)?;
    }
    judge_as_it_is(scenario, prepared, &places, end)?;
    if !end.acknowledged {
        check_unharmed(scenario, prepared, &places)?;
    }
    disk.give_room();
    judge(scenario, prepared, &places, end)?;
    Ok(end.acknowledged)
}

/// One line that says that there is no room, for which file.
fn check_words(
    scenario: &Scenario,
    status: Option<i32>,
    stderr: &str,
    dir: &Path,
    words: &str,
) -> Result<(), Violation> {
    ensure(scenario.is_failure(status), '!', || format!("status {status:?}: {stderr}"))?;
    let last = stderr.lines().last().unwrap_or_default();
    let says = last.contains(words) || last.contains("bytes are needed and");
    ensure(says && last.contains(&*dir.to_string_lossy()), '!', || format!("it says: {stderr}"))
}

/// No file of before is missing or changed, unless the run was to delete and had made its backup.
fn check_unharmed(scenario: &Scenario, prepared: &Prepared, places: &Places) -> Result<(), Violation> {
    // The database may be backed up and its blobs not.
    let had_begun = !prepared.going.is_empty() || scenario.has_blobs && scenario.writes();
    if had_begun || scenario.kills_old() && new_list_is_there(prepared, places) {
        return Ok(());
    }
    let now = super::scenario::contents(&places.repository());
    ensure(now == prepared.repository(), 'a', || "the repository is not as it was".to_owned())
}

fn new_list_is_there(prepared: &Prepared, places: &Places) -> bool {
    let lists = |names: Vec<String>| names.iter().filter(|name| name.ends_with(".dat")).max().cloned();
    let before = prepared.repository().into_iter().map(|(name, _)| name).collect();
    lists(testkit::names(&places.repository())) > lists(before)
}
