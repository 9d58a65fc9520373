//! Each kind of cache against attention over everything, with the mask written out.

use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype, Quantization, Quantized, concatenate, fast};
use mlx_lm::cache::{CacheOptions, KvCache, LayerCache, Mask, Scoring};

const TOKENS: i32 = 40;
const SCALE: f32 = 0.2;

/// Queries of four heads, keys and values of two, for every token.
struct Text {
    queries: Array,
    keys: Array,
    values: Array,
}

impl Text {
    fn new(seed: u64, batch: i32, length: i32) -> Self {
        let mut key = Key::new(seed).unwrap();
        let mut draw =
            |heads| random::normal([batch, heads, length, 32], Dtype::Float32, &key.next().unwrap()).unwrap();
        Self { queries: draw(4), keys: draw(2), values: draw(2) }
    }

    fn chunk(&self, start: i32, length: i32) -> [Array; 3] {
        [&self.queries, &self.keys, &self.values]
            .map(|all| all.index((.., .., start..start + length)).unwrap())
    }

    /// What every token should get if it sees those earlier ones that `sees` allows.
    fn expected(&self, sees: impl Fn(i32, i32) -> bool) -> Vec<f32> {
        let tokens = self.queries.dim(2).unwrap();
        let mask: Vec<_> = (0..tokens)
            .flat_map(|q| (0..tokens).map(move |k| (q, k)))
            .map(|(q, k)| k <= q && sees(q, k))
            .collect();
        let mask = Array::from_slice(&mask, [tokens, tokens]).unwrap();
        let mask = fast::Mask::Array(&mask);
        fast::scaled_dot_product_attention(&self.queries, &self.keys, &self.values, SCALE, mask, None)
            .unwrap()
            .to_vec()
            .unwrap()
    }

    /// What every token gets when they come in chunks.
    fn through(&self, layer: &LayerCache, mask: impl Fn() -> Mask, chunks: &[i32]) -> Vec<f32> {
        let (mut layer, mut start, mut all) = (layer.clone(), 0, Vec::new());
        for &length in chunks {
            let [q, k, v] = self.chunk(start, length);
            all.push(layer.attend(&q, &k, &v, SCALE, &mask()).unwrap());
            start += length;
        }
        assert_eq!(start, self.queries.dim(2).unwrap());
        concatenate(&all, 2).unwrap().to_vec().unwrap()
    }
}

fn assert_close(actual: &[f32], expected: &[f32], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    let worst = actual.iter().zip(expected).map(|(a, e)| (a - e).abs()).fold(0.0, f32::max);
    assert!(worst <= 1e-5, "{what} is off by {worst}");
}

fn chunkings() -> Vec<Vec<i32>> {
    vec![
        vec![1; 40],
        vec![40],
        vec![7, 7, 7, 7, 7, 5],
        vec![3, 1, 1, 9, 1, 20, 1, 1, 1, 2],
        vec![12, 12, 1, 15],
    ]
}

fn check(layer: &LayerCache, mask: impl Fn() -> Mask, sees: impl Fn(i32, i32) -> bool, what: &str) {
    let text = Text::new(1, 2, TOKENS);
    let expected = text.expected(sees);
    for chunks in chunkings() {
        assert_close(&text.through(layer, &mask, &chunks), &expected, &format!("{what} by {chunks:?}"));
    }
}

#[test]
fn a_full_layer_sees_all_and_slides_by_rule() {
    check(&LayerCache::full(), Mask::causal, |_, _| true, "full");
    check(&LayerCache::full(), || Mask::sliding(6), |q, k| q - k < 6, "a window of 6");
    check(&LayerCache::full(), || Mask::chunked(8), |q, k| q / 8 == k / 8, "chunks of 8");
}

