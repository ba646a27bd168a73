use super::*;
use std::collections::BTreeSet;
use std::time::Duration;

const NAME: &str = "/d/a";
const HALF_A_DAY: Duration = Duration::from_secs(43_200);

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
    let zeros_and_sevens = |zeros: std::ops::Range<usize>| {
        Some((0..9000).map(|at| if zeros.contains(&at) { 0 } else { 7 }).collect::<Vec<u8>>())
    };
    // Lost, grown, whole; cut at the first edge, zeros from the last page on, zeros up to the middle edge.
    let typical = [
        None,
        Some(vec![]),
        zeros_and_sevens(0..9000),
        zeros_and_sevens(0..0),
        Some(vec![7; 512]),
        zeros_and_sevens(8192..9000),
        zeros_and_sevens(0..4608),
    ];
    assert_eq!(left(&fs, NAME), typical.into());
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

#[test]
fn tears_are_at_the_edges_of_blocks_of_the_file_wherever_the_write_begins() {
    let fs = disk();
    let mut file = write(&fs, &[1; 300]);
    file.sync().unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    file.append(&[2; 1000]).unwrap();
    let images = fs.wreck(fs.operation_count()).samples(2000, 1);
    let contents: BTreeSet<Vec<u8>> =
        images.iter().map(|image| image.content(Path::new(NAME)).unwrap().to_vec()).collect();
    let mut expected = BTreeSet::from([vec![1; 300]]);
    let (ones, twos) = (vec![1; 300], vec![2; 1000]);
    expected.insert([&ones[..], &twos].concat());
    expected.insert([&ones[..], &[0; 1000]].concat());
    for kept_len in [512 - 300, 1024 - 300] {
        let (head, tail) = twos.split_at(kept_len);
        expected.insert([&ones[..], head].concat());
        expected.insert([&ones[..], head, &vec![0; tail.len()]].concat());
        expected.insert([&ones[..], &vec![0; kept_len], tail].concat());
    }
    assert_eq!(contents, expected);
}

#[test]
fn a_write_that_ends_at_the_edge_of_a_block_is_not_torn_there() {
    let fs = disk();
    write(&fs, &[7; 512]);
    let images = fs.wreck(fs.operation_count()).samples(500, 1);
    let contents: BTreeSet<_> = images.iter().map(|image| image.content(Path::new(NAME))).collect();
    assert_eq!(contents, [None, Some(&[][..]), Some(&[0; 512]), Some(&[7; 512])].into());
}

#[test]
fn a_sync_keeps_what_was_done_to_its_own_file_or_directory_and_no_other() {
    let mut image = Image::default();
    image.make_dir(Path::new("/d")).unwrap();
    image.make_dir(Path::new("/e")).unwrap();
    let fs = SimFs::on(image);
    let mut file = write(&fs, b"abc");
    let mut other = fs.create(Path::new("/e/b")).unwrap();
    other.append(b"def").unwrap();
    file.sync().unwrap();
    fs.sync_dir(Path::new("/e")).unwrap();
    assert_eq!(left(&fs, NAME), [None, Some(b"abc".to_vec())].into(), "bytes, not the name");
    assert!(left(&fs, "/e/b").contains(&Some(vec![])), "the name, not the bytes");
    assert!(!left(&fs, "/e/b").contains(&None));
    assert_eq!(fs.wreck(fs.operation_count()).pending_count(), 2);
}

#[test]
fn a_mode_lasts_from_the_sync_of_its_file_on() {
    let fs = disk();
    let mut file = write(&fs, b"abc");
    file.sync().unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    let modes = |fs: &SimFs| {
        let images = fs.wreck(fs.operation_count()).outcomes(10, 0);
        let access = |image| SimFs::on(image).meta(Path::new(NAME)).unwrap().access;
        images
            .into_iter()
            .map(access)
            .map(|access| (access.mode, access.uid, access.gid))
            .collect::<BTreeSet<_>>()
    };
    assert!(file.set_access(Grant { mode: 0o640, gid: 5, uid: Some(6) }).unwrap());
    assert_eq!(modes(&fs), BTreeSet::from([(0o600, 0, 0), (0o640, 6, 5)]));
    file.sync().unwrap();
    assert_eq!(modes(&fs), [(0o640, 6, 5)].into());
    assert!(file.set_access(Grant { mode: 0o600, gid: 7, uid: None }).unwrap());
    assert_eq!(fs.meta(Path::new(NAME)).unwrap().access, Access { mode: 0o600, uid: 6, gid: 7 });
}

