//! Ops of two arrays, element by element, and the types that they give.

use mlx_core::{Array, Closeness, Operand, Result};

use super::{Args, holds, one};

#[test]
fn ops_of_two_arrays_agree_with_python() {
    holds("binary", 1576, run);
}

macro_rules! methods {
    ($op:expr, $x:expr, $y:expr, $($name:ident),* $(,)?) => {
        match $op {
            $(stringify!($name) => Some($x.$name($y)),)*
            _ => None,
        }
    };
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    let x = &inputs[0];
    let output = match (args.scalar("other"), inputs.get(1)) {
        (Some(number), _) => joined(op, x, number)?,
        (None, Some(y)) if op == "divmod" => {
            return Some(x.divmod(y).map(|(quotient, remainder)| vec![quotient, remainder]));
        }
        (None, Some(y)) => compared(op, x, y, args).or_else(|| joined(op, x, y))?,
        (None, None) => return None,
    };
    Some(one(output))
}

fn joined<'a>(op: &str, x: &Array, y: impl Operand<'a>) -> Option<Result<Array>> {
    match op {
        "add" => Some(x + y),
        "subtract" => Some(x - y),
        "multiply" => Some(x * y),
        "divide" => Some(x / y),
        "remainder" => Some(x % y),
        _ => methods!(
            op,
            x,
            y,
            arctan2,
            bitwise_and,
            bitwise_or,
            bitwise_xor,
            equal,
            floor_divide,
            greater,
            greater_equal,
            left_shift,
            less,
            less_equal,
            logaddexp,
            logical_and,
            logical_or,
            logical_xor,
            maximum,
            minimum,
            not_equal,
            power,
            right_shift,
        ),
    }
}

fn compared(op: &str, x: &Array, y: &Array, args: Args<'_>) -> Option<Result<Array>> {
    let equal_nan = args.flag("equal_nan");
    let closeness =
        Closeness { rtol: args.float_or("rtol", 1e-5), atol: args.float_or("atol", 1e-8), equal_nan };
    Some(match op {
        "isclose" => x.isclose(y, closeness),
        "allclose" => x.allclose(y, closeness).map(Array::from),
        "array_equal" => x.array_equal(y, equal_nan).map(Array::from),
        _ => return None,
    })
}
