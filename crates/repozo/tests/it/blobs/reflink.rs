//! Where a file system shares blocks, a blob that is backed up takes none.

use super::{Site, expect_all, ours, read};
use crate::common::args;
use crate::faults::allowed;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An XFS in a file, mounted.
struct Disk {
    dir: tempfile::TempDir,
}

fn run(words: &[&str], paths: &[&Path]) -> Result<(), String> {
    let output = Command::new(words[0]).args(&words[1..]).args(paths).output();
    let output = output.map_err(|error| format!("{} cannot be started: {error}", words[0]))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

impl Disk {
    fn mount() -> Result<Disk, String> {
        let dir = tempfile::tempdir().unwrap();
        let (image, disk) = (dir.path().join("image"), dir.path().join("disk"));
        std::fs::File::create(&image).unwrap().set_len(400 << 20).unwrap();
        std::fs::create_dir(&disk).unwrap();
        run(&["mkfs.xfs", "-q", "-m", "reflink=1"], &[&image])?;
        run(&["mount", "-o", "loop"], &[&image, &disk])?;
        Ok(Disk { dir })
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    fn free_len(&self) -> u64 {
        vfs::Fs::free_len(&vfs::OsFs, &self.path()).unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run(&["umount", "--lazy"], &[&self.path()]);
    }
}

#[test]
fn a_blob_shares_its_blocks_where_the_file_system_can() {
    let mounted = Disk::mount();
    let advice = "run it as root, with mkfs.xfs, where a loop device can be mounted";
    let hindrance = mounted.as_ref().err().cloned();
    if !Path::new("/dev/loop-control").exists() {
        // Containers have none, whatever else can be mounted there.
        eprintln!("!!! SKIPPED: a blob shares its blocks: no loop devices; {advice}");
        return;
    }
    if !allowed(hindrance, "a blob shares its blocks", "REPOZO_REQUIRE_MOUNT", advice) {
        return;
    }
    let disk = mounted.unwrap();
    let site = Site::new("bushy");
    site.zodb("plant", &["1", "300"]);
    run(&["cp", "-r"], &[&site.path("blobs"), &disk.path()]).unwrap();
    let large = 24 << 20;
    // One that would be seen, as the server has it.
    let files = super::files_below(&disk.path().join("blobs"));
    let victim = files.iter().find(|file| file.metadata().unwrap().len() > 50_000).unwrap();
    std::fs::remove_file(victim).unwrap();
    std::fs::write(victim, vec![7; large]).unwrap();
    let repository = disk.path().join("repository");
    std::fs::create_dir(&repository).unwrap();
    nix::unistd::sync();
    let before_len = disk.free_len();
    let words =
        args!["backup", "-r", &repository, site.path("Data.fs"), "--blobs", disk.path().join("blobs")];
    ours(&site.clock, &words).expect_success();
    nix::unistd::sync();
    let taken_len = before_len.saturating_sub(disk.free_len());
    assert!(taken_len < large as u64 / 4, "{taken_len} bytes were taken");
    // It is a copy all the same.
    let expected = read(&site.path("Data.fs"), &disk.path().join("blobs"));
    std::fs::write(victim, "changed").unwrap();
    let (data, blobs) = (site.path("New.fs"), site.path("new-blobs"));
    ours(&site.clock, &args!["restore", "-r", &repository, "-o", &data, "--blobs", &blobs]).expect_success();
    expect_all(&read(&data, &blobs), &expected, "restored");
}