#[test]
fn a_file_cut_to_nothing_and_written_again_may_be_old_empty_or_new() {
    let fs = disk();
    fs.put(Path::new(NAME), b"old").unwrap();
    let mut file = fs.write_in_place(Path::new(NAME), true).unwrap();
    assert_eq!(fs.image().content(Path::new(NAME)), Some(&b""[..]));
    file.append(b"new!").unwrap();
    let all = [&b"old"[..], b"", b"\0\0\0\0", b"new!", b"old\0"];
    assert_eq!(left(&fs, NAME), all.map(|bytes| Some(bytes.to_vec())).into());
    file.sync().unwrap();
    assert_eq!(left(&fs, NAME), [Some(b"new!".to_vec())].into());
    fs.write_in_place(Path::new(NAME), false).unwrap().append(b"?").unwrap();
    assert_eq!(fs.image().content(Path::new(NAME)), Some(&b"new!?"[..]));
    fs.write_in_place(Path::new("/d/b"), false).unwrap().append(b"?").unwrap();
    assert_eq!(fs.image().content(Path::new("/d/b")), Some(&b"?"[..]));
}

#[test]
fn what_somebody_else_puts_there_lasts_at_once() {
    let fs = disk();
    fs.put(Path::new(NAME), b"put").unwrap();
    assert_eq!(fs.wreck(fs.operation_count()).pending_count(), 0);
    assert_eq!(left(&fs, NAME), [Some(b"put".to_vec())].into());
    assert_eq!(fs.put(Path::new("/absent/a"), b"").unwrap_err().kind(), io::ErrorKind::NotFound);
}

/// A machine that goes on writes everything in the end.
#[test]
fn a_killed_program_leaves_all_that_it_did_and_nothing_when_it_did_nothing() {
    let fs = disk();
    let start = fs.image().digest();
    let b = Path::new("/d/b");
    write(&fs, b"abc").set_access(Grant { mode: 0o644, gid: 0, uid: None }).unwrap();
    fs.put(b, b"b").unwrap();
    fs.rename_over(Path::new(NAME), b).unwrap();
    write(&fs, b"again");
    fs.remove(b).unwrap();
    let count = fs.operation_count();
    assert_eq!(count, 8, "two creations and two writes, mode, put, rename, removal");
    assert_eq!(fs.wreck(count).after_a_kill().digest(), fs.image().digest());
    assert_eq!(fs.wreck(0).after_a_kill().digest(), start);
    assert_ne!(start, fs.image().digest());
    assert_eq!(fs.image().names(Path::new("/d")), ["a"]);
}

/// Else the file that is made after a cut would be the same as one that survived it.
#[test]
fn files_made_after_a_cut_are_others_than_those_that_survived() {
    let fs = disk();
    for name in ["/d/a", "/d/b", "/d/c"] {
        let mut file = fs.create(Path::new(name)).unwrap();
        file.append(name.as_bytes()).unwrap();
        file.sync().unwrap();
        fs.sync_dir(Path::new("/d")).unwrap();
    }
    for operation_count in 0..=fs.operation_count() {
        for image in fs.wreck(operation_count).outcomes(100, 0) {
            let names = image.names(Path::new("/d"));
            let after = SimFs::on(image);
            after.create(Path::new("/d/new")).unwrap().append(b"new").unwrap();
            for name in names {
                let path = Path::new("/d").join(name);
                assert_ne!(after.image().content(&path), Some(&b"new"[..]));
                assert_ne!(after.meta(&path).unwrap().id, after.meta(Path::new("/d/new")).unwrap().id);
            }
        }
    }
}

#[test]
fn files_have_the_time_at_which_they_were_written() {
    let fs = disk();
    let (noon, later) = (SystemTime::UNIX_EPOCH + HALF_A_DAY, SystemTime::UNIX_EPOCH + 2 * HALF_A_DAY);
    fs.set_time(noon);
    let mut file = write(&fs, b"abc");
    assert_eq!(fs.meta(Path::new(NAME)).unwrap().modified, noon);
    fs.set_time(later);
    assert_eq!(fs.meta(Path::new(NAME)).unwrap().modified, noon, "not before it is written again");
    file.append(b"d").unwrap();
    assert_eq!(fs.meta(Path::new(NAME)).unwrap().modified, later);
    let meta = fs.meta(Path::new("/d")).unwrap();
    assert_eq!((meta.kind, meta.len, meta.access.mode), (crate::FileKind::Dir, 0, 0o755));
}

