//! The names in a repository directory.

use super::allowed;
use crate::targets::repository::DIR;
use crate::within;
use classic::{BackupName, Repository, Stamp};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;
use vfs::sim::{Image, SimFs};

pub(super) fn run(data: &[u8]) {
    let mut image = Image::default();
    image.make_dir(Path::new(DIR)).unwrap();
    let mut data_files = BTreeSet::new();
    let mut count = 0;
    // A system has no name that is empty or has one of these bytes.
    for name in
        data.split(|byte| matches!(byte, 0 | b'/')).filter(|name| !matches!(*name, b"" | b"." | b".."))
    {
        let name = OsStr::from_bytes(name);
        image.put(&Path::new(DIR).join(name), b"", SystemTime::UNIX_EPOCH).unwrap();
        count += 1;
        if let Some(parsed) = BackupName::parse(name) {
            assert_eq!(OsStr::new(&parsed.to_string()), name);
            data_files.insert(parsed);
        }
    }
    let fs = SimFs::on(image);
    let repository = Repository::open(&fs, Path::new(DIR)).unwrap();
    let survey = within(allowed(4000, 60, data.len()) + 500 * count, || repository.survey().unwrap());
    let chains = survey.chains.iter().chain(&survey.removing);
    let mut sorted: Vec<BackupName> = chains.clone().flat_map(|chain| &chain.files).copied().collect();
    sorted.extend(&survey.strays);
    let found: BTreeSet<BackupName> = sorted.iter().copied().collect();
    assert_eq!((found.len(), &found), (sorted.len(), &data_files), "each file has one place");
    for chain in chains {
        assert!(chain.files.is_sorted());
        assert!(chain.files.iter().all(|name| name.stamp >= chain.stamp()));
        assert!(chain.files.iter().filter(|name| name.is_full()).all(|name| name.stamp == chain.stamp()));
    }
    let first_full = data_files.iter().find(|name| name.is_full()).map(|name| name.stamp);
    assert!(survey.strays.iter().all(|name| first_full.is_none_or(|full| name.stamp < full)));
    let stamps = data_files.iter().map(|name| name.stamp);
    assert!(stamps.max() <= survey.newest);
    for stamp in survey.lone_dats.iter().chain(&survey.lone_indexes).chain(&survey.stale_markers) {
        assert_eq!(Stamp::parse(stamp.as_str().as_bytes()), Some(*stamp));
    }
}
