//! What is done with vectors: fewer bytes, and search.

use mlx_core::Array;
use mlx_embed::coding::{Coding, ranges};
use mlx_embed::search::{Hit, Similarity, search};

fn coded<T: mlx_core::Element>(coding: Coding, vectors: &Array, ranges: Option<&Array>) -> Vec<T> {
    coding.code(vectors, ranges).unwrap().to_vec().unwrap()
}

#[test]
fn bytes_are_steps_between_the_ranges_of_elements() {
    // As `quantize_embeddings` of sentence-transformers, but for an element that is always the same.
    let vectors = Array::from([[0.0_f32, -1.0, 5.0], [1.0, 1.0, 5.0], [0.3, 0.25, 5.0]]);
    assert_eq!(coded::<u8>(Coding::Uint8, &vectors, None), [0, 0, 0, 254, 254, 0, 76, 159, 0]);
    assert_eq!(coded::<i8>(Coding::Int8, &vectors, None), [-128, -128, -128, 126, 126, -128, -52, 31, -128]);
    let of_all = ranges(&vectors).unwrap();
    assert_eq!(of_all.to_vec::<f32>().unwrap(), [0.0, -1.0, 5.0, 1.0, 1.0, 5.0]);
    let beyond = Array::from([[9.0_f32, -9.0, 5.0]]);
    assert_eq!(coded::<u8>(Coding::Uint8, &beyond, Some(&of_all)), [255, 0, 0]);
}

#[test]
fn signs_fill_bytes_from_the_highest_bit() {
    let vectors = Array::from([[1.0_f32, -1.0, 0.5, 0.0, 2.0, 2.0, -3.0, 1.0]]);
    assert_eq!(coded::<u8>(Coding::Ubinary, &vectors, None), [0b1010_1101]);
    assert_eq!(coded::<i8>(Coding::Binary, &vectors, None), [45]);
    let error = Coding::Binary.code(&Array::from([[1.0_f32; 7]]), None).unwrap_err().to_string();
    assert!(error.contains("dimensions is 7"), "{error}");
    let error = Coding::Int8.code(&vectors, Some(&Array::from([[1.0_f32]]))).unwrap_err().to_string();
    assert!(error.contains("the ranges of vectors of 8 elements are [2, 8]"), "{error}");
}

#[test]
fn names_are_those_of_sentence_transformers() {
    for (name, coding) in Coding::NAMES {
        assert_eq!(name.parse(), Ok(coding));
    }
    assert!("int4".parse::<Coding>().unwrap_err().contains("none of float32, int8"));
}

#[test]
fn the_closest_are_found_in_order() {
    let vectors = Array::from([[1.0_f32, 0.0], [0.0, 2.0], [3.0, 3.0], [-1.0, 0.0], [2.0, 0.0]]);
    let query = Array::from([[1.0_f32, 0.0]]);
    let found = |k, similarity| search(&query, &vectors, k, similarity).unwrap().remove(0);
    let places = |hits: &[Hit]| hits.iter().map(|hit| hit.index).collect::<Vec<_>>();
    assert_eq!(places(&found(3, Similarity::Cosine)), [0, 4, 2]);
    assert_eq!(places(&found(2, Similarity::Dot)), [2, 4]);
    let all = found(9, Similarity::Euclidean);
    assert_eq!(places(&all), [0, 4, 3, 1, 2]);
    assert_eq!(all.iter().map(|hit| hit.score).collect::<Vec<_>>()[..3], [0.0, -1.0, -2.0]);
    assert!(found(0, Similarity::Dot).is_empty());
    let error = search(&Array::from([[1.0_f32]]), &vectors, 1, Similarity::Dot).unwrap_err().to_string();
    assert!(error.contains("the vectors that are searched have 2 elements"), "{error}");
}

#[test]
fn long_lists_are_searched_in_parts() {
    let count = (1 << 16) + 5;
    let vectors = Array::arange(0..count).unwrap().reshape([count, 1]).unwrap();
    let found = search(&Array::from([[1.0_f32], [-1.0]]), &vectors, 2, Similarity::Dot).unwrap();
    let places: Vec<Vec<_>> = found.iter().map(|hits| hits.iter().map(|hit| hit.index).collect()).collect();
    assert_eq!(places, [vec![count as usize - 1, count as usize - 2], vec![0, 1]]);
    let last = (1 << 16) - 1;
    let only = vectors.equal(last).unwrap().astype(mlx_core::Dtype::Float32).unwrap();
    let found = search(&Array::from([[1.0_f32]]), &only, 1, Similarity::Dot).unwrap();
    assert_eq!(found, [[Hit { index: last as usize, score: 1.0 }]]);
}