#[test]
fn what_cannot_be_renamed_stays() {
    let mut image = Image::default();
    for dir in ["/d", "/d/dir"] {
        image.make_dir(Path::new(dir)).unwrap();
    }
    let fs = SimFs::on(image);
    write(&fs, b"abc");
    let before = fs.operation_count();
    for (to, errno) in [("/d/dir", Errno::EISDIR), ("/absent/a", Errno::ENOENT)] {
        let error = fs.rename_over(Path::new(NAME), Path::new(to)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(errno as i32), "{to}");
    }
    assert_eq!((fs.operation_count(), fs.image().content(Path::new(NAME))), (before, Some(&b"abc"[..])));
    assert!(fs.free_len(Path::new("/d")).unwrap() > 1 << 30, "its disk is never full");
}

/// It was lost with the name of the directory, which was not synced yet.
#[test]
fn what_is_synced_in_a_new_directory_is_there_when_the_directory_is_synced_behind_it() {
    let fs = SimFs::on(Image::default());
    fs.make_dir(Path::new("/e"), crate::Grant { mode: 0o755, gid: 0, uid: None }).unwrap();
    let mut file = fs.create(Path::new("/e/f")).unwrap();
    file.append(b"bytes").unwrap();
    file.sync().unwrap();
    fs.sync_dir(Path::new("/e")).unwrap();
    for image in fs.wreck(fs.operation_count()).outcomes(9, 0) {
        assert!(image.names(Path::new("/")).is_empty() || image.content(Path::new("/e/f")) == Some(b"bytes"));
    }
    fs.sync_dir(Path::new("/")).unwrap();
    let lasting = &fs.wreck(fs.operation_count()).outcomes(9, 0)[0];
    assert_eq!(lasting.content(Path::new("/e/f")), Some(b"bytes".as_slice()));
}

/// Nothing but a sync promises anything: not even that one of the names of a file that moved lasts.
#[test]
fn a_file_that_moves_to_another_directory_lasts_there_when_that_is_synced() {
    let mut image = Image::default();
    image.make_dir(Path::new("/d")).unwrap();
    image.put(Path::new(NAME), b"abc", SystemTime::UNIX_EPOCH).unwrap();
    let fs = SimFs::on(image);
    fs.make_dir(Path::new("/e"), crate::Grant { mode: 0o755, gid: 0, uid: None }).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    fs.rename_over(Path::new(NAME), Path::new("/e/b")).unwrap();
    let places = |fs: &SimFs| -> BTreeSet<[bool; 2]> {
        let images = fs.wreck(fs.operation_count()).outcomes(100, 1);
        images
            .iter()
            .map(|image| [NAME, "/e/b"].map(|name| image.content(Path::new(name)).is_some()))
            .collect()
    };
    assert_eq!(places(&fs).len(), 4, "both, one of them, none");
    fs.sync_dir(Path::new("/e")).unwrap();
    assert_eq!(places(&fs), [[false, true], [true, true]].into());
    fs.sync_all(Path::new("/e")).unwrap();
    assert_eq!(places(&fs), [[false, true]].into());
}

#[test]
fn disks_look_different_when_a_name_a_kind_bytes_a_mode_or_a_right_differs() {
    let image = |change: &dyn Fn(&mut Image)| {
        let mut image = Image::default();
        image.make_dir(Path::new("/d")).unwrap();
        image.put(Path::new("/d/a"), b"abc", SystemTime::UNIX_EPOCH).unwrap();
        change(&mut image);
        image
    };
    let same = image(&|_| {}).digest();
    let put = |image: &mut Image, name: &str, bytes: &[u8]| {
        image.put(Path::new(name), bytes, SystemTime::UNIX_EPOCH).unwrap();
    };
    let other_time = |image: &mut Image| {
        image.put(Path::new("/d/a"), b"abc", SystemTime::UNIX_EPOCH + HALF_A_DAY).unwrap();
    };
    assert_eq!(image(&other_time).digest(), same, "times do not count");
    let new_number = |image: &mut Image| {
        image.remove(Path::new("/d/a")).unwrap();
        put(image, "/d/a", b"abc");
    };
    assert_eq!(image(&new_number).digest(), same, "nor do the numbers of files");
    let digests = [
        same,
        image(&|image| put(image, "/d/a", b"abd")).digest(),
        image(&|image| put(image, "/d/b", b"abc")).digest(),
        image(&|image| put(image, "/b", b"")).digest(),
        image(&|image| image.make_dir(Path::new("/b")).unwrap()).digest(),
        image(&|image| image.make_link(Path::new("/b"), Path::new("d")).unwrap()).digest(),
        image(&|image| image.make_link(Path::new("/b"), Path::new("e")).unwrap()).digest(),
        image(&|image| image.deny(Path::new("/d/a")).unwrap()).digest(),
        image(&|image| image.remove(Path::new("/d/a")).unwrap()).digest(),
    ];
    assert_eq!(BTreeSet::from(digests).len(), digests.len());
    let fs = SimFs::on(image(&|_| {}));
    let mut file = fs.write_in_place(Path::new("/d/a"), false).unwrap();
    file.set_access(Grant { mode: 0o644, gid: 0, uid: None }).unwrap();
    assert!(!digests.contains(&fs.image().digest()), "its mode");
}

