//! Graphs as text.

use mlx_core::Array;
use mlx_core::transform::{Graph, Shapes, compile, grad, vmap};

#[test]
fn each_op_is_a_line_with_names_shapes_and_types() {
    let (x, y) = (Array::from([1.0, 2.0]), Array::from([[1.0], [2.0]]));
    let z = (x.exp().unwrap() * &y).unwrap();
    let text = Graph::of([&z]).name(&x, "x").name(&y, "weight").name(&z, "z").lines().unwrap();
    assert!(text.starts_with("Inputs: x [(2), float32], weight [(2,1), float32]"), "{text}");
    assert!(text.contains("Outputs: z [(2,2), float32]"), "{text}");
    assert!(text.contains("Exp x [(2), float32] -> "), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains("->")).count(), 4, "{text}");
}

#[test]
fn what_is_computed_has_no_ops_left() {
    let y = Array::from([1.0, 2.0]).exp().unwrap();
    assert!(Graph::of([&y]).lines().unwrap().contains("Exp"));
    y.eval().unwrap();
    assert!(!Graph::of([&y]).lines().unwrap().contains("Exp"));
}

#[test]
fn a_graph_is_drawn_for_graphviz() {
    let (a, b) = (Array::from(1.0), Array::from(2.0));
    let sum = (&a + &b).unwrap();
    let dot = Graph::of([&sum, &sum.exp().unwrap()]).name(&a, "left").dot().unwrap();
    assert!(dot.starts_with("digraph {") && dot.ends_with('}'), "{dot}");
    assert!(dot.contains("{ rank=source; \"left\"; }"), "{dot}");
    for op in ["Add", "Exp"] {
        assert!(dot.contains(&format!("[label =\"{op}\", shape=rectangle]")), "{dot}");
    }
}

#[test]
fn names_are_quoted_in_a_drawing() {
    let x = Array::from(1.0);
    let dot = Graph::of([&(&x + 1.0).unwrap()]).name(&x, "a\"b\\c").dot().unwrap();
    assert!(dot.contains(r#""a\"b\\c""#), "{dot}");
    assert!(Graph::of([&x]).name(&x, "a\0b").dot().is_err());
}

#[test]
fn no_arrays_are_an_empty_graph() {
    assert_eq!(Graph::of([]).lines().unwrap().trim(), "Inputs: \nOutputs:");
    assert_eq!(Graph::of([]).dot().unwrap(), "digraph {\n}");
}

#[test]
fn ops_of_several_arrays_are_drawn_once() {
    let parts = Array::from([1.0, 2.0]).split(2, 0).unwrap();
    let text = Graph::of(&parts).lines().unwrap();
    assert_eq!(text.matches("Split").count(), 1, "{text}");
}

#[test]
fn graphs_of_traced_arrays_have_text_and_no_value() {
    let seen = std::cell::RefCell::new(String::new());
    let look = |x: &Array| {
        let y = x.exp()?;
        seen.replace(Graph::of([&y]).name(x, "x").lines()?);
        y.sum(..)
    };
    grad(look)(&Array::from(1.0)).unwrap();
    assert!(seen.take().contains("Exp x [(), float32]"));
    vmap(look, 0, 0)(&Array::from([1.0])).unwrap();
    assert!(seen.take().contains("Exp x [(), float32]"));
    let y = compile(|x: &Array| (x.exp()? + 1.0)?.sin(), Shapes::Exact)(&Array::from(1.0)).unwrap();
    assert!(Graph::of([&y]).lines().unwrap().contains("CompiledExp"));
}
