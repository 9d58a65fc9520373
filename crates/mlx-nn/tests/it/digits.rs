//! That an example learns what it says.

#[allow(dead_code, reason = "the example's own `main` is not called")]
#[path = "../../examples/digits_cnn.rs"]
mod digits_cnn;

use clap::Parser;
use mlx_examples::Digits;

#[test]
fn the_convolutional_network_reads_97_percent_of_new_digits() {
    if mlx_testkit::assets::find("digits", "digits.csv").is_none() {
        return;
    }
    let options = digits_cnn::Options::parse_from(["digits_cnn", "--epochs", "8"]);
    let outcome = digits_cnn::train(&Digits::load().unwrap(), &options).unwrap();
    assert!(outcome.accuracy >= 0.97, "{}", outcome.accuracy);
    let last = outcome.losses.last().unwrap();
    assert!(*last < 0.2 * outcome.losses[0], "{} {last}", outcome.losses[0]);
}
