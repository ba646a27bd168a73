//! What `stats` and `refs --garbage` count is what ZODB counts, and what a pack leaves.

use super::{args, json_lines, make_database, of_kind, run, zodb_says};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use testkit::{Ran, data};

fn stats(path: &Path) -> Ran {
    run(&args!["stats", "--json", path]).expect_success()
}

fn summary(ran: &Ran) -> Value {
    of_kind(ran, "summary").pop().unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[test]
fn each_class_has_the_objects_revisions_and_bytes_that_zodb_finds() {
    let dir = tempfile::tempdir().unwrap();
    let large = dir.path().join("Data.fs");
    make_database(&large, "1200k", 21);
    let samples = ["undo.fs", "deleted.fs", "refs.fs", "dup-oid.fs", "blobs.fs", "pack2-after-gc.fs"];
    let mut paths: Vec<_> = samples.iter().map(|name| data("samples").join(name)).collect();
    paths.push(large);
    for path in paths {
        let found: BTreeMap<String, Value> = of_kind(&stats(&path), "class")
            .into_iter()
            .map(|class| {
                let name = class["class"].as_str().unwrap().to_owned();
                let len = number(&class["current_len"]) + number(&class["historic_len"]);
                let counts = json!({
                    "objects": class["objects"], "revisions": class["revisions"],
                    "current_len": class["current_len"], "len": len,
                });
                (name, counts)
            })
            .collect();
        assert_eq!(json!(found), zodb_says("classes", &[path.as_os_str()]), "{}", path.display());
    }
}

/// A pack keeps one record of each object that the root leads to.
#[test]
fn what_a_pack_would_free_is_what_zodb_packs_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Data.fs");
    make_database(&path, "1500k", 23);
    let before = summary(&stats(&path));
    let refs = run(&args!["refs", "--garbage", "--json", &path]).expect_success();
    let left_count = number(&zodb_says("pack", &[path.as_os_str()]));
    let after = summary(&stats(&path));
    let [objects, unreachable, current_len, unreachable_len] =
        ["objects", "unreachable", "current_len", "unreachable_len"].map(|name| number(&before[name]));
    assert!(unreachable > 0 && number(&before["historic_len"]) > 0, "{before}");
    assert_eq!((number(&after["objects"]), left_count), (objects - unreachable, objects - unreachable));
    assert_eq!(number(&after["current_len"]), current_len - unreachable_len);
    for name in ["historic_len", "unreachable", "freed_len"] {
        assert_eq!(after[name], 0, "{name}");
    }
    let told = of_kind(&refs, "summary").pop().unwrap();
    assert_eq!(
        (&told["unreachable"], &told["unreachable_len"]),
        (&before["unreachable"], &before["unreachable_len"])
    );
    let by_class: u64 = of_kind(&refs, "unreachable").iter().map(|class| number(&class["objects"])).sum();
    assert_eq!(by_class, unreachable);
}

#[test]
fn days_and_lengths_add_up_to_the_file() {
    let path = data("samples").join("pack2-before.fs");
    let ran = stats(&path);
    let logged: Vec<(String, u64)> = json_lines(&run(&args!["log", "--json", &path]).expect_success())
        .iter()
        // The trailer is not part of the length that is stored.
        .map(|line| (line["time"].as_str().unwrap()[..10].to_owned(), number(&line["len"]) + 8))
        .collect();
    let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (day, len) in &logged {
        let (count, total_len) = expected.entry(day.clone()).or_default();
        (*count, *total_len) = (*count + 1, *total_len + len);
    }
    let days: BTreeMap<String, (u64, u64)> = of_kind(&ran, "day")
        .iter()
        .map(|day| {
            (day["day"].as_str().unwrap().to_owned(), (number(&day["transactions"]), number(&day["len"])))
        })
        .collect();
    assert_eq!(days, expected);
    for bin in of_kind(&ran, "transaction-len") {
        let longest = number(&bin["longest_len"]);
        let inside = logged.iter().filter(|(_, len)| (longest / 2 + 1..=longest).contains(len));
        assert_eq!(number(&bin["count"]), inside.count() as u64, "up to {longest}");
    }
    let file_len = std::fs::metadata(&path).unwrap().len();
    let total_len: u64 = logged.iter().map(|(_, len)| len).sum();
    assert_eq!((number(&summary(&ran)["source_len"]), total_len + 4), (file_len, file_len));
}

