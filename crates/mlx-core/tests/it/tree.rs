//! How values flatten to arrays and are built again.

use std::collections::BTreeMap;

use mlx_core::random::Key;
use mlx_core::transform::{Path, Shapes, compile, grad};
use mlx_core::{Array, Dtype, Kind, Quantization, Quantized, Result, Tree};

#[derive(Clone, Copy, Debug, PartialEq)]
struct Opaque(f32);

#[derive(Tree)]
struct Linear {
    weight: Array,
    bias: Option<Array>,
}

#[derive(Tree)]
struct Model<T> {
    layers: Vec<Linear>,
    head: T,
    heads: i32,
    #[tree(skip)]
    scale: Opaque,
}

#[derive(Tree)]
struct Pair(Array, (Array, ()));

#[derive(Tree)]
enum Either {
    Dense(Array),
    Scaled { weight: Array, scale: f32 },
    Nothing,
}

#[derive(Tree)]
struct Raw {
    r#type: Array,
}

#[derive(Tree)]
struct Empty;

fn model() -> Model<(Array, [Array; 2])> {
    let layer = |n: i32| Linear { weight: Array::from(n), bias: (n > 0).then(|| Array::from(10 * n)) };
    Model {
        layers: vec![layer(0), layer(1)],
        head: (Array::from(2), [3, 4].map(Array::from)),
        heads: 8,
        scale: Opaque(0.5),
    }
}

fn numbers(tree: &impl Tree) -> Vec<i32> {
    tree.leaves().into_iter().map(|leaf| leaf.item().unwrap()).collect()
}

