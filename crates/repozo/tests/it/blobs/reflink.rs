//! Where a file system shares blocks, a blob that is backed up takes none.

use super::{Site, expect_all, ours, read};
use crate::common::args;
use crate::image_disk::{ImageDisk, run};

#[test]
fn a_blob_shares_its_blocks_on_xfs() {
    a_blob_shares_its_blocks(&["mkfs.xfs", "-q", "-m", "reflink=1"]);
}

#[test]
fn a_blob_shares_its_blocks_on_btrfs() {
    a_blob_shares_its_blocks(&["mkfs.btrfs", "-q"]);
}

fn a_blob_shares_its_blocks(make: &[&str]) {
    let Some(disk) = ImageDisk::mounted(make, 400 << 20, "a blob shares its blocks") else { return };
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
