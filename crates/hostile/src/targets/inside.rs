//! A whole `Data.fs`, looked into: checked, its references and its transactions.

use super::allowed;
use crate::within;
use filestorage::{Boundary, Error, Nothing, Oid, Tid, committed_end};
use inspect::{
    CheckRequest, CheckSummary, Dumped, Finding, FindingKind, HistoryEntry, LogEntry, LogFilter, RefsRequest,
    Revision, check, dump, history, log, refs, revision, salvage, stats, tail,
};
use std::collections::BTreeSet;
use vfs::ReadAt;

/// Windows of 1 MiB of the scans, the buffers of inflating.
const ROOM_LEN: u64 = 8 << 20;
/// Deflate makes at most so many bytes of one.
const INFLATED_FACTOR: u64 = 1100;

pub(super) fn run(data: &[u8]) {
    let limit_len = allowed(ROOM_LEN, 200 + INFLATED_FACTOR, data.len());
    let file = data.to_vec();
    let Some((shallow, findings)) = within(limit_len, || checked(&file, false)) else {
        let start = Boundary::start(&file);
        return assert!(start.is_err() && log(&file, &LogFilter::default(), &mut |_| Ok(())).is_err());
    };
    let (deep, deep_findings) = within(limit_len, || checked(&file, true)).unwrap();
    assert!(deep.problems_count >= shallow.problems_count);
    assert_eq!((deep.lost_len, deep.objects_count), (shallow.lost_len, shallow.objects_count));
    assert!(deep_findings.iter().all(|finding| finding.pos <= data.len() as u64));
    lost_is_what_ends_a_scan(&file, &shallow, &findings);
    within(limit_len, || referred(&file, &shallow, &findings));
    within(limit_len, || counted(&file, &shallow));
    within(limit_len, || one_object(&file));
    within(limit_len, || logged(&file, &shallow));
    within(limit_len, || salvaged(&file, &shallow, &deep_findings));
}

/// What is salvaged is a database of which nothing is lost; of a sound one, the same bytes.
fn salvaged(file: &[u8], summary: &CheckSummary, findings: &[Finding]) {
    let (mut new, mut skipped_count) = (Vec::new(), 0);
    let told = salvage(
        &file.to_vec(),
        None,
        &mut |bytes| {
            new.extend_from_slice(bytes);
            Ok(())
        },
        &mut |_| {
            skipped_count += 1;
            Ok(())
        },
    );
    let told = told.unwrap();
    assert_eq!((told.end_pos, told.lost_len), (new.len() as u64, summary.lost_len));
    let (again, found) = checked(&new, false).unwrap();
    assert_eq!((again.end_pos, again.tail, again.lost_len), (Some(told.end_pos), None, 0));
    assert_eq!(
        (again.transactions_count, again.records_count),
        (told.transactions_count, told.records_count)
    );
    if let Some(end_pos) = summary.end_pos.filter(|_| skipped_count == 0) {
        assert_eq!(new, file[..usize::try_from(end_pos).unwrap()]);
    }
    // Nothing is wrong with the new one that was not wrong with the old one, were it in an old revision.
    let words =
        |findings: &[Finding]| findings.iter().map(|finding| finding.kind.word()).collect::<BTreeSet<_>>();
    let (old_words, new_words) = (words(findings), words(&found));
    assert!(new_words.is_subset(&old_words), "{new_words:?} {old_words:?}");
}

fn checked(file: &dyn ReadAt, deep: bool) -> Option<(CheckSummary, Vec<Finding>)> {
    let mut findings = Vec::new();
    let request = CheckRequest { now: Tid::new(u64::MAX), deep };
    let summary = check(file, &request, &mut |finding| {
        findings.push(finding.clone());
        Ok(())
    });
    summary.ok().map(|checked| (checked.summary, findings))
}

/// Bytes are lost where and only where the committed end cannot be found.
fn lost_is_what_ends_a_scan(file: &dyn ReadAt, summary: &CheckSummary, findings: &[Finding]) {
    let lost = findings.iter().find_map(|finding| match &finding.kind {
        FindingKind::Lost(lost) => Some(lost.pos),
        _ => None,
    });
    match Boundary::start(file).and_then(|start| committed_end(file, start, &mut Nothing)) {
        Ok(extent) => {
            assert_eq!((summary.end_pos, summary.tail, lost), (Some(extent.end_pos), extent.tail, None));
        }
        Err(Error::Damage(damage)) => assert_eq!(lost, Some(damage.transaction_pos)),
        Err(_) => assert_eq!(lost, Some(0)),
    }
}

