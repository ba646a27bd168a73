//! The figures of a database as one page with plots, which needs nothing else.

use super::{pack_text, percent, plot, share, total_text, unread_text};
use crate::ui::figures::{bytes, count};
use inspect::{ClassStats, Histogram, Stats};
use maud::{Markup, PreEscaped, html};

/// By this a page of ours is known, so that nothing else is overwritten.
pub(super) const MARK: &str = "<!DOCTYPE html><html lang=\"en\" data-by=\"repozo stats\">";

/// Classes that are shown one by one.
const CLASSES_COUNT: usize = 40;

const STYLE: &str = "
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1d2733; background: #fff }
h1 { font-size: 1.4rem; margin-bottom: .2rem; overflow-wrap: anywhere } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem }
p { margin: .2rem 0 } svg { width: 100%; height: auto } svg text { font-family: system-ui, sans-serif }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid #e3e8ee; white-space: nowrap }
th { font-weight: 600; color: #5a6878 } th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: normal; overflow-wrap: anywhere }
.bar { display: flex; height: .4rem; margin-top: .15rem } .now { background: #2f6fb2 } .old { background: #b9cfe6 }
.key { display: inline-block; width: .8rem; height: .8rem; vertical-align: -.08rem; margin: 0 .3rem 0 .8rem }
tr.all td { font-weight: 600 } .note { color: #5a6878 }
";

/// The page of a database that is called `name`.
pub(super) fn of(name: &str, stats: &Stats) -> String {
    let body = html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width";
            title { "repozo stats: " (name) }
            style { (PreEscaped(STYLE)) }
        }
        body {
            h1 { (name) }
            p { (total_text(stats)) }
            p { (pack_text(stats)) }
            @if let Some(text) = unread_text(stats) { p { b { (text) } } }
            h2 { "Growth" }
            p.note { "What the file has of each day, summed up. What packs removed is not there any more." }
            (plotted(&plot::growth(&stats.days)))
            h2 { "Bytes by class" }
            (classes(stats))
            (lengths("Transactions by length", &stats.transaction_lens))
            (lengths("Objects by length of their data", &stats.object_lens))
        }
    };
    format!("{MARK}{}</html>\n", body.into_string())
}

fn plotted(svg: &Option<String>) -> Markup {
    html! {
        @match svg {
            Some(svg) => (PreEscaped(svg)),
            None => p { "There is nothing to be plotted." },
        }
    }
}

fn lengths(title: &str, lens: &Histogram) -> Markup {
    html! {
        h2 { (title) }
        (plotted(&plot::lengths(lens)))
    }
}

fn classes(stats: &Stats) -> Markup {
    let largest_len = stats.classes.first().map_or(0, |class| class.revisions.len);
    let rest = stats.classes.len().saturating_sub(CLASSES_COUNT);
    html! {
        p.note {
            span.key.now {} "what the objects are now"
            span.key.old {} "old revisions"
        }
        table {
            tr {
                th { "class" } th { "objects" } th { "revisions" } th { "now" } th { "old" } th { "a pack frees" } th { }
            }
            @for class in stats.classes.iter().take(CLASSES_COUNT) {
                (row(&class.class, class, Some(largest_len)))
            }
            @if rest > 0 {
                (row(&format!("{} more", count(rest as u64)), &stats.smaller_than(CLASSES_COUNT), None))
            }
            tr.all { (cells(&html! { "all" }, &stats.all)) }
        }
    }
}

fn row(name: &str, class: &ClassStats, largest_len: Option<u64>) -> Markup {
    let width = |len, whole| format!("width: {:.2}%", share(len, whole) * 100.0);
    let first = html! {
        (name)
        @if let Some(largest_len) = largest_len {
            div.bar {
                div.now style=(width(class.objects.len, largest_len)) {}
                div.old style=(width(class.historic_len(), largest_len)) {}
            }
        }
    };
    html! { tr { (cells(&first, class)) } }
}

fn cells(first: &Markup, class: &ClassStats) -> Markup {
    html! {
        td { (first) }
        td { (count(class.objects.count)) }
        td { (count(class.revisions.count)) }
        td { (bytes(class.objects.len)) }
        td { (bytes(class.historic_len())) }
        td { (bytes(class.freed_len())) }
        td { (percent(class.freed_len(), class.revisions.len)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inspect::Amount;

    /// Names come from the database, which may be anybody's.
    #[test]
    fn no_name_becomes_markup() {
        let class = "<script>alert(1)</script>&.\"'";
        let amount = Amount { count: 1, len: 100 };
        let bad = ClassStats {
            class: class.to_owned(),
            revisions: amount,
            objects: amount,
            ..ClassStats::default()
        };
        let stats = Stats { classes: vec![bad.clone()], all: bad, source_len: 104, ..Stats::default() };
        let page = of("/srv/<b>.fs", &stats);
        assert!(
            page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;.")
                && page.contains("/srv/&lt;b&gt;.fs")
        );
        assert!(!page.contains("<script") && !page.contains("<b>.fs"));
        assert!(page.starts_with(MARK));
    }

    #[test]
    fn of_an_empty_database_there_is_a_page_too() {
        let page = of("Data.fs", &Stats { source_len: 4, ..Stats::default() });
        assert_eq!(page.matches("There is nothing to be plotted.").count(), 3);
    }
}
