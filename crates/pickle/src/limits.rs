//! How much one pickle may cost.

/// Upper bounds for loading one pickle.
///
/// Worst case memory is about
/// `2 * max_total_len + 8 * max_opcode_count + 100 * max_node_count` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one string, of one line of a text opcode, or of one name.
    pub max_string_len: u64,
    /// Values in the tree; also the depth of the stack and the entries of the memo.
    pub max_node_count: usize,
    /// Bytes of the pickle itself, and bytes of all strings held.
    pub max_total_len: u64,
    /// Opcodes executed.
    pub max_opcode_count: u64,
}

impl Default for Limits {
    /// 128 MiB of pickle, 64 MiB for one string, 2^22 values, 2^25 opcodes.
    ///
    /// An index of an old form can have about 2 million objects then.
    fn default() -> Self {
        Self {
            max_string_len: 64 << 20,
            max_node_count: 1 << 22,
            max_total_len: 128 << 20,
            max_opcode_count: 1 << 25,
        }
    }
}
