use super::scanner::{lines, string_at};
use crate::{Limits, Pickle, PickleReader, Value, opcode as op};
use std::borrow::Cow;
use std::fmt;

/// Enough for the names of a class; what a class is made with besides may be longer.
const CLASS_LIMITS: Limits = Limits {
    max_string_len: 1 << 16,
    max_node_count: 1 << 12,
    max_total_len: 1 << 20,
    max_opcode_count: 1 << 14,
};

/// The name of a class as bytes of any encoding; both parts empty where it is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ClassName<'d> {
    /// Dotted name of the module.
    pub module: Cow<'d, [u8]>,
    /// Name inside the module.
    pub name: Cow<'d, [u8]>,
}

impl<'d> ClassName<'d> {
    /// The class of the object whose record's data this is, as ZODB's tools tell it: without loading anything.
    ///
    /// Empty where the class is given otherwise, as by a reference, or cannot be read.
    pub fn of_record(data: &'d [u8]) -> ClassName<'d> {
        let rest = match data {
            [op::PROTO, _, rest @ ..] => rest,
            _ => data,
        };
        let names = match rest {
            [op::MARK, op::GLOBAL, names @ ..] | [op::GLOBAL, names @ ..] => names,
            _ => return Self::in_tuple(data).unwrap_or_default(),
        };
        lines(names).map_or_else(Self::default, |(module, name, _)| Self::of(module, name))
    }

    /// Whether it is that of blobs; subclasses of it do not exist.
    ///
    /// **Source:** `ZODB.blob.is_blob_record` of ZODB 6.4.
    pub fn is_blob(&self) -> bool {
        *self.module == *b"ZODB.blob" && *self.name == *b"Blob"
    }

    pub(super) fn of(module: &'d [u8], name: &'d [u8]) -> ClassName<'d> {
        ClassName { module: Cow::Borrowed(module), name: Cow::Borrowed(name) }
    }

    /// Of a reference: named by the opcode at `pos`, or by that and a string at `name_pos`.
    pub(super) fn at(data: &'d [u8], pos: usize, name_pos: Option<usize>) -> Option<ClassName<'d>> {
        if let [op::GLOBAL, names @ ..] = data.get(pos..)? {
            let (module, name, _) = lines(names)?;
            return Some(Self::of(module, name));
        }
        Some(ClassName { module: string_at(data, pos)?, name: string_at(data, name_pos?)? })
    }

    /// ((module, name), arguments), as records of persistent classes begin. None, which tests write, is printed.
    fn in_tuple(data: &[u8]) -> Option<ClassName<'static>> {
        let pickle = PickleReader::new(data).load(&CLASS_LIMITS).ok()?;
        let first = match pickle.value(pickle.root()) {
            Value::None => {
                return Some(ClassName { module: b"None".as_slice().into(), name: Cow::default() });
            }
            Value::Tuple([first, ..]) => *first,
            _ => return None,
        };
        let Value::Tuple([module, name]) = pickle.value(first) else { return None };
        let text = |pickle: &Pickle, handle| match pickle.value(handle) {
            Value::Text(text) => Some(Cow::Owned(text.as_bytes().to_vec())),
            Value::Bytes(bytes) => Some(Cow::Owned(bytes.to_vec())),
            _ => None,
        };
        Some(ClassName { module: text(&pickle, *module)?, name: text(&pickle, *name)? })
    }

    /// The same, holding its bytes itself.
    pub fn into_owned(self) -> ClassName<'static> {
        ClassName { module: Cow::Owned(self.module.into_owned()), name: Cow::Owned(self.name.into_owned()) }
    }
}

impl fmt::Display for ClassName<'_> {
    /// `module.name`, what is not UTF-8 replaced; a lone `.` where it is not known, as in ZODB's tools.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", String::from_utf8_lossy(&self.module), String::from_utf8_lossy(&self.name))
    }
}
