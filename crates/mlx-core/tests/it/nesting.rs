//! Every transform inside every other.

use std::rc::Rc;

use mlx_core::transform::{
    Shapes, checkpoint, compile, custom_function, grad, jvp, value_and_grad, vjp, vmap,
};
use mlx_core::{Array, Dtype, Result};

use crate::values::near;

type Function = Rc<dyn Fn(&Array) -> Result<Array>>;

/// `x · sin(x)` of each element.
fn innermost() -> Function {
    Rc::new(|x: &Array| x.sin()? * x)
}

type Wrap = (&'static str, fn(Function) -> Function);

/// What gives the same function again.
const WRAPS: [Wrap; 4] = [
    ("compile", |f| Rc::new(compile(move |x: &Array| f(x), Shapes::Exact))),
    ("checkpoint", |f| Rc::new(checkpoint(move |x: &Array| f(x)))),
    ("custom", |f| {
        let custom = custom_function(move |x: &Array| f(x));
        Rc::new(move |x| custom.call(x))
    }),
    ("vmap", |f| {
        Rc::new(move |x: &Array| match x.ndim() {
            0 => f(x),
            _ => vmap(|x: &Array| f(x), 0, 0)(x),
        })
    }),
];

type Derive = (&'static str, fn(&Function, &Array) -> Result<Array>);

/// What gives the derivative of each element.
const DERIVES: [Derive; 5] = [
    ("grad", |f, x| grad(|x: &Array| f(x)?.sum(..))(x)),
    ("value_and_grad", |f, x| Ok(value_and_grad(|x: &Array| f(x)?.sum(..))(x)?.1)),
    ("vjp", |f, x| Ok(vjp(|x: &Array| f(x), x, &Array::ones(x.shape(), x.dtype())?)?.1)),
    ("jvp", |f, x| Ok(jvp(|x: &Array| f(x), x, &Array::ones(x.shape(), x.dtype())?)?.1)),
    ("vmap of grad", |f, x| vmap(grad(|x: &Array| f(x)), 0, 0)(x)),
];

fn argument() -> Array {
    Array::from([0.3, -1.2, 2.0])
}

#[track_caller]
fn assert_near(names: &[&str], found: Result<Array>, expected: &Array) {
    let found = found.unwrap_or_else(|error| panic!("{names:?}: {error}"));
    assert!(found.allclose(expected, near(1e-5, 1e-5)).unwrap(), "{names:?}: {found} is not {expected}");
}

#[test]
fn three_transforms_in_any_order_keep_the_function_and_its_derivative() {
    let x = argument();
    let value = (x.sin().unwrap() * &x).unwrap();
    let derivative = (x.sin().unwrap() + (x.cos().unwrap() * &x)).unwrap();
    for (a, first) in WRAPS {
        for (b, second) in WRAPS {
            for (c, third) in WRAPS {
                let f = third(second(first(innermost())));
                assert_near(&[a, b, c], f(&x), &value);
                for (d, derive) in DERIVES {
                    assert_near(&[a, b, c, d], derive(&f, &x), &derivative);
                }
                assert_near(&[a, b, c], f(&x), &value);
            }
        }
    }
}

#[test]
fn derivatives_of_derivatives_go_through_every_transform() {
    let x = argument();
    // d²/dx² (x sin x) = 2 cos x - x sin x
    let second = ((x.cos().unwrap() * 2.0).unwrap() - (x.sin().unwrap() * &x)).unwrap();
    for (a, wrap) in WRAPS {
        for (b, inner) in DERIVES {
            for (c, outer) in DERIVES {
                let f = wrap(innermost());
                let first: Function = Rc::new(move |x: &Array| match x.ndim() {
                    0 => grad(|x: &Array| f(x))(x),
                    _ => inner(&f, x),
                });
                assert_near(&[a, b, c], outer(&first, &x), &second);
            }
        }
    }
}

#[test]
fn derivatives_through_every_transform_are_compiled() {
    let x = argument();
    let derivative = (x.sin().unwrap() + (x.cos().unwrap() * &x)).unwrap();
    for (name, wrap) in WRAPS {
        let f = wrap(innermost());
        let whole = compile(
            {
                let f = Rc::clone(&f);
                grad(move |x: &Array| f(x)?.sum(..))
            },
            Shapes::Exact,
        );
        assert_near(&[name, "compile of grad"], whole(&x), &derivative);
        let rows = compile(vmap(grad(move |x: &Array| f(x)), 0, 0), Shapes::Exact);
        assert_near(&[name, "compile of vmap of grad"], rows(&x), &derivative);
    }
}

#[test]
fn functions_with_rules_are_not_for_any_shapes() {
    let f = compile(checkpoint(|x: &Array| x.exp()), Shapes::Any);
    let error = f(&argument()).unwrap_err();
    assert!(error.message().contains("cannot infer output shapes"), "{error}");
}

#[test]
fn mixed_types_go_through_every_transform() {
    for dtype in [Dtype::Float16, Dtype::Bfloat16] {
        let x = argument().astype(dtype).unwrap();
        for (name, wrap) in WRAPS {
            let f = wrap(Rc::new(|x: &Array| x.astype(Dtype::Float32)? * 2.0));
            let dx = grad(|x: &Array| f(x)?.sum(..))(&x).unwrap();
            assert_eq!((dx.dtype(), dx.shape()), (dtype, x.shape()), "{name}");
        }
    }
}
