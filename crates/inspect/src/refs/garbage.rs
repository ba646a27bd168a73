use super::RefsFinding;
use crate::classes::Classes;
use crate::links::{Links, LinksPart};
use crate::{Amount, Error};

/// What is needed to find what the root does not lead to.
#[derive(Default)]
pub(super) struct Garbage {
    classes: Classes,
    links: Links,
}

impl Garbage {
    /// Adds what is in one span.
    ///
    /// # Errors
    /// Where there is more of it than can be held.
    pub(super) fn add(&mut self, classes: Classes, links: LinksPart) -> Result<(), Error> {
        let numbers = self.classes.adopt(classes);
        self.links.add(links, numbers)
    }

    /// Tells it class by class, most bytes first; all of it together.
    ///
    /// # Errors
    /// Those of `each`.
    pub(super) fn tell(
        self,
        each: &mut dyn FnMut(RefsFinding) -> Result<(), Error>,
    ) -> Result<Amount, Error> {
        let mut all = Amount::default();
        let amounts = self.links.unreachable();
        let mut found: Vec<_> =
            self.classes.names().iter().zip(amounts).filter(|(_, amount)| amount.count > 0).collect();
        found.sort_by(|a, b| b.1.len.cmp(&a.1.len).then_with(|| a.0.cmp(b.0)));
        for (class, amount) in found {
            all += amount;
            each(RefsFinding::Unreachable { class: class.to_string(), amount })?;
        }
        Ok(all)
    }
}
