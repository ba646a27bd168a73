//! A file system in a file, mounted for a test.

use crate::faults::allowed;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Unmounted when it is dropped.
pub(crate) struct ImageDisk {
    dir: TempDir,
}

/// Runs a command of the system on a path or two.
pub(crate) fn run(words: &[&str], paths: &[&Path]) -> Result<String, String> {
    let output = Command::new(words[0]).args(&words[1..]).args(paths).output();
    let output = output.map_err(|error| format!("{} cannot be started: {error}", words[0]))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{}: {}", words[0], String::from_utf8_lossy(&output.stderr).trim()))
}

impl ImageDisk {
    /// Makes and mounts one of some bytes, or says that `test` is skipped where that cannot be; fails where it has to run.
    #[track_caller]
    pub(crate) fn mounted(make: &[&str], len: u64, test: &str) -> Option<ImageDisk> {
        let disk = ImageDisk::mount(make, len);
        let advice = format!("run it as root, with {}, where a loop device can be mounted", make[0]);
        if !Path::new("/dev/loop-control").exists() {
            // Containers have none, whatever else can be mounted there.
            let told = format!("!!! SKIPPED: {test}: no loop devices; {advice}\n");
            std::io::stderr().write_all(told.as_bytes()).unwrap();
            return None;
        }
        if !allowed(disk.as_ref().err().cloned(), test, "REPOZO_REQUIRE_MOUNT", &advice) {
            return None;
        }
        disk.ok()
    }

    fn mount(make: &[&str], len: u64) -> Result<ImageDisk, String> {
        let dir = tempfile::tempdir().unwrap();
        let (image, disk) = (dir.path().join("image"), dir.path().join("disk"));
        std::fs::File::create(&image).unwrap().set_len(len).unwrap();
        std::fs::create_dir(&disk).unwrap();
        run(make, &[&image])?;
        run(&["mount", "-o", "loop"], &[&image, &disk])?;
        Ok(ImageDisk { dir })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    pub(crate) fn free_len(&self) -> u64 {
        vfs::Fs::free_len(&vfs::OsFs, &self.path()).unwrap()
    }
}

impl Drop for ImageDisk {
    fn drop(&mut self) {
        let _ = run(&["umount", "--lazy"], &[&self.path()]);
    }
}