#[test]
fn a_rotating_layer_sees_the_first_and_the_last_tokens_however_they_come() {
    for (size, keep) in [(8, 0), (1, 0), (8, 3), (5, 4), (30, 4), (39, 0), (40, 0), (41, 2), (300, 4)] {
        let layer = LayerCache::rotating(size, keep).unwrap();
        let sees = |q, k| k < keep || q - k < size - keep;
        check(&layer, Mask::causal, sees, &format!("{size} with the first {keep}"));
        let sees = |q, k| sees(q, k) && q - k < 6;
        check(&layer, || Mask::sliding(6), sees, &format!("a window of 6 in {size} with the first {keep}"));
    }
}

#[test]
fn a_chunked_layer_sees_its_chunk() {
    for size in [1, 5, 8, 39, 64] {
        let layer = LayerCache::chunked(size).unwrap();
        check(&layer, || Mask::chunked(size), |q, k| q / size == k / size, &format!("chunks of {size}"));
    }
}

#[test]
fn rows_keep_their_order_when_the_buffer_grows() {
    let text = Text::new(10, 1, 600);
    for (layer, window) in [
        (LayerCache::full(), 600),
        (LayerCache::sliding(300), 300),
        (LayerCache::sliding(256), 256),
        (quantized(LayerCache::sliding(300), 8, 600), 300),
    ] {
        let expected = text.expected(|q, k| q - k < window);
        let singles = [vec![250], vec![1; 80], vec![270]].concat();
        for chunks in [singles, vec![255, 1, 1, 343], vec![600]] {
            let actual = text.through(&layer, Mask::causal, &chunks);
            assert_close(&actual, &expected, &format!("a window of {window} by {chunks:?}"));
        }
    }
}

#[test]
fn a_reserved_cache_is_made_large_enough_at_once_and_no_larger_than_its_ring() {
    let text = Text::new(11, 1, 600);
    for (layer, rows) in [(LayerCache::full(), 600), (LayerCache::sliding(300), 300)] {
        let mut plain = layer.clone();
        let mut cache = KvCache::new([layer]);
        cache.reserve(600);
        for (start, length) in [(0, 40), (40, 1), (41, 559)] {
            let layer = cache.layers().next().unwrap();
            assert_eq!(run(layer, &text, start, &[length]), run(&mut plain, &text, start, &[length]));
            assert_eq!(cache.nbytes(), rows * 2 * 2 * 32 * 4);
        }
    }
}

#[test]
fn a_rotating_layer_holds_no_more_than_its_size() {
    let text = Text::new(2, 1, 600);
    for (size, keep) in [(8, 3), (300, 4)] {
        for chunks in [vec![600], vec![1; 600], vec![290, 5, 5, 300]] {
            let mut cache = KvCache::new([LayerCache::rotating(size, keep).unwrap()]);
            let mut start = 0;
            for length in chunks {
                let [q, k, v] = text.chunk(start, length);
                let layer = cache.layers().next().unwrap();
                layer.attend(&q, &k, &v, SCALE, &Mask::causal()).unwrap().eval().unwrap();
                start += length;
            }
            assert_eq!(cache.nbytes(), size as usize * 2 * 2 * 32 * 4);
        }
    }
}

fn quantized(layer: LayerCache, bits: i32, start: i32) -> LayerCache {
    let options = CacheOptions {
        kv_bits: Some(bits),
        kv_group_size: 32,
        quantized_kv_start: start,
        ..Default::default()
    };
    KvCache::new([layer]).with(&options).unwrap().layers().next().unwrap().clone()
}

#[test]
fn a_quantized_layer_attends_to_what_its_rows_hold() {
    for bits in [2, 3, 4, 5, 6, 8] {
        let plain = Text::new(3, 2, TOKENS);
        let round = |x: &Array| {
            Quantized::of(x, Quantization::affine(bits, 32))
                .unwrap()
                .dequantize(Some(Dtype::Float32))
                .unwrap()
        };
        let rounded =
            Text { queries: plain.queries.clone(), keys: round(&plain.keys), values: round(&plain.values) };
        for (layer, size, keep) in [
            (LayerCache::full(), i32::MAX, 0),
            (LayerCache::rotating(9, 0).unwrap(), 9, 0),
            (LayerCache::rotating(9, 3).unwrap(), 9, 3),
        ] {
            let expected = rounded.expected(|q, k| k < keep || q - k < size - keep);
            for chunks in chunkings() {
                let actual = plain.through(&quantized(layer.clone(), bits, 0), Mask::causal, &chunks);
                assert_close(&actual, &expected, &format!("{bits} bits of {size} by {chunks:?}"));
            }
        }
        assert_ne!(rounded.expected(|_, _| true), plain.expected(|_, _| true));
    }
}

