use super::image::Image;
use super::operation::{Operation, Survival};

/// A disk at the moment of a cut: what lasts, and what may have survived of the rest.
#[derive(Debug, Clone)]
pub struct Wreck {
    durable: Image,
    pending: Vec<Operation>,
}

impl Wreck {
    /// What `operations`, done on `start`, leave when the power goes behind the last of them.
    pub(super) fn new(start: &Image, operations: &[Operation]) -> Wreck {
        let mut wreck = Wreck { durable: start.clone(), pending: Vec::new() };
        for operation in operations {
            wreck.add(operation);
        }
        wreck
    }

    fn add(&mut self, operation: &Operation) {
        match operation {
            Operation::Put { .. } => operation.apply(&mut self.durable, Survival::Whole),
            Operation::Sync { .. } | Operation::SyncDir { .. } | Operation::SyncAll => {
                let (lasts, pending): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending)
                    .into_iter()
                    .partition(|other| operation.makes_last(other));
                self.pending = pending;
                for other in lasts {
                    other.apply(&mut self.durable, Survival::Whole);
                }
            }
            _ => self.pending.push(operation.clone()),
        }
    }

    /// How many operations may have survived or not.
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The disk of a program that was killed, on a machine that went on: everything that it did.
    pub fn after_a_kill(&self) -> Image {
        self.image(|_, _| Survival::Whole)
    }

    /// Disks that the cut may leave: all combinations of what may have happened to each pending operation, where
    /// they are no more than `limit`, else everything, nothing, and samples that `seed` chooses. Some may be equal.
    pub fn outcomes(&self, limit: usize, seed: u64) -> Vec<Image> {
        let survivals: Vec<Vec<Survival>> = self.pending.iter().map(Operation::survivals).collect();
        let combination_count =
            survivals.iter().try_fold(1_usize, |count, some| count.checked_mul(some.len()));
        match combination_count.filter(|count| *count <= limit) {
            Some(count) => (0..count).map(|number| self.combination(&survivals, number)).collect(),
            None => self.samples(limit, seed),
        }
    }

    /// The combination of that number, a digit for each operation.
    fn combination(&self, survivals: &[Vec<Survival>], mut number: usize) -> Image {
        self.image(|at, _| {
            let digit = number % survivals[at].len();
            number /= survivals[at].len();
            survivals[at][digit]
        })
    }

    pub(super) fn samples(&self, limit: usize, seed: u64) -> Vec<Image> {
        let mut random = fastrand::Rng::with_seed(seed);
        let extremes = [Survival::Lost, Survival::Whole].into_iter().take(limit);
        let mut images: Vec<Image> = extremes.map(|survival| self.image(|_, _| survival)).collect();
        while images.len() < limit {
            images.push(self.image(|_, operation| operation.any_survival(&mut random)));
        }
        images
    }

    fn image(&self, mut survival: impl FnMut(usize, &Operation) -> Survival) -> Image {
        let mut image = self.durable.clone();
        for (at, operation) in self.pending.iter().enumerate() {
            operation.apply(&mut image, survival(at, operation));
        }
        image.forget_nameless();
        image
    }
}
