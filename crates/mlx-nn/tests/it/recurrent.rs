//! Recurrent layers against Python's.

use mlx_core::random::Key;
use mlx_core::{Array, Dtype};
use mlx_nn::{Gru, Lstm, Module, Nonlinearity, Rnn, Weights};

use crate::layer_case::{LayerCase, extents};

const INPUT: i32 = 5;
const HIDDEN: i32 = 4;

#[test]
fn states_and_their_gradients_are_those_of_python() {
    for case in &LayerCase::all("recurrent") {
        let (bias, states) = (case.flag("bias"), case.texts("states"));
        let given = |inputs: &[Array], state: &str| {
            states.iter().position(|known| known == state).map(|at| inputs[at + 1].clone())
        };
        match case.text("layer") {
            "RNN" => {
                let nonlinearity = match case.text("nonlinearity") {
                    "relu" => Nonlinearity(|x| x.maximum(0.0)),
                    _ => Nonlinearity(Array::tanh),
                };
                case.check(
                    |w| Ok(Rnn::load(w, INPUT, HIDDEN, bias)?.with_nonlinearity(nonlinearity)),
                    |rnn, all| Ok(vec![rnn.forward(&all[0], given(all, "hidden").as_ref())?]),
                );
            }
            "GRU" => case.check(
                |w| Gru::load(w, INPUT, HIDDEN, bias),
                |gru, all| Ok(vec![gru.forward(&all[0], given(all, "hidden").as_ref())?]),
            ),
            "LSTM" => case.check(
                |w| Lstm::load(w, INPUT, HIDDEN, bias),
                |lstm, all| {
                    let (hidden, cell) = (given(all, "hidden"), given(all, "cell"));
                    let (hidden, cell) = lstm.forward(&all[0], hidden.as_ref(), cell.as_ref())?;
                    Ok(vec![hidden, cell])
                },
            ),
            unknown => panic!("{unknown} is not tested"),
        }
    }
}

fn fresh() -> Weights {
    Weights::init(Key::new(5).unwrap())
}

#[test]
fn an_empty_sequence_has_no_states() {
    let x = Array::ones([2, 0, 3], Dtype::Float32).unwrap();
    let rnn = Rnn::load(&fresh(), 3, 4, true).unwrap();
    let gru = Gru::load(&fresh(), 3, 4, true).unwrap();
    let (hidden, cells) = Lstm::load(&fresh(), 3, 4, false).unwrap().forward(&x, None, None).unwrap();
    for states in [rnn.forward(&x, None).unwrap(), gru.forward(&x, None).unwrap(), hidden, cells] {
        assert_eq!((states.shape(), states.dtype()), (&[2, 0, 4][..], Dtype::Float32));
        assert!(states.to_vec::<f32>().unwrap().is_empty());
    }
    let alone = Array::ones([0, 3], Dtype::Float32).unwrap();
    assert_eq!(gru.forward(&alone, None).unwrap().shape(), [0, 4]);
    let vector = Array::ones([3], Dtype::Float32).unwrap();
    assert!(rnn.forward(&vector, None).is_err());
}

#[test]
fn a_sequence_goes_on_from_the_last_states_of_its_first_half() {
    let lstm = Lstm::load(&fresh(), 3, 4, true).unwrap();
    let x = mlx_core::random::normal([2, 6, 3], Dtype::Float32, &Key::new(1).unwrap()).unwrap();
    let (whole, _) = lstm.forward(&x, None, None).unwrap();
    let (hidden, cells) = lstm.forward(&x.index((.., ..3)).unwrap(), None, None).unwrap();
    let last = |states: Array| states.index((.., -1)).unwrap();
    let rest = x.index((.., 3..)).unwrap();
    let (rest, _) = lstm.forward(&rest, Some(&last(hidden)), Some(&last(cells))).unwrap();
    assert!(rest.allclose(whole.index((.., 3..)).unwrap(), Default::default()).unwrap());
}

#[test]
fn fresh_layers_start_within_the_root_of_their_states() {
    let gru = Gru::load(&fresh(), 7, 64, true).unwrap();
    let extents = extents(&gru.parameters());
    let limit = 0.125;
    let shapes: Vec<_> = extents.iter().map(|(name, (shape, ..))| (name.as_str(), &shape[..])).collect();
    assert_eq!(shapes, [("Wh", &[192, 64][..]), ("Wx", &[192, 7]), ("b", &[192]), ("bhn", &[64])]);
    for (name, (_, low, high)) in &extents {
        assert!(-limit <= *low && *low < -0.8 * limit, "{name} {low}");
        assert!(*high <= limit && *high > 0.8 * limit, "{name} {high}");
    }
    let error = Rnn::load(&fresh(), 7, 0, true).unwrap_err();
    assert_eq!(error.to_string(), "hidden_size: 0 is not a positive number");
}
