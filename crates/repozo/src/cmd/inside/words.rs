//! What several verbs tell in the same words.

use super::log::status;
use crate::cmd::json_line::json_line;
use crate::report::one_line;
use crate::ui::time::utc;
use filestorage::{Metadata, TransactionHeader};
use inspect::LostSpan;
use serde_json::{Value, json};

/// One line for people: bytes between the transactions that cannot be read.
pub(super) fn lost_text(lost: &LostSpan) -> String {
    one_line(&format!("{lost} cannot be read: {}", lost.cause))
}

/// The same for programs.
pub(super) fn lost_json(lost: &LostSpan) -> Value {
    json_line("lost", json!({ "pos": lost.pos, "end_pos": lost.end_pos, "message": lost.cause.to_string() }))
}

/// A transaction for programs, without what is in it.
pub(super) fn transaction_json(header: &TransactionHeader, metadata: &Metadata) -> Value {
    json_line(
        "transaction",
        json!({
            "tid": header.tid.to_string(),
            "time": utc(header.tid),
            "pos": header.pos,
            "len": header.len,
            "status": status(header.status),
            "user": String::from_utf8_lossy(&metadata.user),
            "description": String::from_utf8_lossy(&metadata.description),
        }),
    )
}
