//! JSON.md has the fields of every line.

use super::lines::{Line, RARE, lines};
use std::collections::{BTreeMap, BTreeSet};

/// What every line has.
pub(super) const COMMON: [&str; 2] = ["message_type", "schema_version"];

/// What JSON.md says.
pub(super) struct Documented {
    /// The fields of each kind of line that a verb gives; those of `drill` that are not of other verbs.
    pub(super) fields: BTreeMap<(String, String), BTreeSet<String>>,
    /// Those of the findings of `check`, whose types have a chapter of their own.
    pub(super) findings: BTreeSet<String>,
    /// The types of those.
    pub(super) finding_kinds: BTreeSet<String>,
}

impl Documented {
    pub(super) fn read() -> Documented {
        let text = std::fs::read_to_string(testkit::root().join("docs/JSON.md")).unwrap();
        let mut fields = fields_of_table(&text);
        for (verb, kind, like) in [
            ("history", "record", "dump"),
            ("restore", "plan", "restore"),
            ("hold", "tags", "tag"),
            ("unhold", "tags", "tag"),
        ] {
            let kind_there = if kind == "plan" { "restored" } else { kind };
            let same = fields[&(like.to_owned(), kind_there.to_owned())].clone();
            fields.insert((verb.to_owned(), kind.to_owned()), same);
        }
        // Its lines are those of three other verbs, and two of its own.
        fields.remove(&("drill".to_owned(), "finding".to_owned()));
        let findings = fields.remove(&("check".to_owned(), "finding".to_owned())).unwrap();
        let chapter = text.split("## The findings of `check`").nth(1).unwrap();
        let finding_kinds = chapter.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Documented { fields, findings, finding_kinds }
    }

    /// The verb and the type under which the table has a line, if it has it; findings of `check` stand elsewhere.
    pub(super) fn place(&self, line: &Line) -> Option<(String, String)> {
        let key = |verb: &str| (verb.to_owned(), line.kind().to_owned());
        let own = key(line.verb());
        if self.fields.contains_key(&own) || line.verb() != "drill" {
            return self.fields.contains_key(&own).then_some(own);
        }
        let fields = told_fields(line);
        ["check", "refs", "restore"].map(key).into_iter().find(|key| self.fields.get(key) == Some(&fields))
    }
}

/// The fields of each kind of line that a verb gives, by the table.
fn fields_of_table(text: &str) -> BTreeMap<(String, String), BTreeSet<String>> {
    let code = |cell: &str| {
        // What stands in brackets says something of the field before it.
        let outside: String =
            cell.split('(').map(|part| part.split_once(')').map_or(part, |(_, rest)| rest)).collect();
        outside.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows = rows.filter_map(|(verb, rest)| Some((verb, rest.split_once(" | ")?)));
    rows.map(|(verb, (kind, fields))| {
        let kind = code(kind).pop().unwrap_or_else(|| "finding".to_owned());
        ((verb.to_owned(), kind), code(fields).into_iter().collect())
    })
    .collect()
}

fn told_fields(line: &Line) -> BTreeSet<String> {
    line.fields.keys().filter(|key| !COMMON.contains(&key.as_str())).cloned().collect()
}

#[test]
fn every_field_of_every_line_is_documented_and_no_other() {
    let documented = Documented::read();
    let mut seen = BTreeSet::new();
    for line in lines() {
        let mut fields = told_fields(&line);
        if let Some(key) = documented.place(&line) {
            assert_eq!(fields, documented.fields[&key], "{}", line.command);
            seen.insert(key);
        } else {
            let (kind, command) = (line.kind(), line.command);
            let is_check = ["check", "drill"].contains(&line.verb());
            assert!(
                is_check && documented.finding_kinds.contains(kind),
                "{command}: {kind} is not documented"
            );
            fields.insert("end_pos".to_owned());
            assert_eq!(fields, documented.findings, "{command}");
        }
    }
    let never: Vec<_> = documented.fields.keys().filter(|key| !seen.contains(*key)).collect();
    let all = documented.fields.len();
    assert!(never.iter().all(|(_, kind)| RARE.contains(&kind.as_str())) && all > 30, "{never:?} of {all}");
}
