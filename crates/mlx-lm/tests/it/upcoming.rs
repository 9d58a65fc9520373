//! Tokens of images in a cache: positions that leap, and tokens that see each other both ways.

use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype};
use mlx_lm::cache::{KvCache, LayerCache, Mask, Upcoming};
use mlx_nn::Places;
use mlx_testkit::{Tolerance, assert_close};

fn places(positions: &[i32]) -> Places {
    Places::new(Array::from_slice(positions, [1, 1, positions.len() as i32]).unwrap()).unwrap()
}

/// Queries, keys and values of so many tokens of one head.
fn heads(length: i32, seed: u64) -> [Array; 3] {
    let keys = Key::new(seed).unwrap().split_into(3).unwrap();
    let draw = |key: &Key| random::normal([1, 1, length, 4], Dtype::Float32, key).unwrap();
    [draw(&keys[0]), draw(&keys[1]), draw(&keys[2])]
}

fn push(cache: &mut KvCache, length: i32) -> Array {
    let [q, k, v] = heads(length, length as u64);
    cache.layers().next().unwrap().attend(&q, &k, &v, 1.0, &Mask::causal()).unwrap()
}

/// Where the next two tokens of each text stand.
fn next(cache: &mut KvCache) -> Vec<i32> {
    cache.layers().next().unwrap().offset().positions(2).unwrap().to_vec().unwrap()
}

/// Two tokens of text, an image of four at positions of their own, and one token more.
fn with_image() -> KvCache {
    let mut cache = KvCache::full(1);
    push(&mut cache, 2);
    let positions = Some((places(&[2, 2, 3, 3]), 4));
    cache.expect(Upcoming { positions, ..Upcoming::default() }).unwrap();
    push(&mut cache, 4);
    push(&mut cache, 1);
    cache
}

#[test]
fn text_goes_on_where_an_image_says_and_back_where_it_was_before() {
    let mut cache = with_image();
    assert_eq!(cache.offset(), 7);
    assert_eq!(next(&mut cache), [5, 6]);
    cache.trim(1).unwrap();
    assert_eq!(next(&mut cache), [4, 5]);
    cache.trim(4).unwrap();
    assert_eq!(next(&mut cache), [2, 3]);
}

#[test]
fn what_came_behind_an_image_is_forgotten_with_it() {
    let mut cache = with_image();
    cache.trim(5).unwrap();
    push(&mut cache, 9);
    assert_eq!(next(&mut cache), [11, 12]);
    cache.trim(1).unwrap();
    assert_eq!(next(&mut cache), [10, 11]);
}

#[test]
fn a_cache_goes_back_to_text_between_images_of_one_pass() {
    let mut cache = KvCache::full(1);
    // Text at 0, an image of three tokens, text at 3 and 4, an image of two, and text at 7.
    let axes = [[0, 1, 1, 1, 3, 4, 5, 5, 7], [0, 1, 2, 1, 3, 4, 5, 5, 7], [0, 1, 1, 2, 3, 4, 5, 6, 7]];
    let positions = Places::new(Array::from_slice(axes.as_flattened(), [3, 1, 9]).unwrap()).unwrap();
    cache.expect(Upcoming { positions: Some((positions, 8)), ..Upcoming::default() }).unwrap();
    push(&mut cache, 9);
    assert_eq!(next(&mut cache), [8, 9]);
    cache.trim(3).unwrap();
    assert_eq!(next(&mut cache), [5, 6]);
    push(&mut cache, 6);
    assert_eq!(next(&mut cache), [11, 12]);
    cache.trim(7).unwrap();
    assert_eq!(next(&mut cache), [4, 5]);
    cache.trim(4).unwrap();
    assert_eq!(next(&mut cache), [1, 2]);
}

