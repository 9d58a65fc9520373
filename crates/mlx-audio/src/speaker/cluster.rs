//! Clusters of vectors, by the mean distance of their members.

/// Two clusters that become one.
///
/// Vectors are the clusters 0, 1 and so on; the first merge makes the cluster behind the last vector, each merge one more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Merge {
    /// The two, the smaller number first.
    pub clusters: [usize; 2],
    /// The mean distance between a vector of one and a vector of the other.
    pub distance: f32,
    /// Vectors in both together.
    pub size: usize,
}

/// How vectors become one cluster, from the nearest to the farthest: agglomerative clustering with average linkage over
/// `1 - cosine` of vectors of length 1.
///
/// By chains of nearest neighbours: Murtagh, "A Survey of Recent Advances in Hierarchical Clustering Algorithms". Time and
/// memory grow with the square of the number of vectors.
pub fn linkage(vectors: &[Vec<f32>]) -> Vec<Merge> {
    let mut distances = Distances::new(vectors);
    let (mut chain, mut merges) = (Vec::new(), Vec::new());
    while merges.len() + 1 < vectors.len() {
        let Some(&top) = chain.last() else {
            chain.extend(distances.first());
            continue;
        };
        let before = chain.len().checked_sub(2).and_then(|at| chain.get(at).copied());
        let Some((nearest, distance)) = distances.nearest(top, before) else { break };
        if before == Some(nearest) {
            chain.truncate(chain.len() - 2);
            distances.merge(top, nearest);
            merges.push((top, nearest, distance));
        } else {
            chain.push(nearest);
        }
    }
    merges.sort_by(|a, b| a.2.total_cmp(&b.2));
    numbered(&merges, vectors.len())
}

/// The number of each vector's cluster, in order of appearance, after the merges that `accept` is true for.
pub(super) fn labels(vectors: usize, merges: &[Merge], accept: impl Fn(usize, &Merge) -> bool) -> Vec<usize> {
    let mut parents: Vec<usize> = (0..vectors + merges.len()).collect();
    let merges = merges.iter().enumerate().filter(|(at, merge)| accept(vectors - at, merge));
    for (at, merge) in merges {
        for cluster in merge.clusters {
            if let Some(parent) = parents.get_mut(cluster) {
                *parent = vectors + at;
            }
        }
    }
    let mut names = Vec::new();
    let mut name = |vector: usize| {
        let root = root(&parents, vector);
        names.iter().position(|&known| known == root).unwrap_or_else(|| {
            names.push(root);
            names.len() - 1
        })
    };
    (0..vectors).map(&mut name).collect()
}

fn root(parents: &[usize], mut at: usize) -> usize {
    // A cluster's number is less than that of what it is merged into.
    while let Some(&parent) = parents.get(at).filter(|&&parent| parent > at) {
        at = parent;
    }
    at
}

/// Merges of vectors that stand for their clusters, as merges of clusters.
fn numbered(merges: &[(usize, usize, f32)], vectors: usize) -> Vec<Merge> {
    let mut parents: Vec<usize> = (0..vectors + merges.len()).collect();
    let mut sizes = vec![1; vectors];
    let mut numbered = Vec::with_capacity(merges.len());
    for (at, &(one, other, distance)) in merges.iter().enumerate() {
        let mut clusters = [root(&parents, one), root(&parents, other)];
        clusters.sort_unstable();
        let size = clusters.iter().filter_map(|&cluster| sizes.get(cluster)).sum();
        sizes.push(size);
        for cluster in clusters {
            if let Some(parent) = parents.get_mut(cluster) {
                *parent = vectors + at;
            }
        }
        numbered.push(Merge { clusters, distance, size });
    }
    numbered
}

/// The distances between clusters, of which each is called by one of its vectors.
struct Distances {
    rows: Vec<Vec<f32>>,
    /// How many vectors each has; 0 for what was merged into another.
    sizes: Vec<usize>,
}

impl Distances {
    fn new(vectors: &[Vec<f32>]) -> Self {
        let distance = |a: &Vec<f32>, b: &Vec<f32>| 1.0 - a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let row = |a: &Vec<f32>| vectors.iter().map(|b| distance(a, b)).collect();
        Self { rows: vectors.iter().map(row).collect(), sizes: vec![1; vectors.len()] }
    }

    fn first(&self) -> Option<usize> {
        self.sizes.iter().position(|&size| size > 0)
    }

    /// The nearest cluster to another; `preferred` if none is nearer.
    fn nearest(&self, to: usize, preferred: Option<usize>) -> Option<(usize, f32)> {
        let row = self.rows.get(to)?;
        let start = preferred.and_then(|at| Some((at, *row.get(at)?)));
        let others = row.iter().zip(&self.sizes).enumerate().filter(|&(at, (_, &size))| at != to && size > 0);
        others.fold(start, |best, (at, (&distance, _))| match best {
            Some((_, least)) if least.total_cmp(&distance).is_le() => best,
            _ => Some((at, distance)),
        })
    }

    /// Makes one cluster of two, under the name of the first (Lance and Williams' formula for means).
    fn merge(&mut self, kept: usize, gone: usize) {
        let size = |at: usize| self.sizes.get(at).copied().unwrap_or_default();
        let (a, b) = (size(kept), size(gone));
        let Some(other) = self.rows.get_mut(gone).map(std::mem::take) else { return };
        let mut row = self.rows.get_mut(kept).map(std::mem::take).unwrap_or_default();
        for (to, from) in row.iter_mut().zip(other) {
            *to = (a as f32 * *to + b as f32 * from) / (a + b) as f32;
        }
        for (of, &distance) in self.rows.iter_mut().zip(&row) {
            if let Some(to) = of.get_mut(kept) {
                *to = distance;
            }
        }
        for (at, row) in [(kept, row), (gone, Vec::new())] {
            if let Some(to) = self.rows.get_mut(at) {
                *to = row;
            }
        }
        for (at, size) in [(kept, a + b), (gone, 0)] {
            if let Some(to) = self.sizes.get_mut(at) {
                *to = size;
            }
        }
    }
}
