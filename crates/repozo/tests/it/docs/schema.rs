//! The JSON Schema says what JSON.md says, and every line is as it says.

use super::json::{COMMON, Documented};
use super::lines::lines;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn schema() -> Value {
    let text = std::fs::read_to_string(testkit::root().join("docs/repozo.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The definitions of lines, in the order in which the schema tries them.
fn definitions(schema: &Value) -> Vec<String> {
    let all = schema["anyOf"].as_array().unwrap().iter();
    all.map(|one| one["$ref"].as_str().unwrap().strip_prefix("#/$defs/").unwrap().to_owned()).collect()
}

/// The definition of a line: that of the verb's own, or that which several verbs share.
fn definition_of(schema: &Value, verb: &str, kind: &str) -> Option<String> {
    [format!("{verb}-{kind}"), kind.to_owned()].into_iter().find(|name| schema["$defs"].get(name).is_some())
}

fn required(definition: &Value) -> BTreeSet<&str> {
    definition["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn the_schema_has_what_the_table_of_lines_has() {
    let (schema, documented) = (schema(), Documented::read());
    let mut used = BTreeSet::from(["check-finding".to_owned()]);
    for ((verb, kind), fields) in &documented.fields {
        let name = definition_of(&schema, verb, kind).unwrap_or_else(|| panic!("{verb}: {kind}"));
        let definition = &schema["$defs"][&name];
        assert_eq!(definition["properties"]["message_type"], json!({ "const": kind }), "{name}");
        let expected: BTreeSet<&str> = fields.iter().map(String::as_str).chain(COMMON).collect();
        assert_eq!(required(definition), expected, "{verb}: {name}");
        used.insert(name);
    }
    let finding = &schema["$defs"]["check-finding"];
    let kinds: BTreeSet<String> =
        serde_json::from_value(finding["properties"]["message_type"]["enum"].clone()).unwrap();
    assert_eq!(kinds, documented.finding_kinds);
    let mut fields = required(finding);
    fields.insert("end_pos");
    assert_eq!(fields, documented.findings.iter().map(String::as_str).chain(COMMON).collect());
    let defined = definitions(&schema);
    assert_eq!(defined.iter().cloned().collect::<BTreeSet<_>>(), used, "what no verb gives");
    for name in defined {
        let definition = &schema["$defs"][&name];
        assert_eq!(definition["properties"]["schema_version"], json!({ "const": 1 }), "{name}");
        assert!(definition.get("additionalProperties").is_none(), "{name}: fields may come");
        let described: BTreeSet<&str> =
            definition["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert!(required(definition).is_subset(&described), "{name}");
    }
}

/// A validator of the whole schema, and one of each definition.
fn validators(schema: &Value) -> (jsonschema::Validator, BTreeMap<String, jsonschema::Validator>) {
    let build = |schema: &Value| {
        assert!(jsonschema::meta::is_valid(schema));
        jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap()
    };
    let of = |name: String| {
        let one = json!({ "$schema": schema["$schema"], "$ref": format!("#/$defs/{name}"), "$defs": schema["$defs"] });
        (name, build(&one))
    };
    (build(schema), definitions(schema).into_iter().map(of).collect())
}

#[test]
fn every_line_of_every_verb_is_as_the_schema_says() {
    let (schema, documented) = (schema(), Documented::read());
    let (whole, each) = validators(&schema);
    for line in lines() {
        let name = match documented.place(&line) {
            Some((verb, kind)) => definition_of(&schema, &verb, &kind).unwrap(),
            None => "check-finding".to_owned(),
        };
        let value = Value::Object(line.fields.clone());
        let wrong: Vec<String> = each[&name]
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}: {name}: {wrong:?} in {value}", line.command);
        assert!(whole.is_valid(&value), "{value}");
    }
}

#[test]
fn the_schema_lets_fields_come_and_none_go() {
    let (whole, _) = validators(&schema());
    let line = json!({ "message_type": "problem", "schema_version": 1, "message": "text" });
    let with = |key: &str, value: Value| {
        let mut line = line.clone();
        line[key] = value;
        line
    };
    assert!(whole.is_valid(&line));
    assert!(whole.is_valid(&with("new", json!(true))));
    assert!(!whole.is_valid(&with("schema_version", json!(2))));
    assert!(!whole.is_valid(&with("message", json!(null))));
    let mut less = line.clone();
    less.as_object_mut().unwrap().remove("message");
    assert!(!whole.is_valid(&less));
}
