//! What functions do, as data.

use std::collections::BTreeMap;

use mlx_core::transform::{Keywords, Node, Parameter, Shapes, describe};
use mlx_core::{Array, Dtype, Scan};

fn none() -> Keywords {
    BTreeMap::new()
}

fn numbers(values: &[f64]) -> Parameter {
    Parameter::List(values.iter().map(|&value| Parameter::Number(value)).collect())
}

#[test]
fn a_program_names_its_arrays_and_steps() {
    let x = Array::from([[1.0, 2.0], [3.0, 4.0]]);
    let w = Array::from([10.0, 20.0]);
    let program = describe(move |x: &Array, _| (x * &w)?.t(), &x, &none(), Shapes::Exact).unwrap();
    let matrix = |name: &str| Node { name: name.to_owned(), shape: vec![2, 2], dtype: Dtype::Float32 };
    assert_eq!(program.inputs, [matrix(&program.inputs[0].name)]);
    assert_eq!(program.outputs, [matrix(&program.outputs[0].name)]);
    let ops: Vec<_> = program.steps.iter().map(|step| step.op.as_str()).collect();
    assert_eq!(ops, ["Broadcast", "Multiply", "Transpose"]);
    let last = program.steps.last().unwrap();
    assert_eq!((&last.outputs, &last.parameters), (&program.outputs, &vec![numbers(&[1.0, 0.0])]));
    assert_eq!(program.constants.len(), 1);
    let (name, constant) = program.constants.iter().next().unwrap();
    assert_eq!(constant.to_vec::<f32>().unwrap(), [10.0, 20.0]);
    assert_eq!(&program.steps[0].inputs[0].name, name);
}

#[test]
fn keywords_are_named_even_with_signs_in_them() {
    let name = "a \"quoted\\ name\n";
    let keywords = Keywords::from([(name.to_owned(), Array::from(2))]);
    let f = move |x: &Array, k: &Keywords| x * &k[name];
    let program = describe(f, &Array::from(3), &keywords, Shapes::Exact).unwrap();
    assert_eq!(program.keywords, [(name.to_owned(), program.inputs[1].name.clone())]);
    assert_eq!(program.inputs[1].dtype, Dtype::Int32);
}

#[test]
fn parameters_are_of_all_kinds() {
    let x = Array::from([3.0, 1.0]);
    let f = |x: &Array, _: &Keywords| {
        let sums = x.cumsum(Scan { axis: 0, reverse: true, inclusive: false })?;
        Ok((sums, x.astype(Dtype::Int8)?, x.softmax(-1)?, x.index(1..)?))
    };
    let program = describe(f, &x, &none(), Shapes::Exact).unwrap();
    let step = |op: &str| program.steps.iter().find(|step| step.op == op).unwrap_or_else(|| panic!("{op}"));
    assert!(step("Scan").parameters.contains(&Parameter::Bool(true)));
    assert_eq!(step("AsType").parameters, [Parameter::Text("int8".to_owned())]);
    assert!(step("Slice").parameters.contains(&numbers(&[1.0])));
    assert_eq!(program.outputs.len(), 4);
}

#[test]
fn errors_and_panics_of_the_function_come_out() {
    let x = Array::from([1.0]);
    let error = describe(|x: &Array, _| x.reshape([7]), &x, &none(), Shapes::Exact).unwrap_err();
    assert_eq!(error.op(), "reshape");
    let panics = || {
        describe(
            |_: &Array, _| -> mlx_core::Result<Array> { panic!("on purpose") },
            &Array::from(1),
            &none(),
            Shapes::Any,
        )
    };
    assert!(std::panic::catch_unwind(panics).is_err());
    let captured = x.clone();
    assert!(describe(move |x: &Array, _| x + &captured, &x, &none(), Shapes::Exact).is_err());
    assert!(describe(|x: &Array, _| x + 1.0, &x, &none(), Shapes::Any).is_ok());
}
