//! A backup whose blobs get their names one after the other, as gigabytes of them do, which no test has.

use super::Site;
use classic::{
    BackedUp, BackupRequest, BlobsBackedUp, BlobsSource, Context, Event, Interrupt, Observer, QuickCheck,
    backup,
};
use testkit::Ran;

struct Nobody;

impl Observer for Nobody {
    fn event(&self, _: &Event<'_>) {}
}

/// `-B` with these flags.
pub(super) fn back_up(site: &Site<'_>, flags: &str) -> Ran {
    let blobs = |dir: &std::path::Path| BlobsSource {
        section_len: 1,
        ..BlobsSource::of(dir.to_owned(), flags.contains('c'))
    };
    let request = BackupRequest {
        repository: site.repository.to_owned(),
        file: site.file.to_owned(),
        full: flags.contains('F'),
        quick: flags.contains('Q').then(QuickCheck::default),
        gzip: flags.contains('z'),
        blobs: site.blobs.map(blobs),
        ..BackupRequest::default()
    };
    let interrupt = Interrupt::default();
    let ctx = Context { fs: site.fs, clock: site.clock, observer: &Nobody, interrupt: &interrupt };
    let (status, stderr) = match backup(&ctx, &request) {
        Ok(BackedUp { blobs, .. }) if blobs.as_ref().is_none_or(BlobsBackedUp::is_complete) => {
            (0, String::new())
        }
        Ok(_) => (3, "blobs are missing".to_owned()),
        Err(error) => (1, error.to_string()),
    };
    Ran { status, stdout: Vec::new(), stderr }
}