#[test]
fn a_layer_is_quantized_once_it_is_long_enough() {
    let text = Text::new(4, 1, TOKENS);
    let layer = quantized(LayerCache::full(), 4, 10);
    let chunks = [9, 1, 1, 1, 28];
    let (late, plain) = (
        text.through(&layer, Mask::causal, &chunks),
        text.through(&LayerCache::full(), Mask::causal, &chunks),
    );
    let by_token = |all: Vec<f32>, token: usize| -> Vec<f32> {
        all.chunks(40 * 32).flat_map(|head| head[token * 32..][..32].to_vec()).collect()
    };
    assert_eq!(by_token(late.clone(), 9), by_token(plain.clone(), 9));
    assert_ne!(by_token(late, 10), by_token(plain, 10));
}

#[test]
fn a_soft_cap_and_sinks_are_the_same_step_by_step() {
    let text = Text::new(5, 2, TOKENS);
    let sinks = Array::from([0.5_f32, -1.0, 2.0, 0.0]);
    let run = |softcap, mask: Mask, start| {
        let mut layer = LayerCache::full();
        let [q, k, v] = text.chunk(0, start);
        layer.attend(&q, &k, &v, SCALE, &Mask::causal()).unwrap();
        let [q, k, v] = text.chunk(start, TOKENS - start);
        let scoring = Scoring { scale: SCALE, softcap, sinks: Some(&sinks) };
        layer.attend(&q, &k, &v, scoring, &mask).unwrap().to_vec::<f32>().unwrap()
    };
    for start in [20, 39] {
        for mask in [Mask::causal(), Mask::sliding(7)] {
            let (fused, stepped) = (run(None, mask.clone(), start), run(Some(1e5), mask.clone(), start));
            assert_close(&stepped, &fused, "a cap that is out of reach");
            assert_ne!(run(Some(0.1), mask, start), fused);
        }
    }
}

/// A cache with a layer of each kind, after `chunks`.
fn all_kinds() -> Vec<LayerCache> {
    vec![
        LayerCache::full(),
        LayerCache::rotating(9, 0).unwrap(),
        LayerCache::rotating(9, 3).unwrap(),
        LayerCache::chunked(9).unwrap(),
        quantized(LayerCache::full(), 4, 0),
        quantized(LayerCache::full(), 4, 8),
        quantized(LayerCache::rotating(9, 2).unwrap(), 8, 0),
    ]
}

fn run(layer: &mut LayerCache, text: &Text, start: i32, chunks: &[i32]) -> Vec<f32> {
    let (mut all, mut start) = (Vec::new(), start);
    for &length in chunks {
        let [q, k, v] = text.chunk(start, length);
        all.extend(layer.attend(&q, &k, &v, SCALE, &Mask::causal()).unwrap().to_vec::<f32>().unwrap());
        start += length;
    }
    all
}

#[test]
fn a_cache_rolled_back_continues_bit_by_bit_as_before() {
    let text = Text::new(6, 1, TOKENS);
    for mut layer in all_kinds() {
        run(&mut layer, &text, 0, &[5, 1, 6]);
        let snapshot = layer.clone();
        let once = run(&mut layer, &text, 12, &[1, 1, 10, 1]);
        let mut layer = snapshot;
        assert_eq!(run(&mut layer, &text, 12, &[1, 1, 10, 1]), once);
    }
}

