//! Any index into a small array, read and set, against a model that walks the places one by one.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mlx_core::{Array, Index, Slice};
use mlx_core_fuzz::Number;

#[derive(Arbitrary, Debug)]
struct Case {
    shape: [u8; 3],
    rank: u8,
    entries: Vec<Entry>,
}

#[derive(Arbitrary, Debug)]
enum Entry {
    At(Number),
    Slice { start: Option<Number>, stop: Option<Number>, step: Number },
    Take(Vec<Number>),
    NewAxis,
    Ellipsis,
}

impl Entry {
    fn index(&self) -> Index {
        match self {
            Self::At(place) => Index::At(place.get()),
            Self::Slice { start, stop, step } => Index::Slice(Slice {
                start: start.map(Number::get),
                stop: stop.map(Number::get),
                step: step.get(),
            }),
            Self::Take(places) => {
                let places: Vec<i32> = places.iter().take(4).map(|place| place.get()).collect();
                Index::Take(Array::from_slice(&places, [places.len() as i32]).unwrap())
            }
            Self::NewAxis => Index::NewAxis,
            Self::Ellipsis => Index::Ellipsis,
        }
    }
}

fuzz_target!(|case: Case| {
    let shape: Vec<i32> =
        case.shape.iter().take(usize::from(case.rank % 4)).map(|length| i32::from(length % 5)).collect();
    let values: Vec<i32> = (0..shape.iter().product()).collect();
    let array = Array::from_slice(&values, &shape).unwrap();
    let entries = &case.entries[..case.entries.len().min(6)];
    let index = || entries.iter().map(Entry::index).collect::<Vec<_>>();
    let Ok(found) = array.index(index()) else { return };
    let Some((lengths, expected)) = model(&shape, &values, entries) else { return };
    assert_eq!((found.shape(), found.to_vec::<i32>().unwrap()), (&lengths[..], expected.clone()));
    let changed = array.at(index()).set(-1).unwrap().to_vec::<i32>().unwrap();
    let replaced = values.iter().map(|value| if expected.contains(value) { -1 } else { *value });
    assert_eq!(changed, replaced.collect::<Vec<_>>());
});

/// The shape and the values of a valid index without arrays.
fn model(shape: &[i32], values: &[i32], entries: &[Entry]) -> Option<(Vec<i32>, Vec<i32>)> {
    if entries.iter().any(|entry| matches!(entry, Entry::Take(_))) {
        return None;
    }
    let used = entries.iter().filter(|entry| matches!(entry, Entry::At(_) | Entry::Slice { .. })).count();
    let (mut lengths, mut offsets, mut axis) = (Vec::new(), vec![0], 0);
    let mut walk = |places: Vec<i32>, axis: usize| {
        let stride: i32 = shape[axis + 1..].iter().product();
        offsets =
            offsets.iter().flat_map(|base| places.iter().map(move |place| base + place * stride)).collect();
    };
    let all = Entry::Slice { start: None, stop: None, step: Number::Near(1) };
    let missing = std::iter::repeat_n(&all, shape.len() - used);
    let at = entries.iter().position(|entry| matches!(entry, Entry::Ellipsis)).unwrap_or(entries.len());
    let (before, after) = entries.split_at(at);
    for entry in before.iter().chain(missing).chain(after.iter().skip(1)) {
        match entry {
            Entry::At(place) => {
                let place = place.get();
                walk(vec![if place < 0 { place + shape[axis] } else { place }], axis);
                axis += 1;
            }
            Entry::Slice { start, stop, step } => {
                let places = range(start.map(Number::get), stop.map(Number::get), step.get(), shape[axis]);
                lengths.push(places.len() as i32);
                walk(places, axis);
                axis += 1;
            }
            _ => lengths.push(1),
        }
    }
    Some((lengths, offsets.iter().map(|&offset| values[offset as usize]).collect()))
}

/// The places of Python's `slice(start, stop, step)` on an axis.
fn range(start: Option<i32>, stop: Option<i32>, step: i32, length: i32) -> Vec<i32> {
    let (length, step) = (i64::from(length), i64::from(step));
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let bound = |value: Option<i32>, open: i64| match value.map(i64::from) {
        Some(value) => (if value < 0 { value + length } else { value }).clamp(low, high),
        None => open,
    };
    let (first, last) = if step > 0 { (low, high) } else { (high, low) };
    let (mut place, stop) = (bound(start, first), bound(stop, last));
    let mut places = Vec::new();
    while (step > 0 && place < stop) || (step < 0 && place > stop) {
        places.push(place as i32);
        place += step;
    }
    places
}
