//! Numbers for the names of classes, which occur again and again.

use pickle::record::ClassName;
use std::collections::HashMap;

/// The classes that were met, numbered from 0 on.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    numbers: HashMap<ClassName<'static>, u32>,
    names: Vec<ClassName<'static>>,
    /// That of the class before: many objects of one class stand together.
    last: u32,
}

impl Classes {
    /// The number of a class, a new one if it was not met before.
    pub(crate) fn number(&mut self, name: ClassName<'_>) -> u32 {
        if usize::try_from(self.last).ok().and_then(|at| self.names.get(at)) == Some(&name) {
            return self.last;
        }
        self.last = self.find_or_add(name);
        self.last
    }

    fn find_or_add(&mut self, name: ClassName<'_>) -> u32 {
        if let Some(number) = find(&self.numbers, &name) {
            return number;
        }
        // There are not more than bytes in the file, and no file has 2^32 classes: what would be one more is the last.
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name = name.into_owned();
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    /// The numbers that the classes of `other` have here.
    pub(crate) fn adopt(&mut self, other: Classes) -> Vec<u32> {
        other.names.into_iter().map(|name| self.number(name)).collect()
    }

    /// The names, in the order of the numbers.
    pub(crate) fn names(&self) -> &[ClassName<'static>] {
        &self.names
    }
}

/// Finds a name that is borrowed for less than those that are held.
fn find<'n>(numbers: &HashMap<ClassName<'n>, u32>, name: &ClassName<'n>) -> Option<u32> {
    numbers.get(name).copied()
}