#[test]
fn a_trimmed_cache_continues_as_if_the_tokens_had_never_come() {
    let text = Text::new(7, 1, TOKENS);
    for layer in [
        LayerCache::full(),
        LayerCache::rotating(20, 4).unwrap(),
        LayerCache::chunked(16).unwrap(),
        quantized(LayerCache::full(), 4, 0),
    ] {
        let mut cache = KvCache::new([layer.clone(), layer]);
        let mut short = cache.clone();
        for (cache, chunks) in [(&mut cache, &[5, 1, 4, 6][..]), (&mut short, &[5, 1, 4])] {
            cache.layers().for_each(|layer| drop(run(layer, &text, 0, chunks)));
        }
        assert_eq!(cache.trimmable(), 16);
        cache.trim(6).unwrap();
        assert_eq!(cache.offset(), 10);
        for (trimmed, short) in cache.layers().zip(short.layers()) {
            assert_eq!(run(trimmed, &text, 10, &[1, 3, 9]), run(short, &text, 10, &[1, 3, 9]));
        }
    }
}

#[test]
fn what_cannot_be_taken_back_is_refused_and_nothing_changes() {
    let text = Text::new(8, 1, TOKENS);
    let mut cache = KvCache::new([LayerCache::full(), LayerCache::rotating(9, 2).unwrap()]);
    cache.layers().for_each(|layer| drop(run(layer, &text, 0, &[20])));
    assert_eq!(cache.trimmable(), 0);
    assert!(cache.trim(1).unwrap_err().to_string().contains("clone"));
    assert_eq!(cache.offset(), 20);
    let mut cache = KvCache::new([LayerCache::state(2)]);
    assert!(cache.trim(1).is_err());
    cache.trim(0).unwrap();
}

#[test]
fn a_state_knows_which_tokens_are_real() {
    let mut cache = KvCache::new([LayerCache::state(2)]).with_padding(&[0, 3]).unwrap();
    let state = cache.layers().next().unwrap().state_mut().unwrap();
    let mask = |rows: [[bool; 2]; 2]| Some(rows.concat());
    let read = |mask: Option<Array>| mask.map(|mask| mask.to_vec::<bool>().unwrap());
    assert_eq!(read(state.mask(2).unwrap()), mask([[true, true], [false, false]]));
    state.advance(2);
    assert_eq!(read(state.mask(2).unwrap()), mask([[true, true], [false, true]]));
    state.advance(2);
    assert_eq!(read(state.mask(2).unwrap()), None);
    state.set_lengths(Some(&[1, 2]));
    assert_eq!(read(state.mask(2).unwrap()), mask([[true, false], [true, true]]));
    assert!(state.get(0).is_none());
    state.set(1, Array::from([1.0_f32])).unwrap();
    assert!(state.get(1).is_some());
    assert!(state.set(2, Array::from(1)).unwrap_err().to_string().contains("array 2 of 2"));
    assert_eq!(cache.nbytes(), 4);
}

#[test]
fn a_layer_of_another_kind_says_so() {
    let x = Array::zeros([1, 1, 1, 32], Dtype::Float32).unwrap();
    let refused = LayerCache::state(1).attend(&x, &x, &x, 1.0, &Mask::causal()).unwrap_err().to_string();
    assert!(refused.contains("no keys and values"), "{refused}");
    assert!(LayerCache::full().state_mut().is_err());
    assert!(LayerCache::full().parts_mut().is_err());
    assert_eq!(LayerCache::List(vec![LayerCache::full(); 2]).parts_mut().unwrap().len(), 2);
}

