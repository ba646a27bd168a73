/// Where an opcode stands in the data; no record is longer than this can say.
type At = u32;
/// No place.
const NOWHERE: At = u32::MAX;

/// A value on the stack, as far as it can be or become a reference. What it holds stays in the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// Nothing that a reference is made of.
    Other,
    /// A list, whatever is in it.
    List,
    /// A byte string or text: its opcode.
    String(At),
    /// A class: its opcode.
    Global(At),
    /// A tuple that can be a reference, or the name of a class in one.
    Tuple(Few),
}

/// The strings that a tuple begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Few {
    first: At,
    second: At,
    third: At,
}

impl Item {
    /// A value made by the opcode at `pos`.
    pub(super) fn string(pos: usize) -> Item {
        u32::try_from(pos).map_or(Item::Other, Item::String)
    }

    /// The class named by the opcode at `pos`.
    pub(super) fn global(pos: usize) -> Item {
        u32::try_from(pos).map_or(Item::Other, Item::Global)
    }

    /// A tuple of these.
    pub(super) fn tuple(items: &[Item]) -> Item {
        let place = |item: Option<&Item>| match item {
            Some(Item::String(at) | Item::Global(at)) => *at,
            _ => NOWHERE,
        };
        let (second, third) = match items.get(1) {
            // The old form: (oid, (module, name)).
            Some(Item::Tuple(name)) => (name.first, name.second),
            item => (place(item), NOWHERE),
        };
        Item::Tuple(Few { first: place(items.first()), second, third })
    }

    /// The kind of value in words, for messages.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Item::Other => "another value",
            Item::List => "a list",
            Item::String(_) => "a string",
            Item::Global(_) => "a global name",
            Item::Tuple(_) => "a tuple",
        }
    }
}

impl Few {
    /// The opcode of the first string.
    pub(super) fn oid_at(self) -> Option<usize> {
        place(self.first)
    }

    /// The opcode of what names the class, and of the name if that stands apart.
    pub(super) fn class_at(self) -> Option<(usize, Option<usize>)> {
        Some((place(self.second)?, place(self.third)))
    }
}

fn place(at: At) -> Option<usize> {
    (at != NOWHERE).then(|| usize::try_from(at).ok()).flatten()
}
