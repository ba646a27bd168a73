use super::{Blobs, Site, expect_all, read};

/// Full, growth, increment, pack, full, growth, increment, and each state restored and read by ZODB.
/// `REPOZO_BLOBS_COUNT` says how many blobs; `make blobs` has 10,000.
#[test]
fn a_database_of_many_blobs_goes_through_all_that_happens_to_one() {
    let count: u64 = crate::common::setting("REPOZO_BLOBS_COUNT").unwrap_or(600);
    for (layout, words) in [("bushy", &[][..]), ("lawn", &["--containers"])] {
        let site = Site::new(layout);
        let mut states: Vec<(String, Blobs)> = Vec::new();
        let mut back_up = |kind: &str, more: &[&str]| {
            let told = site.backup(&[words, more].concat());
            assert_eq!((&told["kind"], &told["blobs_missing"]), (&kind.into(), &0.into()), "{told}");
            let blobs = site.blobs();
            assert_eq!(told["blobs"], blobs.len());
            states.push((told["name"].as_str().unwrap()[..19].to_owned(), blobs));
        };
        let (many, few) = (count.to_string(), (count / 10).to_string());
        site.zodb("plant", &["1", &many]);
        back_up("full", &[]);
        site.zodb("plant", &["2", &few]);
        back_up("incremental", &["--quick"]);
        site.zodb("pack", &["1"]);
        back_up("full", &[]);
        site.zodb("plant", &["3", &few]);
        back_up("incremental", &["--quick"]);
        for (name, blobs) in &states {
            let (ran, data, dir) = site.restore(&["--at", name]);
            ran.expect_success();
            expect_all(&read(&data, &dir), blobs, name);
            // A walk over 10,000 leaves much behind.
            std::fs::remove_dir_all(data.parent().unwrap()).unwrap();
        }
        site.verify().expect_success();
        let sizes: Vec<usize> = states.iter().map(|(_, blobs)| blobs.len()).collect();
        println!("{layout} {words:?}: {sizes:?} blobs restored");
    }
}