#[test]
fn options_take_effect_on_every_layer_or_are_refused() {
    let with =
        |layer: LayerCache, options: &CacheOptions| KvCache::new([LayerCache::full(), layer]).with(options);
    let limit = CacheOptions { max_kv_size: Some(10), ..CacheOptions::default() };
    let text = Text::new(9, 1, TOKENS);
    for layer in [
        LayerCache::full(),
        LayerCache::sliding(30),
        LayerCache::sliding(5),
        LayerCache::chunked(10).unwrap(),
    ] {
        let mut cache = with(LayerCache::List(vec![layer.clone(), layer]), &limit).unwrap();
        for layer in cache.layers() {
            match layer {
                LayerCache::List(parts) => parts.iter_mut().for_each(|part| drop(run(part, &text, 0, &[40]))),
                layer => drop(run(layer, &text, 0, &[40])),
            }
        }
        assert!(cache.arrays().all(|array| array.dim(2).unwrap() <= 10));
    }
    let refuse = |layer, options: CacheOptions| with(layer, &options).unwrap_err().to_string();
    assert!(refuse(LayerCache::chunked(11).unwrap(), limit.clone()).contains("chunks of 11"));
    let bits = |bits| CacheOptions { kv_bits: Some(bits), ..CacheOptions::default() };
    assert!(refuse(LayerCache::full(), bits(7)).contains("kv_bits is 7"));
    assert!(
        refuse(LayerCache::full(), CacheOptions { kv_group_size: 16, ..bits(4) }).contains("kv_group_size")
    );
    assert!(
        refuse(LayerCache::full(), CacheOptions { max_kv_size: Some(4), ..bits(4) }).contains("max_kv_size")
    );
    let only_state = KvCache::new([LayerCache::state(2)]).with(&limit).unwrap_err().to_string();
    assert!(only_state.contains("no layer"), "{only_state}");
}

#[test]
fn a_group_that_does_not_divide_a_head_is_refused_at_the_first_token() {
    let options = CacheOptions { kv_bits: Some(4), ..CacheOptions::default() };
    let mut cache = KvCache::full(1).with(&options).unwrap();
    let x = Array::zeros([1, 1, 1, 32], Dtype::Float32).unwrap();
    let layer = cache.layers().next().unwrap();
    let refused = layer.attend(&x, &x, &x, 1.0, &Mask::causal()).unwrap_err().to_string();
    assert!(refused.contains("kv_group_size"), "{refused}");
}

/// All kinds of memory of attention, after twelve tokens.
fn grown(text: &Text) -> Vec<LayerCache> {
    let mut layers = all_kinds();
    layers.iter_mut().for_each(|layer| drop(run(layer, text, 0, &[5, 1, 6])));
    layers
}

#[test]
fn a_cache_that_went_back_to_a_checkpoint_is_bit_by_bit_as_if_no_more_had_come() {
    let text = Text::new(11, 1, TOKENS);
    for layer in grown(&text) {
        for (chunk, keep) in [(6, 0), (6, 1), (6, 5), (6, 6), (5, 3), (1, 0)] {
            let mut cache = KvCache::new([layer.clone()]);
            assert!(cache.longest_trial() >= 6);
            let checkpoint = cache.checkpoint(chunk);
            run(cache.layers().next().unwrap(), &text, 12, &vec![1; chunk as usize]);
            assert_eq!(cache.rollback(checkpoint, keep).unwrap(), keep);
            assert_eq!(cache.offset(), 12 + keep);
            let mut plain = layer.clone();
            run(&mut plain, &text, 12, &vec![1; keep as usize]);
            let went_back = cache.layers().next().unwrap();
            let rest = |layer: &mut LayerCache| run(layer, &text, 12 + keep, &[1, 1, 9, 1]);
            assert_eq!(rest(went_back), rest(&mut plain), "{keep} of {chunk} in {layer:?}");
        }
    }
}

#[test]
fn a_pass_of_several_tokens_that_went_back_leaves_what_single_ones_do() {
    let text = Text::new(12, 1, TOKENS);
    for layer in grown(&text) {
        for keep in 1..6 {
            let mut cache = KvCache::new([layer.clone()]);
            let checkpoint = cache.checkpoint(6);
            run(cache.layers().next().unwrap(), &text, 12, &[6]);
            cache.rollback(checkpoint, keep).unwrap();
            let mut plain = layer.clone();
            run(&mut plain, &text, 12, &vec![1; keep as usize]);
            let went_back = cache.layers().next().unwrap();
            let row = |x: &Array| x.index((.., .., 12 + keep..13 + keep)).unwrap();
            let held = |layer: &mut LayerCache| layer.append(&row(&text.keys), &row(&text.values)).unwrap();
            let ((keys, values), (plain_keys, plain_values)) = (held(went_back), held(&mut plain));
            for (a, b) in [(keys, plain_keys), (values, plain_values)] {
                assert_eq!(a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap(), "{keep} in {layer:?}");
            }
        }
    }
}

