//! A real quota: a subvolume of Btrfs that may hold some bytes more than it does. It binds root, too, and the file system
//! has room enough, so that nobody who asks for it is warned.

use super::full_disk::{Disk, Left, PAGE_LEN, fill_again_and_again};
use crate::common::setting;
use crate::image_disk::{ImageDisk, run};
use std::path::PathBuf;

const DISK_LEN: u64 = 256 << 20;
/// Quotas in `make test`.
const ROUND_COUNT: u64 = 38;

struct Quota {
    disk: ImageDisk,
}

impl Quota {
    /// Set from without: a subvolume that is over its quota has no room for the change of it.
    fn limit(&self, len: &str) {
        let id = run(&["btrfs", "inspect-internal", "rootid"], &[&self.place()]).unwrap();
        let group = format!("0/{}", id.trim());
        run(&["btrfs", "qgroup", "limit", len, &group], &[&self.disk.path()]).unwrap();
    }

    /// What counts by now.
    fn held_len(&self) -> u64 {
        let told = run(&["btrfs", "qgroup", "show", "--raw", "--sync", "-f"], &[&self.place()]).unwrap();
        let words = told.lines().last().unwrap().split_whitespace();
        words.clone().nth(1).and_then(|len| len.parse().ok()).unwrap_or_else(|| panic!("{told}"))
    }
}

impl Disk for Quota {
    const SAYS: &str = "Disk quota exceeded";
    /// Each change of the file system's trees reserves room for itself, while it is made.
    const SLACK_PAGE_COUNT: u64 = 120;

    fn place(&self) -> PathBuf {
        self.disk.path().join("site")
    }

    fn empty(&self) {
        if self.place().exists() {
            run(&["btrfs", "subvolume", "delete"], &[&self.place()]).unwrap();
        }
        run(&["btrfs", "subvolume", "create"], &[&self.place()]).unwrap();
    }

    fn leave(&self, left: Left) {
        self.limit(&(self.held_len() + left.page_count * PAGE_LEN).to_string());
    }

    fn give_room(&self) {
        self.limit("none");
    }
}

#[test]
fn a_quota_costs_nothing_and_with_room_again_all_goes_on() {
    let Some(disk) = ImageDisk::mounted(&["mkfs.btrfs", "-q"], DISK_LEN, "a quota costs nothing") else {
        return;
    };
    run(&["btrfs", "quota", "enable"], &[&disk.path()]).unwrap();
    let rounds = setting("REPOZO_FAULTS_ROUNDS");
    let full_count = fill_again_and_again(&Quota { disk }, rounds.unwrap_or(ROUND_COUNT), false);
    assert!(rounds.is_some() || full_count > 8, "only {full_count} quotas were reached");
}
