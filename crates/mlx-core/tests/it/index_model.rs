//! Random shapes and indices, read and changed, against NumPy's rules as loops over coordinates.

use mlx_core::{Array, Dtype, Index, Result, Slice, Update};

/// A small generator: the same cases in each run.
struct Random(u64);

impl Random {
    /// A number below `end`.
    fn below(&mut self, end: i32) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i32::try_from((self.0 >> 33) % u64::try_from(end).unwrap()).unwrap()
    }

    fn between(&mut self, first: i32, end: i32) -> i32 {
        first + self.below(end - first)
    }

    fn one_in(&mut self, count: i32) -> bool {
        self.below(count) == 0
    }
}

/// An entry of an index as data.
#[derive(Clone, Debug)]
enum Entry {
    At(i32),
    Slice(Slice),
    Places(Vec<i32>, Vec<i32>),
    New,
    Ellipsis,
}

impl Entry {
    fn is_advanced(&self) -> bool {
        matches!(self, Self::At(_) | Self::Places(..))
    }

    fn index(&self, random: &mut Random) -> Index {
        match self {
            Self::At(place) => Index::At(*place),
            Self::Slice(slice) => Index::Slice(*slice),
            Self::New => Index::NewAxis,
            Self::Ellipsis => Index::Ellipsis,
            Self::Places(shape, places) if shape.len() == 1 && random.one_in(3) => {
                Index::List(places.clone())
            }
            Self::Places(shape, places) => {
                let wide: Vec<i64> = places.iter().map(|&place| place.into()).collect();
                let narrow: Vec<i8> = places.iter().map(|&place| i8::try_from(place).unwrap()).collect();
                Index::Take(match random.below(3) {
                    0 => Array::from_slice(places, shape).unwrap(),
                    1 => Array::from_slice(&wide, shape).unwrap(),
                    _ => Array::from_slice(&narrow, shape).unwrap(),
                })
            }
        }
    }
}

/// A shape that broadcasts to `shape`.
fn narrowed(shape: &[i32], random: &mut Random) -> Vec<i32> {
    let from = usize::try_from(random.below(i32::try_from(shape.len()).unwrap() + 1)).unwrap();
    shape[from..].iter().map(|&length| if random.one_in(4) { 1 } else { length }).collect()
}

fn size(shape: &[i32]) -> i32 {
    shape.iter().product()
}

fn random_slice(length: i32, random: &mut Random) -> Slice {
    let bound = |random: &mut Random| match random.below(3) {
        0 => None,
        _ => Some(random.between(-length - 2, length + 3)),
    };
    let (start, stop) = (bound(random), bound(random));
    Slice { start, stop, step: [1, 1, 1, 2, 3, -1, -2][usize::try_from(random.below(7)).unwrap()] }
}

fn random_entries(shape: &[i32], random: &mut Random) -> Vec<Entry> {
    let block: Vec<i32> = (0..random.below(3)).map(|_| random.between(1, 4)).collect();
    let mut entries = Vec::new();
    let axes = if random.one_in(2) { shape.len() } else { narrowed(shape, random).len() };
    for &length in &shape[..axes] {
        entries.push(match random.below(if length == 0 { 1 } else { 4 }) {
            0 => Entry::Slice(random_slice(length, random)),
            1 => Entry::At(random.between(-length, length)),
            _ => {
                let shape = narrowed(&block, random);
                let places = (0..size(&shape)).map(|_| random.between(-length, length)).collect();
                Entry::Places(shape, places)
            }
        });
    }
    for _ in 0..[0, 0, 1, 2][usize::try_from(random.below(4)).unwrap()] {
        let at = random.below(i32::try_from(entries.len()).unwrap() + 1);
        entries.insert(usize::try_from(at).unwrap(), Entry::New);
    }
    if axes == shape.len() && random.one_in(4) {
        let at = random.below(i32::try_from(entries.len()).unwrap() + 1);
        entries.insert(usize::try_from(at).unwrap(), Entry::Ellipsis);
    }
    entries
}

/// The places of Python's slice, by trying each.
fn places_of(slice: Slice, length: i32) -> Vec<i32> {
    let from_end = |bound: i32| if bound < 0 { bound + length } else { bound };
    let up = slice.step > 0;
    let first = match slice.start.map(from_end) {
        Some(start) if up => start.max(0),
        Some(start) => start.min(length - 1),
        None if up => 0,
        None => length - 1,
    };
    let ends = |at: i32| match slice.stop.map(from_end) {
        Some(stop) if up => at >= stop,
        Some(stop) => at <= stop,
        None => false,
    };
    let mut out = Vec::new();
    let mut at = first;
    while (0..length).contains(&at) && !ends(at) {
        out.push(at);
        at += slice.step;
    }
    out
}

/// What makes an axis of the result.
enum Axis {
    Block(usize),
    Range(usize, Vec<i32>),
    New,
}

