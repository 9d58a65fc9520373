//! What a Florence-2 answers: a text, or labels of places in an image.

use std::io::{self, Write};
use std::time::Instant;

use mlx_hub::Source;
use mlx_memory::Peak;
use mlx_vlm::florence2::{Answer, Florence2, Region, Search, Shape, Task};
use serde_json::{Value, json};

use crate::args::Generate;
use crate::failure::Outcome;
use crate::progress;
use crate::stdout::stdout;
use crate::terminal::Paint;

/// Asks about one image, and prints the answer.
pub(super) fn run(args: &Generate, source: Source, text: &str) -> Outcome {
    refuse_others(args)?;
    let task: Task = text.parse()?;
    let image = args.shown.one_image()?;
    let model = args.model.load(|| Florence2::load(source, args.arithmetic.dtype()))?;
    let search = Search { max_tokens: args.max_tokens, ..model.search().clone() };
    let (peak, started) = (Peak::start()?, Instant::now());
    let answer = progress::during("looking at the image", || model.ask_with(&image, &task, &search))?;
    let (seconds, peak) = (started.elapsed().as_secs_f64(), peak.so_far()?);
    let mut out = stdout();
    if args.json {
        let regions: Vec<_> = answer.regions.iter().map(object).collect();
        let peak = peak.get() as f64 / 1e9;
        let line = json!({"text": answer.text, "regions": regions, "seconds": seconds, "peak_memory": peak});
        return Ok(writeln!(out, "{line}")?);
    }
    print(&mut out, &answer)?;
    let told = format!("answer: {seconds:.2} s\npeak memory: {peak:.2}");
    Ok(writeln!(io::stderr(), "{}", Paint::stderr().aside(&told))?)
}

/// Refuses what is for models that write token by token.
fn refuse_others(args: &Generate) -> Outcome {
    let given = [
        ("--system-prompt", args.system_prompt.is_some()),
        ("--stop", !args.stop.is_empty()),
        ("--logprobs", args.logprobs.is_some()),
        ("--prompt-lookup", args.drafting.speculation().is_some()),
        ("--temperature", !args.sampling.is_greedy()),
        ("--json-schema, --regex and --grammar", !args.form.is_free()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => {
            let way_out = "it is asked by tasks, and looks for the likeliest answer: leave it out";
            Err(format!("{option}: a Florence-2 has no such option; {way_out}").into())
        }
        None => Ok(()),
    }
}

/// The text, or a line for each place: its label, then its numbers in pixels.
fn print(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    if answer.regions.is_empty() {
        return writeln!(out, "{}", answer.text.trim());
    }
    for Region { label, shape } in &answer.regions {
        let numbers: Vec<_> = numbers(shape).iter().map(|number| format!("{number:.1}")).collect();
        writeln!(out, "{label}\t{}", numbers.join(" "))?;
    }
    Ok(())
}

fn numbers(shape: &Shape) -> Vec<f32> {
    match shape {
        Shape::Box(edges) => edges.to_vec(),
        Shape::Quad(corners) => corners.concat(),
        Shape::Outlines(outlines) => outlines.concat().concat(),
    }
}

fn object(region: &Region) -> Value {
    let (name, shape) = match &region.shape {
        Shape::Box(edges) => ("box", json!(edges)),
        Shape::Quad(corners) => ("quad", json!(corners)),
        Shape::Outlines(outlines) => ("outlines", json!(outlines)),
    };
    json!({"label": region.label, name: shape})
}