fn referred(file: &dyn ReadAt, summary: &CheckSummary, findings: &[Finding]) {
    let request = RefsRequest { garbage: true, blobs: Some(&mut || Ok(Vec::new())) };
    let found = refs(file, request, &mut |_| Ok(())).unwrap();
    assert_eq!(found.blobs_count, found.missing_blobs_count);
    assert!(found.unreachable.unwrap().count <= found.objects_count);
    assert!(found.objects_count <= summary.objects_count);
    let unreadable = |finding: &&Finding| {
        let is_of_data =
            |kind: &FindingKind| matches!(kind, FindingKind::Data { .. } | FindingKind::ZeroData { .. });
        is_of_data(&finding.kind) || finding.kind.word() == "back-pointer"
    };
    if findings.iter().filter(unreadable).count() == 0 {
        assert_eq!(found.unreadable_count, 0);
    }
}

/// Every transaction and record is counted once, every object that exists once.
fn counted(file: &dyn ReadAt, summary: &CheckSummary) {
    let mut lost_len = 0;
    let found = stats(file, &mut |lost| {
        lost_len += lost.len();
        Ok(())
    });
    let found = found.unwrap();
    assert_eq!((lost_len, found.lost_len), (summary.lost_len, summary.lost_len));
    assert_eq!(found.transactions.count, summary.transactions_count);
    assert_eq!(found.all.revisions.count, summary.records_count);
    assert!(found.transactions.len + found.lost_len <= found.source_len);
    assert_eq!(found.days.iter().map(|day| day.transactions.len).sum::<u64>(), found.transactions.len);
    let counted = found.object_lens.bins().map(|(_, amount)| amount.count).sum::<u64>();
    let referring = refs(file, RefsRequest::default(), &mut |_| Ok(())).unwrap().objects_count;
    assert_eq!((found.all.objects.count, counted), (referring, referring));
    assert!(found.all.unreachable.count <= found.all.objects.count);
    assert!(found.all.unreachable.len <= found.all.objects.len);
}

/// The history of an object has all of its records, and what it is now is what the last one says.
fn one_object(file: &dyn ReadAt) {
    let mut tids = Vec::new();
    let dumped = dump(file, &mut |dumped| {
        if let Dumped::Record { header, .. } = dumped
            && header.oid == Oid::ROOT
        {
            tids.push(header.tid);
        }
        Ok(())
    });
    dumped.unwrap();
    let mut told = Vec::new();
    let is_known = history(file, Oid::ROOT, &mut |entry| {
        if let HistoryEntry::Record { header, .. } = entry {
            told.push(header.tid);
        }
        Ok(())
    });
    assert_eq!((is_known.unwrap(), &told), (!tids.is_empty(), &tids));
    let found = match revision(file, Oid::ROOT, None, &mut |_| Ok(())).unwrap() {
        Revision::Here { header, .. } | Revision::Gone(header) | Revision::Unreadable { header, .. } => {
            Some(header.tid)
        }
        Revision::Unknown => None,
    };
    assert_eq!(found.as_ref(), tids.last());
}

fn logged(file: &dyn ReadAt, summary: &CheckSummary) {
    let (mut transactions_count, mut records_count, mut lost_len) = (0, 0, 0);
    let told = log(file, &LogFilter::default(), &mut |entry| {
        match entry {
            LogEntry::Transaction { records_count: count, .. } => {
                transactions_count += 1;
                records_count += count;
            }
            LogEntry::Lost(lost) => lost_len += lost.end_pos - lost.pos,
        }
        Ok(())
    });
    assert_eq!(told.unwrap().map(|extent| extent.end_pos), summary.end_pos);
    assert_eq!(lost_len, summary.lost_len);
    assert_eq!((transactions_count, records_count), (summary.transactions_count, summary.records_count));
    // What stands behind the end may end like a database itself.
    if lost_len == 0 && summary.tail.is_none() {
        assert_eq!(last(file), transactions_count.min(3));
    } else {
        let _ = last(file);
    }
}

/// The last transactions, and all records: as many as there are.
fn last(file: &dyn ReadAt) -> u64 {
    let (mut told_count, mut dumped_count) = (0, 0);
    let told = tail(file, 3, &mut |_| {
        told_count += 1;
        Ok(())
    });
    told.unwrap();
    let dumped = dump(file, &mut |dumped| {
        dumped_count += u64::from(matches!(dumped, Dumped::Transaction { .. }));
        Ok(())
    });
    dumped.unwrap();
    // Where something is lost, that is told, too.
    assert!(told_count <= 3 && told_count >= dumped_count.min(3));
    told_count
}