/// The shape of the part and the place in row-major order of each of its elements.
fn part(shape: &[i32], entries: &[Entry]) -> (Vec<i32>, Vec<usize>) {
    let has_arrays = entries.iter().any(|entry| matches!(entry, Entry::Places(..)));
    let advanced: Vec<usize> =
        (0..entries.len()).filter(|&at| has_arrays && entries[at].is_advanced()).collect();
    let adjacent = advanced.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    let mut block: Vec<i32> = Vec::new();
    for entry in entries {
        if let Entry::Places(shape, _) = entry {
            let rank = block.len().max(shape.len());
            let at = |of: &[i32], axis: usize| (axis + of.len()).checked_sub(rank).map_or(1, |at| of[at]);
            block = (0..rank).map(|axis| at(&block, axis).max(at(shape, axis))).collect();
        }
    }
    let mut axes = Vec::new();
    let push_block = |axes: &mut Vec<Axis>| axes.extend((0..block.len()).map(Axis::Block));
    if has_arrays && !adjacent {
        push_block(&mut axes);
    }
    let mut source = 0;
    let mut fixed: Vec<(usize, &Entry)> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        if adjacent && advanced.first() == Some(&at) {
            push_block(&mut axes);
        }
        match entry {
            Entry::New => axes.push(Axis::New),
            Entry::Ellipsis => {}
            Entry::Slice(slice) => axes.push(Axis::Range(source, places_of(*slice, shape[source]))),
            _ => fixed.push((source, entry)),
        }
        source += usize::from(!matches!(entry, Entry::New | Entry::Ellipsis));
    }
    axes.extend((source..shape.len()).map(|axis| Axis::Range(axis, (0..shape[axis]).collect())));
    let lengths: Vec<i32> = axes
        .iter()
        .map(|axis| match axis {
            Axis::Block(at) => block[*at],
            Axis::Range(_, places) => i32::try_from(places.len()).unwrap(),
            Axis::New => 1,
        })
        .collect();
    let offsets = coordinates(&lengths).map(|at| offset(shape, &axes, &fixed, block.len(), &at)).collect();
    (lengths, offsets)
}

fn offset(shape: &[i32], axes: &[Axis], fixed: &[(usize, &Entry)], block_rank: usize, at: &[i32]) -> usize {
    let mut block = vec![0; block_rank];
    let mut source = vec![0; shape.len()];
    for (axis, &at) in axes.iter().zip(at) {
        match axis {
            Axis::Block(of) => block[*of] = at,
            Axis::Range(of, places) => source[*of] = places[usize::try_from(at).unwrap()],
            Axis::New => {}
        }
    }
    for (axis, entry) in fixed {
        let place = match entry {
            Entry::At(place) => *place,
            Entry::Places(shape, places) => places[broadcast_offset(shape, &block)],
            _ => unreachable!(),
        };
        source[*axis] = if place < 0 { place + shape[*axis] } else { place };
    }
    row_major(shape, &source)
}

fn row_major(shape: &[i32], at: &[i32]) -> usize {
    let flat = shape.iter().zip(at).fold(0, |flat, (length, at)| flat * length + at);
    usize::try_from(flat).unwrap()
}

/// Where a value of `shape` that broadcasts has its element for the coordinates `at`.
fn broadcast_offset(shape: &[i32], at: &[i32]) -> usize {
    let extra = shape.len().saturating_sub(at.len());
    let shape = &shape[extra..];
    let at = &at[at.len() - shape.len()..];
    let inside: Vec<i32> =
        shape.iter().zip(at).map(|(&length, &at)| if length == 1 { 0 } else { at }).collect();
    row_major(shape, &inside)
}

/// All coordinates within `shape`, the last going fastest.
fn coordinates(shape: &[i32]) -> impl Iterator<Item = Vec<i32>> + '_ {
    (0..size(shape)).map(move |mut flat| {
        let mut at = vec![0; shape.len()];
        for (at, length) in at.iter_mut().zip(shape).rev() {
            *at = flat % length;
            flat /= length;
        }
        at
    })
}

fn random_shape(random: &mut Random) -> Vec<i32> {
    let rank = random.below(5);
    (0..rank).map(|_| if random.one_in(12) { 0 } else { random.between(1, 5) }).collect()
}

fn indices(entries: &[Entry], random: &mut Random) -> Vec<Index> {
    entries.iter().map(|entry| entry.index(random)).collect()
}

#[test]
fn any_part_is_the_one_that_numpy_reads() {
    let mut random = Random(1);
    for case in 0..2500 {
        let shape = random_shape(&mut random);
        let entries = random_entries(&shape, &mut random);
        let x = Array::arange(0..size(&shape)).unwrap().reshape(&shape).unwrap();
        let found = x.index(indices(&entries, &mut random)).unwrap();
        let (lengths, offsets) = part(&shape, &entries);
        let expected: Vec<i32> = offsets.iter().map(|&at| i32::try_from(at).unwrap()).collect();
        assert_eq!(found.shape(), lengths, "case {case}: {entries:?} of {shape:?}");
        assert_eq!(found.to_vec::<i32>().unwrap(), expected, "case {case}: {entries:?} of {shape:?}");
    }
}