#[test]
fn a_checkpoint_before_quantization_or_the_first_turn_of_a_ring_serves_too() {
    let text = Text::new(13, 1, TOKENS);
    for layer in [
        quantized(LayerCache::full(), 4, 14),
        quantized(LayerCache::rotating(9, 2).unwrap(), 8, 14),
        LayerCache::rotating(14, 0).unwrap(),
        LayerCache::rotating(17, 3).unwrap(),
    ] {
        let mut cache = KvCache::new([layer.clone()]);
        run(cache.layers().next().unwrap(), &text, 0, &[12]);
        let (longest, checkpoint) = (cache.longest_trial(), cache.checkpoint(5));
        assert_eq!(longest, if layer_is_quantized(&layer) { 2 } else { 14 });
        run(cache.layers().next().unwrap(), &text, 12, &[1; 5]);
        cache.rollback(checkpoint, 4).unwrap();
        let mut plain = layer;
        run(&mut plain, &text, 0, &[12, 1, 1, 1, 1]);
        let went_back = cache.layers().next().unwrap();
        assert_eq!(run(went_back, &text, 16, &[1, 7]), run(&mut plain, &text, 16, &[1, 7]));
    }
}

fn layer_is_quantized(layer: &LayerCache) -> bool {
    format!("{layer:?}").contains("quantize: Some")
}

#[test]
fn a_checkpoint_of_rows_that_stay_holds_no_arrays_and_one_of_states_keeps_none_of_the_tokens() {
    let text = Text::new(14, 1, TOKENS);
    let mut cache = KvCache::new([LayerCache::List(vec![LayerCache::full(), LayerCache::state(1)])]);
    let advance = |cache: &mut KvCache, start: i32, tokens: i32| {
        let [attention, state] = cache.layers().next().unwrap().parts_mut().unwrap() else { panic!() };
        run(attention, &text, start, &[tokens]);
        let state = state.state_mut().unwrap();
        state.set(0, Array::from((start + tokens) as f32)).unwrap();
        state.advance(tokens);
    };
    advance(&mut cache, 0, 4);
    let held = |cache: &KvCache| format!("{:?}", cache.checkpoint(3)).matches("Rows").count();
    assert_eq!(held(&cache), 0);
    let checkpoint = cache.checkpoint(3);
    advance(&mut cache, 4, 3);
    assert_eq!(cache.rollback(checkpoint, 2).unwrap(), 0);
    assert_eq!(cache.offset(), 4);
    let state = cache.arrays().last().unwrap().item::<f32>().unwrap();
    assert_eq!(state, 4.0);
    let checkpoint = cache.checkpoint(3);
    advance(&mut cache, 4, 3);
    assert_eq!(cache.rollback(checkpoint, 3).unwrap(), 3);
    let checkpoint = cache.checkpoint(3);
    assert!(
        cache.rollback(checkpoint, 1).unwrap_err().to_string().contains("1 tokens cannot be kept of the 0")
    );
}

#[test]
fn rows_that_have_left_the_ring_are_not_kept() {
    let text = Text::new(15, 1, TOKENS);
    let mut cache = KvCache::new([LayerCache::rotating(5, 0).unwrap()]);
    run(cache.layers().next().unwrap(), &text, 0, &[5]);
    let checkpoint = cache.checkpoint(5);
    run(cache.layers().next().unwrap(), &text, 5, &[8]);
    assert!(cache.rollback(checkpoint, 4).unwrap_err().to_string().contains("than it was made for"));
}