fn names(tree: &impl Tree) -> Vec<String> {
    tree.named_leaves().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_struct_flattens_in_the_order_of_its_fields() {
    assert_eq!(numbers(&model()), [0, 1, 10, 2, 3, 4]);
    let expected = ["layers.0.weight", "layers.1.weight", "layers.1.bias", "head.0", "head.1.0", "head.1.1"];
    assert_eq!(names(&model()), expected);
}

#[test]
fn a_map_of_a_struct_keeps_what_is_no_array() {
    let doubled = model().tree_map(|_, leaf| leaf * 2).unwrap();
    assert_eq!(numbers(&doubled), [0, 2, 20, 4, 6, 8]);
    assert_eq!((doubled.heads, doubled.scale), (8, Opaque(0.5)));
    assert!(doubled.layers[0].bias.is_none());
}

#[test]
fn a_map_sees_the_path_of_each_array() {
    let model = model();
    let frozen = model.tree_map(|path, leaf| if path.ends_with("bias") { leaf * 0 } else { leaf + 1 });
    assert_eq!(numbers(&frozen.unwrap()), [1, 2, 0, 3, 4, 5]);
}

#[test]
fn the_first_error_of_a_map_comes_out() {
    let mut seen = 0;
    let error = model().tree_map(|_, leaf| {
        seen += 1;
        if seen == 3 { leaf.reshape([7]) } else { Ok(leaf.clone()) }
    });
    assert_eq!((error.err().unwrap().op(), seen), ("reshape", 3));
}

#[test]
fn other_arrays_take_the_places_in_order() {
    let other = model().with_leaves((10..16).map(Array::from)).unwrap();
    assert_eq!(numbers(&other), [10, 11, 12, 13, 14, 15]);
    assert_eq!(other.layers[1].bias.as_ref().unwrap().item::<i32>().unwrap(), 12);
}

#[test]
fn too_few_or_too_many_arrays_are_refused() {
    for count in [0, 5, 7] {
        let line = line!() + 1;
        let error = model().with_leaves((0..count).map(Array::from)).err().unwrap();
        assert_eq!((error.kind(), error.op(), error.at().line()), (Kind::Shape, "with_leaves", line));
    }
}

#[test]
fn forms_differ_by_lengths_variants_and_plain_values() {
    let same = |change: fn(&mut Model<(Array, [Array; 2])>)| {
        let (a, mut b) = (model(), model());
        change(&mut b);
        assert_eq!(a.same_form(&b), b.same_form(&a));
        a.same_form(&b)
    };
    assert!(same(|_| ()));
    assert!(same(|m| m.head.0 = Array::from([1.5, 2.5])));
    assert!(!same(|m| drop(m.layers.pop())));
    assert!(!same(|m| m.layers[1].bias = None));
    assert!(!same(|m| m.heads = 4));
    assert!(!same(|m| m.scale = Opaque(0.25)));
}

#[test]
fn variants_of_an_enum_are_forms_of_their_own() {
    let one = || Array::from(1);
    let all = [Either::Dense(one()), Either::Scaled { weight: one(), scale: 2.0 }, Either::Nothing];
    assert_eq!(all.each_ref().map(|e| e.leaves().len()), [1, 1, 0]);
    for (i, a) in all.iter().enumerate() {
        for (j, b) in all.iter().enumerate() {
            assert_eq!(a.same_form(b), i == j);
        }
    }
    assert!(!all[1].same_form(&Either::Scaled { weight: one(), scale: 3.0 }));
    assert_eq!(names(&all[1]), ["weight"]);
    let mapped = all[1].tree_map(|_, leaf| leaf + 1).unwrap();
    assert!(matches!(mapped, Either::Scaled { scale: 2.0, .. }));
    assert_eq!(numbers(&mapped), [2]);
}

#[test]
fn tuple_structs_raw_names_and_units_are_trees() {
    let pair = Pair(Array::from(1), (Array::from(2), ()));
    assert_eq!((numbers(&pair), names(&pair)), (vec![1, 2], vec!["0".to_owned(), "1.0".to_owned()]));
    assert_eq!(names(&Raw { r#type: Array::from(1) }), ["type"]);
    assert!(Empty.leaves().is_empty() && Empty.same_form(&Empty) && Empty.with_leaves([]).is_ok());
}

#[test]
fn maps_boxes_and_options_are_trees() {
    let tree: BTreeMap<String, Option<Box<Array>>> = [("b", Some(2)), ("a", Some(1)), ("c", None)]
        .map(|(name, value)| (name.to_owned(), value.map(|n| Box::new(Array::from(n)))))
        .into();
    assert_eq!((numbers(&tree), names(&tree)), (vec![1, 2], vec!["a".to_owned(), "b".to_owned()]));
    let again = tree.tree_map(|_, leaf| leaf + 5).unwrap();
    assert_eq!(numbers(&again), [6, 7]);
    assert!(again.contains_key("c") && again.same_form(&tree));
    let mut renamed = again.clone();
    let value = renamed.remove("a").unwrap();
    renamed.insert("A".to_owned(), value);
    assert!(!renamed.same_form(&tree));
}

#[test]
fn tuples_of_eight_and_arrays_of_arrays_are_trees() {
    let n = |n: i32| Array::from(n);
    let tuple = (n(0), n(1), n(2), n(3), n(4), n(5), n(6), [n(7), n(8)]);
    assert_eq!(numbers(&tuple), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(names(&tuple)[8], "7.1");
    let back = tuple.tree_map(|_, leaf| -leaf).unwrap();
    assert_eq!(back.7[1].item::<i32>().unwrap(), -8);
}

#[test]
fn a_single_array_has_no_name() {
    assert_eq!(names(&Array::from(1)), [""]);
    assert_eq!(Path::default().as_str(), "");
}

#[test]
fn two_trees_are_walked_together() {
    let (a, b) = (model(), model().tree_map(|_, leaf| leaf * 10).unwrap());
    let sum = a.tree_zip(&b, |path, a, b| if path == "head.0" { a - b } else { a + b }).unwrap();
    assert_eq!(numbers(&sum), [0, 11, 110, -18, 33, 44]);
    let mut other = model();
    other.layers.pop();
    assert_eq!(a.tree_zip(&other, |_, a, _| Ok(a.clone())).err().unwrap().kind(), Kind::Shape);
}

#[test]
fn a_key_is_a_tree_of_one_array() -> Result<()> {
    let key = Key::new(3)?;
    assert_eq!(key.leaves()[0].dtype(), Dtype::Uint32);
    let next = key.tree_map(|_, leaf| Ok(leaf.clone()))?;
    let draw = |key: &Key| mlx_core::random::normal([4], Dtype::Float32, key)?.to_vec::<f32>();
    assert_eq!(draw(&key)?, draw(&next)?);
    let wrong = key.with_leaves([Array::from([1.0, 2.0, 3.0])])?;
    assert!(draw(&wrong).is_err());
    Ok(())
}

#[test]
fn a_quantized_matrix_is_a_tree_with_gradients_for_its_scales() -> Result<()> {
    let matrix = Array::arange(0..64 * 2)?.reshape([2, 64])?.astype(Dtype::Float32)?;
    let quantized = Quantized::of(&(matrix / 100.0)?, Quantization::affine(8, 64))?;
    assert_eq!(names(&quantized), ["weight", "scales", "biases"]);
    let x = Array::ones([1, 64], Dtype::Float32)?;
    let product = move |w: &Quantized| x.quantized_matmul(w)?.sum(..);
    let gradient = grad(&product)(&quantized)?;
    assert_eq!(gradient.weight.dtype(), Dtype::Uint32);
    assert_eq!(gradient.biases.as_ref().unwrap().to_vec::<f32>()?, [64.0, 64.0]);
    let value = product(&quantized)?.item::<f32>()?;
    let compiled = compile(product, Shapes::Exact)(&quantized)?.item::<f32>()?;
    assert!((value - compiled).abs() < 1e-3 * value.abs());
    let other = Quantized { biases: None, ..quantized.clone() };
    assert!(quantized.same_form(&gradient) && !quantized.same_form(&other));
    Ok(())
}