/// The methods of `At`, and what each does to one element.
const CHANGES: [fn(i32, i32) -> i32; 6] = [
    |_, new| new,
    |old, new| old.wrapping_add(new),
    |old, new| old.wrapping_sub(new),
    |old, new| old.wrapping_mul(new),
    |old, new| old.max(new),
    |old, new| old.min(new),
];

fn change(x: &Array, index: Vec<Index>, value: &Array, which: usize) -> Result<Array> {
    let part = x.at(index);
    match which {
        0 => part.set(value),
        1 => part.add(value),
        2 => part.subtract(value),
        3 => part.multiply(value),
        4 => part.maximum(value),
        _ => part.minimum(value),
    }
}

#[test]
fn any_part_is_changed_where_numpy_changes_it() {
    let mut random = Random(2);
    for case in 0..2500 {
        let shape = random_shape(&mut random);
        let entries = random_entries(&shape, &mut random);
        let (lengths, offsets) = part(&shape, &entries);
        let mut unique = offsets.clone();
        unique.sort_unstable();
        unique.dedup();
        let is_once = unique.len() == offsets.len();
        let which = usize::try_from(random.between(i32::from(!is_once), 6)).unwrap();
        let mut value_shape = narrowed(&lengths, &mut random);
        if value_shape.len() == lengths.len() && random.one_in(3) {
            value_shape.insert(0, 1);
        }
        let values: Vec<i32> = (0..size(&value_shape)).map(|_| random.between(-9, 10)).collect();
        let mut expected: Vec<i32> = (0..size(&shape)).map(|_| random.between(-9, 10)).collect();
        let x = Array::from_slice(&expected, &shape).unwrap();
        let value = Array::from_slice(&values, &value_shape).unwrap();
        let changed = change(&x, indices(&entries, &mut random), &value, which).unwrap();
        for (at, &offset) in coordinates(&lengths).zip(&offsets) {
            let new = values[broadcast_offset(&value_shape, &at)];
            expected[offset] = CHANGES[which](expected[offset], new);
        }
        let context = format!("case {case}, change {which}: {entries:?} of {shape:?} by {value_shape:?}");
        assert_eq!((changed.shape(), changed.to_vec::<i32>().unwrap()), (&shape[..], expected), "{context}");
    }
}

/// Where a block of `size` begins that is asked for at `place` of an axis of `length`.
fn moved(place: i32, length: i32, size: i32) -> i32 {
    let at = if place < 0 { place + length } else { place };
    at.clamp(0, length - size)
}

#[test]
fn any_blocks_are_gathered_and_added_where_they_fit() {
    let mut random = Random(3);
    for case in 0..1000 {
        let rank = random.between(1, 4);
        let shape: Vec<i32> = (0..rank).map(|_| random.between(1, 6)).collect();
        let sizes: Vec<i32> = shape.iter().map(|&length| random.between(1, length + 1)).collect();
        let count = random.below(4);
        let starts: Vec<Option<Vec<i32>>> = shape
            .iter()
            .map(|&length| {
                let has_array = !random.one_in(3);
                has_array.then(|| (0..count).map(|_| random.between(-2 * length, 2 * length)).collect())
            })
            .collect();
        let arrays: Vec<Option<Array>> = starts
            .iter()
            .map(|list| list.as_ref().map(|list| Array::from_slice(list, [count]).unwrap()))
            .collect();
        let places = || (0..).zip(&arrays).filter_map(|(axis, array)| Some((axis, array.as_ref()?)));
        let blocks = if places().next().is_some() { vec![count] } else { vec![] };
        let mut offsets = Vec::new();
        for block in coordinates(&blocks) {
            for inside in coordinates(&sizes) {
                let at: Vec<i32> = (0..shape.len())
                    .map(|axis| {
                        let place =
                            starts[axis].as_ref().map_or(0, |list| list[broadcast_offset(&blocks, &block)]);
                        moved(place, shape[axis], sizes[axis]) + inside[axis]
                    })
                    .collect();
                offsets.push(row_major(&shape, &at));
            }
        }
        let x = Array::arange(0..size(&shape)).unwrap().reshape(&shape).unwrap();
        let found = x.gather(places(), &sizes).unwrap();
        let expected: Vec<i32> = offsets.iter().map(|&at| i32::try_from(at).unwrap()).collect();
        let context = format!("case {case}: blocks of {sizes:?} at {starts:?} of {shape:?}");
        assert_eq!(found.to_vec::<i32>().unwrap(), expected, "{context}");
        let mut sums = vec![0; usize::try_from(size(&shape)).unwrap()];
        (1..).zip(&offsets).for_each(|(new, &at)| sums[at] += new);
        let updates = Array::arange(1..1 + i32::try_from(offsets.len()).unwrap()).unwrap();
        let updates = updates.reshape(found.shape()).unwrap();
        let zeros = Array::zeros(&shape, Dtype::Int32).unwrap();
        let added = zeros.scatter(places(), &updates, Update::Add).unwrap();
        assert_eq!(added.to_vec::<i32>().unwrap(), sums, "{context}");
    }
}
