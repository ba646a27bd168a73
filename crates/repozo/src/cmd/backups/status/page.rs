//! The state of a repository as one page, which needs nothing else.

use super::as_text;
use super::facts::Facts;
use crate::cmd::desk::Desk;
use crate::ui::time::{of_stamp, seconds};
use classic::Stamp;
use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};
use std::path::Path;

/// By this a page of ours is known, so that nothing else is overwritten.
pub(super) const MARK: &str = "<!DOCTYPE html><html lang=\"en\" data-by=\"repozo status\">";

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5a6878; --line: #dde3ea; --ground: #fff; --full: #2f6fb2; --more: #9dbfe2; --bad: #b3261e; --good: #1e7d45 }
@media (prefers-color-scheme: dark) { :root { --ink: #dfe6ee; --soft: #94a3b5; --line: #2c3744; --ground: #12181f; --full: #7db4ea; --more: #44739f; --bad: #ff8a80; --good: #6fd39b } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 50rem; padding: 0 1rem; color: var(--ink); background: var(--ground) }
h1 { font-size: 1.25rem; margin: 0 0 .5rem; overflow-wrap: anywhere } p { margin: .25rem 0; overflow-wrap: anywhere }
.verdict { font-weight: 600; color: var(--good) } .verdict.bad, .problem { color: var(--bad) } .label { color: var(--soft) } .time { white-space: nowrap }
.problem { border-left: .2rem solid; padding-left: .6rem } .problem .label { color: inherit }
svg { width: 100%; height: 4.5rem; margin-top: 1rem; display: block } .axis { stroke: var(--line) }
.full { fill: var(--full) } .more { fill: var(--more) } .ends { display: flex; justify-content: space-between }
.ends, .note { color: var(--soft); font-size: .85rem } .keys span + span { margin-left: 1rem }
.key { display: inline-block; width: .7rem; height: .7rem; margin-right: .35rem; border-radius: .1rem }
";

/// The page of the repository in `dir`.
pub(super) fn of(dir: &Path, facts: &Facts, desk: &Desk<'_>) -> String {
    let text = as_text(facts, desk);
    let is_well = facts.problems.is_empty();
    let body = html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            title { "repozo status: " (dir.display()) }
            style { (PreEscaped(STYLE)) }
        }
        body {
            h1 { (dir.display()) }
            p.verdict.bad[!is_well] { @if is_well { "All is well." } @else { "Something is wrong." } }
            @for line in text.lines() {
                p.problem[line.starts_with("problem: ")] { (labelled(line)) }
            }
            (timeline(facts, desk))
            p.note { "As of " (seconds(desk.now.timestamp(), &desk.now.zone)) "." }
        }
    };
    format!("{MARK}{}</html>\n", body.into_string())
}

/// A line, and apart from it what it is about.
fn labelled(line: &str) -> Markup {
    let (label, value) = line.split_at(line.find(": ").map_or(0, |pos| pos + 2));
    html! { @if !label.is_empty() { span.label { (label) } } (kept_together(value)) }
}

/// A text whose days are not torn from their hours at the end of a line.
fn kept_together(text: &str) -> Markup {
    let is_day = |word: &str| word.len() == 10 && word.as_bytes()[4] == b'-';
    let mut words = text.split(' ').peekable();
    html! {
        @while let Some(word) = words.next() {
            @if is_day(word) && words.peek().is_some() {
                span.time { (word) " " (words.next().unwrap_or_default()) }
            } @else { (word) }
            @if words.peek().is_some() { " " }
        }
    }
}

/// Every backup at its time, from the first one to now; fulls are taller.
fn timeline(facts: &Facts, desk: &Desk<'_>) -> Markup {
    const WIDTH: f64 = 1000.0;
    let second = |stamp: Stamp| Timestamp::try_from(stamp.time()?).ok().map(|time| time.as_second());
    let moments: Vec<(i64, bool)> =
        facts.moments.iter().filter_map(|(stamp, is_full)| Some((second(*stamp)?, *is_full))).collect();
    let (Some((first, _)), Some((first_stamp, _))) = (moments.first().copied(), facts.moments.first()) else {
        return html! {};
    };
    let end = desk.now.timestamp().as_second().max(moments.last().map_or(first, |last| last.0));
    #[expect(clippy::cast_precision_loss, reason = "seconds of some years")]
    let x = |time: i64| (time - first) as f64 / (end - first).max(1) as f64 * (WIDTH - 6.0);
    html! {
        svg viewBox="0 0 1000 72" preserveAspectRatio="none" role="img" aria-label="backups along time" {
            line.axis x1="0" x2="1000" y1="71" y2="71" {}
            // Fulls are drawn last, so that none is hidden.
            @for (time, is_full) in moments.iter().filter(|(_, is_full)| !is_full).chain(moments.iter().filter(|(_, is_full)| *is_full)) {
                @let (top, height) = if *is_full { (4, 66) } else { (36, 34) };
                rect.full[*is_full].more[!*is_full] x=(format!("{:.1}", x(*time))) y=(top) width="5" height=(height) rx="1" {}
            }
        }
        div.ends { span { (of_stamp(*first_stamp, &desk.now.zone)) } span { "now" } }
        p.note.keys {
            span { i.key style="background: var(--full)" {} "full" }
            span { i.key style="background: var(--more)" {} "increment" }
        }
    }
}
