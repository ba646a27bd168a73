//! The inert tree a pickle is turned into.

use std::ops::Range;

/// Names a value of the [`Pickle`] it was taken from; means nothing to any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle(u32);

/// One value of a [`Pickle`], children as handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'p> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A byte string: `bytes` of Python 3, `str` of Python 2.
    Bytes(&'p [u8]),
    /// A text string.
    Text(&'p str),
    /// A tuple.
    Tuple(&'p [Handle]),
    /// A list.
    List(&'p [Handle]),
    /// Keys and values of a dict in the order they were set; keys may repeat.
    Dict(&'p [[Handle; 2]]),
    /// The name of a class or function. It is never looked up.
    Global {
        /// Dotted name of the module.
        module: &'p str,
        /// Name inside the module.
        name: &'p str,
    },
    /// What a call would have made. Nothing is ever called.
    Object {
        /// The class or function.
        callable: Handle,
        /// Its arguments.
        args: Handle,
        /// The state the object was given after the call, if any.
        state: Option<Handle>,
    },
}

impl Value<'_> {
    /// The kind of value in words, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an int",
            Self::Bytes(_) => "a byte string",
            Self::Text(_) => "a text string",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::Global { .. } => "a global name",
            Self::Object { .. } => "an object",
        }
    }
}

/// One loaded pickle: a graph of values, possibly with cycles.
#[derive(Debug)]
pub struct Pickle {
    pub(crate) arena: Arena,
    pub(crate) root: Handle,
}

impl Pickle {
    /// The value that was pickled.
    #[must_use]
    pub fn root(&self) -> Handle {
        self.root
    }

    /// The value behind a handle of this pickle; [`Value::None`] for a foreign one.
    #[must_use]
    pub fn value(&self, handle: Handle) -> Value<'_> {
        self.arena.value(handle)
    }

    /// Position of the opcode that made the value, in bytes from the start of the stream.
    #[must_use]
    pub fn pos(&self, handle: Handle) -> u64 {
        self.arena.nodes.get(handle.0 as usize).map_or(0, |(pos, _)| *pos)
    }

    /// Module and name of the class of an object, if `handle` is one.
    ///
    /// **Source:** Python's `copyreg`: protocols 0 and 1 make an object by a call of
    /// `copy_reg._reconstructor(class, base, state)` or `copy_reg.__newobj__(class, ...)`.
    #[must_use]
    pub fn class_name(&self, handle: Handle) -> Option<(&str, &str)> {
        let Value::Object { callable, args, .. } = self.value(handle) else {
            return None;
        };
        let Value::Global { module, name } = self.value(callable) else {
            return None;
        };
        if !matches!((module, name), ("copy_reg" | "copyreg", "_reconstructor" | "__newobj__")) {
            return Some((module, name));
        }
        let Value::Tuple([class, ..]) = self.value(args) else {
            return None;
        };
        match self.value(*class) {
            Value::Global { module, name } => Some((module, name)),
            _ => None,
        }
    }
}

/// A value as it is stored; strings are ranges of the arena's two pools.
#[derive(Debug)]
pub(crate) enum Node {
    None,
    Bool(bool),
    Int(i64),
    Bytes(Range<usize>),
    Text(Range<usize>),
    Tuple(Vec<Handle>),
    List(Vec<Handle>),
    Dict(Vec<[Handle; 2]>),
    /// Module and name with LF between, which neither can contain.
    Global(Range<usize>),
    Object {
        callable: Handle,
        args: Handle,
        state: Option<Handle>,
    },
}

/// All values of one pickle, each with the position of its opcode.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    pub(crate) nodes: Vec<(u64, Node)>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: String,
}

impl Arena {
    /// Adds a node; none if the handles are used up.
    pub(crate) fn push(&mut self, pos: u64, node: Node) -> Option<Handle> {
        let handle = Handle(u32::try_from(self.nodes.len()).ok()?);
        self.nodes.push((pos, node));
        Some(handle)
    }

    pub(crate) fn node_mut(&mut self, handle: Handle) -> Option<&mut Node> {
        self.nodes.get_mut(handle.0 as usize).map(|(_, node)| node)
    }

    /// Where the letters of a text string are.
    pub(crate) fn text_range(&self, handle: Handle) -> Option<Range<usize>> {
        match self.nodes.get(handle.0 as usize) {
            Some((_, Node::Text(range))) => Some(range.clone()),
            _ => None,
        }
    }

    /// Bytes of all strings.
    pub(crate) fn string_len(&self) -> u64 {
        self.bytes.len() as u64 + self.text.len() as u64
    }

    pub(crate) fn value(&self, handle: Handle) -> Value<'_> {
        let Some((_, node)) = self.nodes.get(handle.0 as usize) else {
            return Value::None;
        };
        match node {
            Node::None => Value::None,
            Node::Bool(value) => Value::Bool(*value),
            Node::Int(value) => Value::Int(*value),
            Node::Bytes(range) => Value::Bytes(self.bytes.get(range.clone()).unwrap_or_default()),
            Node::Text(range) => Value::Text(self.text_of(range)),
            Node::Tuple(items) => Value::Tuple(items),
            Node::List(items) => Value::List(items),
            Node::Dict(items) => Value::Dict(items),
            Node::Global(range) => {
                let (module, name) = self.text_of(range).split_once('\n').unwrap_or_default();
                Value::Global { module, name }
            }
            Node::Object { callable, args, state } => {
                Value::Object { callable: *callable, args: *args, state: *state }
            }
        }
    }

    fn text_of(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }
}
