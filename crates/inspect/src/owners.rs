use crate::Error;
use crate::classes::Classes;
use crate::data::DataReader;
use crate::objects::Objects;
use filestorage::Oid;
use pickle::record::{ClassName, RecordScanner, Reference};
use vfs::ReadAt;

/// The classes of those that refer to some objects.
pub struct Owners {
    classes: Classes,
    /// For each object that was asked for the number of a class.
    numbers: Vec<Option<u32>>,
}

impl Owners {
    /// The class of the first object that refers to the one at this place of those that were asked for; `None` where none does.
    pub fn class(&self, at: usize) -> Option<String> {
        let number = usize::try_from(self.numbers[at]?).ok()?;
        self.classes.names().get(number).map(ToString::to_string)
    }
}

/// Finds for each of `oids`, which are in order, the first object that refers to it.
///
/// Memory: the index, about 7 bytes an object, and 8 bytes for each of `oids`.
///
/// # Errors
/// Where nothing looks like a database, and where it cannot be read.
pub fn owners(source: &dyn ReadAt, oids: &[Oid]) -> Result<Owners, Error> {
    let mut owners = Owners { classes: Classes::default(), numbers: vec![None; oids.len()] };
    let objects = Objects::of(source, &mut |_| Ok(()))?;
    objects.look_at_current(
        source,
        |found: &mut Found, met| {
            let Ok(Some(bytes)) = found.reader.read(met)? else { return Ok(()) };
            let mut owned = Vec::new();
            // What cannot be read is told by `refs`.
            let _ = found.scanner.scan(bytes, &mut |reference| {
                if let Reference::Strong { oid, .. } = reference {
                    owned.extend(oids.binary_search(&Oid::from_be_bytes(oid)));
                }
            });
            if !owned.is_empty() {
                let number = found.classes.number(ClassName::of_record(bytes));
                found.owned.extend(owned.into_iter().map(|at| (at, number)));
            }
            Ok(())
        },
        |found| {
            let numbers = owners.classes.adopt(found.classes);
            for (at, number) in found.owned {
                owners.numbers[at].get_or_insert(numbers[number as usize]);
            }
            Ok(())
        },
    )?;
    Ok(owners)
}

/// What was found in one span.
#[derive(Default)]
struct Found {
    reader: DataReader,
    scanner: RecordScanner,
    classes: Classes,
    /// The place of each object that is referred to, and the class of what refers to it.
    owned: Vec<(usize, u32)>,
}