#[test]
fn a_rollback_leaps_back() {
    let mut cache = with_image();
    let checkpoint = cache.checkpoint(8);
    let positions = Some((places(&[5, 9]), 20));
    cache.expect(Upcoming { positions, ..Upcoming::default() }).unwrap();
    push(&mut cache, 2);
    assert_eq!(next(&mut cache), [20, 21]);
    cache.rollback(checkpoint, 0).unwrap();
    assert_eq!(next(&mut cache), [5, 6]);
}

#[test]
fn each_text_of_a_batch_leaps_by_itself() {
    let (mut image, mut text) = (with_image(), KvCache::full(1));
    push(&mut text, 3);
    let mut both = KvCache::merge([&image, &text]).unwrap();
    assert_eq!(next(&mut both), [5, 6, 3, 4]);
    assert_eq!(next(&mut both.filter(&[1]).unwrap()), [3, 4]);
    assert_eq!(next(&mut both.extract(0).unwrap()), next(&mut image));
    both.extend(&image).unwrap();
    assert_eq!(next(&mut both), [5, 6, 3, 4, 5, 6]);
}

#[test]
fn a_file_keeps_where_text_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.safetensors");
    let mut cache = with_image();
    cache.save(&path, "tag").unwrap();
    let mut loaded = KvCache::load(&path, "tag", &KvCache::full(1)).unwrap();
    assert_eq!(next(&mut loaded), next(&mut cache));
    loaded.trim(5).unwrap();
    assert_eq!(next(&mut loaded), [2, 3]);
}

#[test]
fn tokens_together_see_each_other_whatever_the_rule() {
    for (layer, mask, window) in
        [(LayerCache::full(), Mask::causal(), 100), (LayerCache::sliding(3), Mask::sliding(3), 3)]
    {
        let mut cache = KvCache::new([layer]);
        cache.expect(Upcoming { together: vec![1..4, 5..7], ..Upcoming::default() }).unwrap();
        let [q, k, v] = heads(8, 9);
        let found = cache.layers().next().unwrap().attend(&q, &k, &v, 1.0, &mask).unwrap();
        let sees = |q: i32, k: i32| {
            let block = |range: std::ops::Range<i32>| range.contains(&q) && range.contains(&k);
            (k <= q && q - k < window) || block(1..4) || block(5..7)
        };
        let seen: Vec<bool> = (0..8).flat_map(|q| (0..8).map(move |k| sees(q, k))).collect();
        let seen = Mask::from(Array::from_slice(&seen, [8, 8]).unwrap());
        let expected = LayerCache::full().attend(&q, &k, &v, 1.0, &seen).unwrap();
        let [found, expected] = [found, expected].map(|array| array.to_vec::<f32>().unwrap());
        assert_close(&found, &expected, Tolerance::F32);
        // It counts for one pass.
        let [q, k, v] = heads(1, 3);
        let mut plain = KvCache::new([cache.layers().next().unwrap().clone()]);
        let [a, b] = [&mut cache, &mut plain]
            .map(|cache| cache.layers().next().unwrap().attend(&q, &k, &v, 1.0, &mask).unwrap());
        assert_eq!(a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap());
    }
}

#[test]
fn what_does_not_fit_the_tokens_is_refused() {
    let mut cache = KvCache::full(1);
    cache.expect(Upcoming { positions: Some((places(&[0, 0]), 1)), ..Upcoming::default() }).unwrap();
    let [q, k, v] = heads(3, 1);
    let error = cache.layers().next().unwrap().attend(&q, &k, &v, 1.0, &Mask::causal()).unwrap_err();
    assert!(error.to_string().contains("3 tokens came where 2 have positions"), "{error}");
    let text = with_image();
    let mut both = KvCache::merge([&text, &text]).unwrap();
    let error = both.expect(Upcoming::default()).unwrap_err();
    assert!(error.to_string().contains("before it joins others"), "{error}");
    assert!(Places::new(Array::from([1, 2])).is_err());
    assert!(Places::new(Array::zeros([2, 1, 3], Dtype::Int32).unwrap()).is_err());
    assert!(Places::new(Array::zeros([3, 1, 3], Dtype::Float32).unwrap()).is_err());
}