#[test]
fn the_table_has_the_largest_classes_and_the_rest_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Data.fs");
    make_database(&path, "1200k", 21);
    let classes = of_kind(&stats(&path), "class");
    let text =
        String::from_utf8(run(&args!["stats", "--limit", "2", &path]).expect_success().stdout).unwrap();
    for (at, class) in classes.iter().enumerate() {
        assert_eq!(text.contains(class["class"].as_str().unwrap()), at < 2, "{class}\n{text}");
    }
    let rest = format!("{} more", classes.len() - 2);
    assert!(classes.len() > 4 && text.contains(&rest) && text.contains('█'), "{text}");
}

#[test]
fn the_page_is_written_over_a_page_and_over_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (source, page) = (data("samples").join("undo.fs"), dir.path().join("stats.html"));
    // Of a run that died, and of one that writes another page.
    let drafts = ["stats.html.0123456789abcdef.part", "other.html.0123456789abcdef.part"];
    drafts.iter().for_each(|name| std::fs::write(dir.path().join(name), "half").unwrap());
    for _ in 0..2 {
        run(&args!["stats", &source, "--html", &page]).expect_success();
        assert_eq!(testkit::names(dir.path()), [drafts[1], "stats.html"]);
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.ends_with("</html>\n") && text.contains("samplemod.Thing") && text.contains("<svg"));
        // Whatever a page can load, it names by one of these; the names of SVG are no addresses.
        for word in ["src=", "href=", "url(", "@import", "<script", "<link"] {
            assert!(!text.contains(word), "{word}");
        }
    }
    std::fs::remove_file(dir.path().join(drafts[1])).unwrap();
    let other = dir.path().join("Data.fs");
    std::fs::copy(&source, &other).unwrap();
    let ran = run(&args!["stats", &source, "--html", &other]);
    assert_eq!((ran.status, ran.stdout.len(), ran.stderr.lines().count()), (4, 0, 1));
    assert!(ran.stderr.contains("not written over"), "{}", ran.stderr);
    assert_eq!(std::fs::read(&other).unwrap(), std::fs::read(&source).unwrap());
    assert_eq!(testkit::names(dir.path()), ["Data.fs", "stats.html"], "no draft is left");
    // A link stays one, and the page that it leads to is the new one.
    let link = dir.path().join("link.html");
    std::os::unix::fs::symlink("stats.html", &link).unwrap();
    std::fs::write(&page, std::fs::read_to_string(&page).unwrap().replace("samplemod", "old")).unwrap();
    run(&args!["stats", &source, "--html", &link]).expect_success();
    assert!(link.is_symlink() && std::fs::read_to_string(&page).unwrap().contains("samplemod.Thing"));
    let nowhere = run(&args!["stats", &source, "--html", dir.path().join("no/such/page.html")]);
    assert_eq!((nowhere.status, nowhere.stderr.lines().count()), (1, 1), "{}", nowhere.stderr);
}

/// A review found it: behind an object that could not be read, all was told to be garbage, with status 0.
#[test]
fn where_not_all_can_be_read_what_a_pack_frees_is_at_most_so_much() {
    for (name, unreadable_count) in [("refs-broken.fs", 1), ("bad-tlen.fs", 0)] {
        let path = data("samples").join(name);
        let ran = run(&args!["stats", "--json", &path]);
        assert_eq!((ran.status, number(&summary(&ran)["unreadable"])), (3, unreadable_count), "{name}");
        for line in [args!["stats", &path].to_vec(), args!["refs", "--garbage", &path].to_vec()] {
            let ran = run(&line);
            let text = String::from_utf8(ran.stdout).unwrap();
            assert!(
                ran.status == 3 && text.contains("at most ") && text.contains("cannot be read"),
                "{text}"
            );
        }
    }
}
