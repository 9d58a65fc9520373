//! Qwen 2.5 and Gemma 3 against float32 forwards that share no code with this one.

use mlx_core::Dtype;
use mlx_hub::Source;
use mlx_lm::{GenerateOptions, LanguageModel, Loader};
use mlx_testkit::assets;

/// The model, or `None` with a line that says how to fetch it.
fn model(group: &str, file: &str) -> Option<LanguageModel> {
    let path = assets::find(group, file)?;
    Some(Loader::new(Source::path(path)).dtype(Dtype::Float32).load().unwrap())
}

fn qwen() -> Option<LanguageModel> {
    model("qwen25coder", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf")
}

fn gemma() -> Option<LanguageModel> {
    model("gemma3", "gemma-3-270m-q4_k_m.gguf")
}

/// The token with the best score after `prompt`, and its probability.
fn best(model: &LanguageModel, prompt: &[u32]) -> (u32, f32) {
    let scores = model.model().logits(prompt, &mut model.model().cache()).unwrap().index((0, -1)).unwrap();
    let probability = scores.softmax(-1).unwrap().max(..).unwrap().item().unwrap();
    (scores.argmax(-1).unwrap().item().unwrap(), probability)
}

fn continued(model: &LanguageModel, prompt: &[u32], count: usize) -> Vec<u32> {
    let options = GenerateOptions { max_tokens: count, ..GenerateOptions::default() };
    model.generate_tokens(prompt, options).unwrap().map(|token| token.unwrap().id).collect()
}

#[test]
fn qwen_says_paris_with_the_probability_of_the_reference() {
    let Some(model) = qwen() else { return };
    let prompt = model.encode("The capital of France is").unwrap();
    assert_eq!(prompt, [785, 6722, 315, 9625, 374]);
    let (token, probability) = best(&model, &prompt);
    assert_eq!(token, 12095);
    assert!((probability - 0.9062).abs() < 0.002, "{probability}");
}

#[test]
fn qwen_writes_the_code_of_the_reference() {
    let Some(model) = qwen() else { return };
    let prompt = model.encode("def fibonacci(n):\n").unwrap();
    assert_eq!(prompt, [750, 75698, 1445, 982]);
    assert_eq!(continued(&model, &prompt, FIBONACCI.len()), FIBONACCI);
}

#[test]
fn gemma_has_the_probability_of_the_reference() {
    let Some(model) = gemma() else { return };
    let prompt = model.encode("The capital of France is").unwrap();
    assert_eq!(prompt, [2, 818, 5279, 529, 7001, 563]);
    let (token, probability) = best(&model, &prompt);
    assert_eq!(token, 506);
    assert!((probability - 0.1913).abs() < 0.002, "{probability}");
}

#[test]
fn gemma_counts_as_the_reference_does() {
    let Some(model) = gemma() else { return };
    let prompt = model.encode("1, 2, 3, 4, 5, 6,").unwrap();
    assert_eq!(continued(&model, &prompt, COUNT.len()), COUNT);
}

/// What Qwen's reference writes after `def fibonacci(n):\n`.
const FIBONACCI: [u32; 12] = [262, 421, 308, 2651, 220, 15, 510, 286, 470, 330, 7928, 1946];

/// What Gemma's reference writes after `1, 2, 3, 4, 5, 6,`.
const COUNT: [u32; 12] =
    [236743, 236832, 236764, 236743, 236828, 236764, 236743, 236819, 236764, 236743, 236770, 236771];
