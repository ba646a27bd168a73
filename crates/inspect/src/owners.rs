use crate::Error;
use crate::data::DataReader;
use crate::objects::Objects;
use filestorage::Oid;
use pickle::record::{ClassName, RecordScanner, Reference};
use std::collections::BTreeSet;
use std::sync::Arc;
use vfs::ReadAt;

/// The class of the first object that refers to each of `oids`, which are in order; `None` where none does.
///
/// Memory: the index, about 7 bytes an object, and 16 bytes for each of `oids`.
///
/// # Errors
/// Where nothing looks like a database, and where it cannot be read.
pub fn owners(source: &dyn ReadAt, oids: &[Oid]) -> Result<Vec<Option<Arc<str>>>, Error> {
    let mut owners: Vec<Option<Arc<str>>> = vec![None; oids.len()];
    let mut classes: BTreeSet<Arc<str>> = BTreeSet::new();
    let objects = Objects::of(source, &mut |_| Ok(()))?;
    objects.look_at_current(
        source,
        |found: &mut Found, met| {
            let Ok(Some(bytes)) = found.reader.read(met)? else { return Ok(()) };
            let (old_count, owned) = (found.owned.len(), &mut found.owned);
            // What cannot be read is told by `refs`.
            let _ = found.scanner.scan(bytes, &mut |reference| {
                if let Reference::Strong { oid, .. } = reference {
                    owned.extend(oids.binary_search(&Oid::from_be_bytes(oid)).ok().map(|at| (at, None)));
                }
            });
            if found.owned.len() > old_count {
                let class: Arc<str> = ClassName::of_record(bytes).to_string().into();
                found.owned[old_count..].iter_mut().for_each(|(_, owner)| *owner = Some(Arc::clone(&class)));
            }
            Ok(())
        },
        |found| {
            for (at, class) in found.owned.into_iter().filter_map(|(at, class)| Some((at, class?))) {
                let class = classes.get(&class).cloned().unwrap_or_else(|| {
                    classes.insert(Arc::clone(&class));
                    class
                });
                owners[at].get_or_insert(class);
            }
            Ok(())
        },
    )?;
    Ok(owners)
}

/// What was found in one span: which of the oids, and the class that refers to it.
#[derive(Default)]
struct Found {
    reader: DataReader,
    scanner: RecordScanner,
    owned: Vec<(usize, Option<Arc<str>>)>,
}
