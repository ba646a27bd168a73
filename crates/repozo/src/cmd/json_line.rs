use serde_json::{Value, json};

/// The version of what `--json` gives, see `docs/JSON.md`.
const SCHEMA_VERSION: u32 = 1;

/// One line for programs: its type and its other fields.
pub(crate) fn json_line(message_type: &str, mut fields: Value) -> Value {
    fields["message_type"] = json!(message_type);
    fields["schema_version"] = json!(SCHEMA_VERSION);
    fields
}