#[test]
fn an_image_is_made_with_the_errors_of_a_real_disk() {
    let mut image = Image::default();
    let kind = |result: io::Result<()>| result.unwrap_err().kind();
    let now = SystemTime::UNIX_EPOCH;
    image.make_dir(Path::new("/d")).unwrap();
    image.put(Path::new(NAME), b"abc", now).unwrap();
    assert_eq!(kind(image.make_dir(Path::new("/d"))), io::ErrorKind::AlreadyExists);
    assert_eq!(kind(image.make_link(Path::new(NAME), Path::new("x"))), io::ErrorKind::AlreadyExists);
    assert_eq!(kind(image.make_dir(Path::new("/absent/d"))), io::ErrorKind::NotFound);
    assert_eq!(kind(image.put(Path::new("/absent/a"), b"", now)), io::ErrorKind::NotFound);
    assert_eq!(kind(image.put(Path::new("/d/a/in a file"), b"", now)), io::ErrorKind::NotADirectory);
    assert_eq!(kind(image.deny(Path::new("/absent"))), io::ErrorKind::NotFound);
    assert_eq!(kind(image.remove(Path::new("/d/absent"))), io::ErrorKind::NotFound);
    assert_eq!((image.content(Path::new("/d")), image.content(Path::new("/d/absent"))), (None, None));
    assert_eq!(image.names(Path::new("/d")), ["a"]);
    assert!(image.names(Path::new("/absent")).is_empty());
    image.remove(Path::new(NAME)).unwrap();
    assert_eq!((image.content(Path::new(NAME)), image.names(Path::new("/d")).len()), (None, 0));
}

#[test]
fn paths_lead_where_they_lead_on_a_real_disk() {
    let mut image = Image::default();
    for dir in ["/d", "/d/e"] {
        image.make_dir(Path::new(dir)).unwrap();
    }
    for (path, target) in [("/to-d", "d"), ("/d/e/up", "../../d"), ("/d/to-a", "a"), ("/gone", "absent")] {
        image.make_link(Path::new(path), Path::new(target)).unwrap();
    }
    image.put(Path::new(NAME), b"abc", SystemTime::UNIX_EPOCH).unwrap();
    for path in ["/d/a", "d/a", "/./d/./a", "/../d/a", "/d/../d/a", "/d/e/../a", "/to-d/a", "/d/e/up/to-a"] {
        assert_eq!(image.content(Path::new(path)), Some(&b"abc"[..]), "{path}");
    }
    image.put(Path::new("/to-d/to-a"), b"through", SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(image.content(Path::new(NAME)), Some(&b"through"[..]), "links are written through");
    let fs = SimFs::on(image);
    assert_eq!(fs.link_target(Path::new("/to-d/to-a")).unwrap(), Some("a".into()), "not the last one");
    assert_eq!(fs.meta(Path::new("/gone")).unwrap_err().kind(), io::ErrorKind::NotFound);
    fs.remove(Path::new("/d/to-a")).unwrap();
    assert_eq!(fs.image().content(Path::new(NAME)), Some(&b"through"[..]), "the link went, not the file");
}

/// Linux follows 40 links and no more.
#[test]
fn forty_links_in_a_row_are_followed_and_not_one_more() {
    let mut image = Image::default();
    image.put(Path::new("/0"), b"abc", SystemTime::UNIX_EPOCH).unwrap();
    for number in 1..=41 {
        let (path, target) = (format!("/{number}"), format!("{}", number - 1));
        image.make_link(Path::new(&path), Path::new(&target)).unwrap();
    }
    assert_eq!(image.content(Path::new("/40")), Some(&b"abc"[..]));
    let error = SimFs::on(image).open(Path::new("/41")).err().unwrap();
    assert_eq!(error.raw_os_error(), Some(Errno::ELOOP as i32));
}

#[test]
fn what_is_denied_is_not_locked_either() {
    let mut image = Image::default();
    image.put(Path::new("/a"), b"", SystemTime::UNIX_EPOCH).unwrap();
    image.deny(Path::new("/a")).unwrap();
    let error = SimFs::on(image).try_lock(Path::new("/a"), LockKind::Shared).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}
