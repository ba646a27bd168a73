use super::*;
use std::collections::BTreeSet;

const NAME: &str = "/d/a";

fn disk() -> SimFs {
    let mut image = Image::default();
    image.make_dir(Path::new("/d")).unwrap();
    SimFs::on(image)
}

fn write(fs: &SimFs, bytes: &[u8]) -> Box<dyn NewFile> {
    let mut file = fs.create(Path::new(NAME)).unwrap();
    file.append(bytes).unwrap();
    file
}

/// What may be there under the name after a cut behind everything; `None` for no file.
fn left(fs: &SimFs, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    let images = fs.wreck(fs.operation_count()).outcomes(1000, 0);
    images.iter().map(|image| image.content(Path::new(name)).map(<[u8]>::to_vec)).collect()
}

#[test]
fn keeps_the_contract_of_fs() {
    crate::contract::check(&disk(), Path::new("/d"));
}

#[test]
fn what_was_not_synced_may_be_lost_or_be_zeros_or_have_no_name() {
    let fs = disk();
    write(&fs, b"abc");
    assert_eq!(
        left(&fs, NAME),
        [None, Some(vec![]), Some(vec![0; 3]), Some(b"abc".to_vec())].into(),
        "no name, no bytes, a size without bytes, all"
    );
}

#[test]
fn a_sync_of_the_file_keeps_its_bytes_and_not_its_name() {
    let fs = disk();
    write(&fs, b"abc").sync().unwrap();
    assert_eq!(left(&fs, NAME), [None, Some(b"abc".to_vec())].into());
}

#[test]
fn a_sync_of_the_directory_keeps_the_name_and_not_the_bytes() {
    let fs = disk();
    write(&fs, b"abc");
    fs.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(left(&fs, NAME), [Some(vec![]), Some(vec![0; 3]), Some(b"abc".to_vec())].into());
}

#[test]
fn both_syncs_keep_everything() {
    let fs = disk();
    write(&fs, b"abc").sync().unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(fs.wreck(fs.operation_count()).pending_count(), 0);
    assert_eq!(left(&fs, NAME), [Some(b"abc".to_vec())].into());
}

#[test]
fn a_rename_leaves_the_old_file_or_the_new_one_or_two_names_of_the_new_one() {
    let fs = disk();
    fs.put(Path::new("/d/b"), b"old").unwrap();
    write(&fs, b"new").sync().unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    fs.rename_over(Path::new(NAME), Path::new("/d/b")).unwrap();
    assert_eq!(left(&fs, "/d/b"), [Some(b"old".to_vec()), Some(b"new".to_vec())].into());
    assert_eq!(left(&fs, NAME), [None, Some(b"new".to_vec())].into());
    let images = fs.wreck(fs.operation_count()).outcomes(10, 0);
    assert_eq!(images.len(), 3);
    let is_there = |image: &Image| image.content(Path::new("/d/b")).is_some();
    assert!(images.iter().all(is_there), "never neither");
}

#[test]
fn a_removal_may_come_back() {
    let fs = disk();
    fs.put(Path::new(NAME), b"old").unwrap();
    fs.remove(Path::new(NAME)).unwrap();
    assert_eq!(left(&fs, NAME), [None, Some(b"old".to_vec())].into());
    fs.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(left(&fs, NAME), [None].into());
}

#[test]
fn a_later_write_may_last_without_an_earlier_one() {
    let fs = disk();
    let mut file = write(&fs, b"ab");
    file.append(b"cd").unwrap();
    assert!(left(&fs, NAME).contains(&Some(b"\0\0cd".to_vec())));
}

#[test]
fn writes_are_torn_at_the_edges_of_blocks() {
    let fs = disk();
    write(&fs, &[7; 9000]);
    let lens: BTreeSet<usize> = left(&fs, NAME).into_iter().flatten().map(|bytes| bytes.len()).collect();
    assert_eq!(lens, [0, 512, 9000].into());
    // Too many to try all: samples tear at every edge, and leave holes before and behind it.
    let samples = fs.wreck(fs.operation_count()).outcomes(8, 1);
    assert_eq!(samples.len(), 8);
    let many = fs.wreck(fs.operation_count()).samples(2000, 1);
    let contents: BTreeSet<Vec<u8>> =
        many.iter().filter_map(|image| image.content(Path::new(NAME))).map(<[u8]>::to_vec).collect();
    let torn = |len: usize| [vec![7; len], vec![0; 9000 - len]].concat();
    for edge in (512..9000).step_by(512) {
        let behind: Vec<u8> = torn(edge).iter().map(|byte| 7 - byte).collect();
        for bytes in [vec![7; edge], torn(edge), behind] {
            assert!(contents.contains(&bytes), "{edge}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_wrecks_and_every_moment_has_its_own() {
    let fs = disk();
    for number in 0..6_u8 {
        let mut file = fs.create(Path::new(&format!("/d/{number}"))).unwrap();
        file.append(&[number; 600]).unwrap();
    }
    let wreck = fs.wreck(fs.operation_count());
    let digests = |seed| wreck.outcomes(20, seed).iter().map(Image::digest).collect::<Vec<_>>();
    assert_eq!(digests(1), digests(1));
    assert_ne!(digests(1), digests(2));
    assert_eq!(fs.wreck(0).outcomes(20, 1).len(), 1, "nothing was done yet");
}

#[test]
fn links_are_followed_and_what_is_denied_is_not_opened() {
    let mut image = Image::default();
    image.make_dir(Path::new("/d")).unwrap();
    image.put(Path::new(NAME), b"abc", SystemTime::UNIX_EPOCH).unwrap();
    image.make_link(Path::new("/l"), Path::new("d/a")).unwrap();
    image.make_link(Path::new("/d/up"), Path::new("../l")).unwrap();
    image.make_link(Path::new("/loop"), Path::new("loop")).unwrap();
    assert_eq!(image.content(Path::new("/d/up")), Some(&b"abc"[..]));
    let fs = SimFs::on(image.clone());
    assert_eq!(fs.link_target(Path::new("/l")).unwrap(), Some("d/a".into()));
    assert_eq!(fs.open(Path::new("/loop")).err().unwrap().raw_os_error(), Some(Errno::ELOOP as i32));
    image.deny(Path::new(NAME)).unwrap();
    let fs = SimFs::on(image);
    assert_eq!(fs.open(Path::new("/l")).err().unwrap().kind(), io::ErrorKind::PermissionDenied);
}
