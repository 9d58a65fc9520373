//! Places that answers name, as each family writes them.

use mlx_vlm::grounding::Notation::{
    DeepSeekOcr, Gemma, GlmV, InternVl, PaliGemma, Qwen2Vl, Qwen3Vl, Qwen25Vl,
};
use mlx_vlm::grounding::{Notation, Place, Region};
use mlx_vlm::mlx_image::{Size, View};

use crate::conversations::Family;

const SOURCE: Size = Size { height: 500, width: 2000 };

/// An image that is seen at another size, to which thousandths are twice as wide as high.
fn view() -> View {
    View::whole(SOURCE, Size { height: 280, width: 1120 })
}

fn boxed(label: &str, edges: [f64; 4]) -> Region {
    Region { label: label.into(), place: Place::Box(edges) }
}

fn point(label: &str, at: [f64; 2]) -> Region {
    Region { label: label.into(), place: Place::Point(at) }
}

#[track_caller]
fn assert_reads(notation: Notation, text: &str, expected: &[Region]) {
    let found = notation.read(text, &view()).unwrap();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.label, expected.label);
        let near =
            |found: &[f64], expected: &[f64]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(
            match (&found.place, &expected.place) {
                (Place::Box(found), Place::Box(expected)) => near(found, expected),
                (Place::Point(found), Place::Point(expected)) => near(found, expected),
                _ => false,
            },
            "{found:?} is not {expected:?}"
        );
    }
}

#[test]
fn qwen2_vl_writes_thousandths_between_marks() {
    let text = "There: <|object_ref_start|>the cat<|object_ref_end|><|box_start|>(100,200),(500,1000)<|box_end|>\
                <|box_start|>(0,0),(10,20)<|box_end|> and <|object_ref_start|>a nose<|object_ref_end|>\
                <|box_start|>(250,500)<|box_end|>.";
    let expected = [
        boxed("the cat", [200.0, 100.0, 1000.0, 500.0]),
        boxed("the cat", [0.0, 0.0, 20.0, 10.0]),
        point("a nose", [500.0, 250.0]),
    ];
    assert_reads(Qwen2Vl, text, &expected);
    // As it is shown without special tokens.
    assert_reads(Qwen2Vl, "the cat(100, 200), (500,1000)", &expected[..1]);
    assert_reads(Qwen2Vl, "It (or they, 2) is at (3, 4).", &[]);
    assert_reads(Qwen2Vl, "cat(nan,inf),(1,2)", &[]);
}

#[test]
fn qwen2_5_vl_writes_pixels_of_what_it_sees() {
    let text = "```json\n[\n\t{\"bbox_2d\": [112, 28, 560, 280], \"label\": \"cat\"},\n\
                \t{\"point_2d\": [560, 140], \"label\": \"nose\"},\n\t{\"bbox_2d\": [0, 0, 1120, 280], \
                \"text_content\": \"Exit\"}\n]\n```";
    let expected = [
        boxed("cat", [200.0, 50.0, 1000.0, 500.0]),
        point("nose", [1000.0, 250.0]),
        boxed("Exit", [0.0, 0.0, 2000.0, 500.0]),
    ];
    assert_reads(Qwen25Vl, text, &expected);
    // An answer that was cut has the places that are whole.
    let cut = &text[..text.find("Exit").unwrap()];
    assert_reads(Qwen25Vl, cut, &expected[..2]);
}

#[test]
fn qwen3_vl_writes_thousandths_as_json() {
    let text = r#"{"objects": [{"label": "cat", "bbox_2d": [[100, 200, 500, 1000], [0, 0, 10.5, 20]]}]}"#;
    let expected = [boxed("cat", [200.0, 100.0, 1000.0, 500.0]), boxed("cat", [0.0, 0.0, 21.0, 10.0])];
    assert_reads(Qwen3Vl, text, &expected);
}

#[test]
fn paligemma_writes_tokens_with_the_label_behind_them() {
    let text = "<loc0256><loc0128><loc1024><loc0512> cat ; <loc0000><loc0000><loc0512><loc0256><seg001><seg127> dog\n";
    let expected = [boxed("cat", [250.0, 125.0, 1000.0, 500.0]), boxed("dog", [0.0, 0.0, 500.0, 250.0])];
    assert_reads(PaliGemma, text, &expected);
    assert_reads(PaliGemma, "no cat", &[]);
}

#[test]
fn gemma_writes_y_before_x() {
    let text = r#"Here: [{"box_2d": [200, 100, 1000, 500], "label": "cat"}, {"point": [500, 250], "label": "nose"}]"#;
    let expected = [boxed("cat", [200.0, 100.0, 1000.0, 500.0]), point("nose", [500.0, 250.0])];
    assert_reads(Gemma, text, &expected);
}

#[test]
fn internvl_writes_lists_between_marks() {
    let text = "<ref>the cat</ref><box>[[100, 200, 500, 1000], [0, 0, 10, 20]]</box> <ref>dog</ref><box>[[1, 2, 3, 4]]</box>";
    let expected = [
        boxed("the cat", [200.0, 100.0, 1000.0, 500.0]),
        boxed("the cat", [0.0, 0.0, 20.0, 10.0]),
        boxed("dog", [2.0, 1.0, 6.0, 2.0]),
    ];
    assert_reads(InternVl, text, &expected);
    assert_reads(InternVl, "the cat[[100, 200, 500, 1000]]", &expected[..1]);
}

#[test]
fn glm_v_writes_lists_or_objects_within_its_answer() {
    let cat = [200.0, 100.0, 1000.0, 500.0];
    let text = "<think>Is it [1, 2, 3, 4]?</think>It is <|begin_of_box|>[[100,200,500,1000]]<|end_of_box|>";
    assert_reads(GlmV, text, &[boxed("", cat)]);
    let text = r#"<|begin_of_box|>[{"bbox_2d": [100, 200, 500, 1000], "label": "cat"}]<|end_of_box|>"#;
    assert_reads(GlmV, text, &[boxed("cat", cat)]);
    assert_reads(GlmV, "[100, 200, 500, 1000]", &[boxed("", cat)]);
}

#[test]
fn deepseek_ocr_writes_parts_of_999() {
    let text = "<|ref|>title<|/ref|><|det|>[[0, 0, 999, 333]]<|/det|>\n# Mark [1]\n\n<|ref|>text<|/ref|><|det|>[[333, 666, 999, 999]]<|/det|>\nWords";
    let third = 500.0 / 3.0;
    let expected = [
        boxed("title", [0.0, 0.0, 2000.0, third]),
        boxed("text", [2000.0 / 3.0, 2.0 * third, 2000.0, 500.0]),
    ];
    assert_reads(DeepSeekOcr, text, &expected);
    assert_reads(
        DeepSeekOcr,
        "title[[0, 0, 999, 333]]\n# Mark\ntext[[333, 666, 999, 999]]\nWords",
        &expected,
    );
}

#[test]
fn places_are_inside_of_the_image_with_their_edges_in_order() {
    assert_reads(Qwen2Vl, "cat(900,1500),(100,200)", &[boxed("cat", [200.0, 100.0, 1800.0, 500.0])]);
    assert_reads(Qwen25Vl, r#"{"bbox_2d": [-5, 0, 1e300, 140]}"#, &[boxed("", [0.0, 0.0, 2000.0, 250.0])]);
}

#[test]
fn an_answer_whose_places_cannot_be_read_is_an_error_that_shows_one() {
    for (notation, text) in [
        (Qwen2Vl, "<|box_start|>(1,2),(3"),
        (Qwen25Vl, r#"[{"bbox_2d": [1, 2, 3]}]"#),
        (Qwen3Vl, r#"{"point_2d": "1, 2"}"#),
        (PaliGemma, "<loc0001><loc0002> cat"),
        (Gemma, r#"{"box_2d": [1, 2, 3, "#),
        (InternVl, "<ref>cat</ref><box>1, 2, 3, 4</box>"),
        (GlmV, r#"<|begin_of_box|>{"bbox_2d": null}<|end_of_box|>"#),
        (DeepSeekOcr, "<|ref|>cat<|/ref|><|det|>[[1, 2]]"),
    ] {
        let message = notation.read(text, &view()).unwrap_err().to_string();
        assert!(message.contains(notation.example()), "{message}");
        assert_eq!(notation.read(notation.example(), &view()).unwrap()[0].label.replace("cat", ""), "");
    }
}

/// Numbers that look drawn, the same each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}

const ALL: [Notation; 8] = [Qwen2Vl, Qwen25Vl, Qwen3Vl, PaliGemma, Gemma, InternVl, GlmV, DeepSeekOcr];

/// Whatever is read is in the image.
fn assert_inside(text: &str) {
    for notation in ALL {
        for region in notation.read(text, &view()).unwrap_or_default() {
            let (xs, ys) = match region.place {
                Place::Box([left, top, right, bottom]) => {
                    assert!(left <= right && top <= bottom, "{text:?}");
                    ([left, right], [top, bottom])
                }
                Place::Point([x, y]) => ([x; 2], [y; 2]),
            };
            assert!(xs.iter().all(|x| (0.0..=2000.0).contains(x)), "{text:?}");
            assert!(ys.iter().all(|y| (0.0..=500.0).contains(y)), "{text:?}");
        }
    }
}

#[test]
fn no_text_is_too_strange() {
    let signs: Vec<char> = "()[]{}<>|,;:\"\\/.-+eE019locseg \n\u{e9}\u{1f408}\u{0}".chars().collect();
    let mut draw = Draw(7);
    for notation in ALL {
        let text: Vec<char> = format!("\u{e4} {0} \u{1f408}{0}", notation.example()).chars().collect();
        for end in 0..text.len() {
            assert_inside(&text[..end].iter().collect::<String>());
            assert_inside(&text[end..].iter().collect::<String>());
        }
        for _ in 0..500 {
            let mut other = text.clone();
            for _ in 0..=draw.below(6) {
                let (at, sign) = (draw.below(other.len()), signs[draw.below(signs.len())]);
                match draw.below(3) {
                    0 => other[at] = sign,
                    1 => other.insert(at, sign),
                    _ => drop(other.remove(at)),
                }
            }
            assert_inside(&other.iter().collect::<String>());
        }
    }
    for deep in ["[", "{\"a\":", "[1,2,3,4,"] {
        assert_inside(&deep.repeat(500));
    }
    for long in ["<loc", "<loc0001>", "(1,", "(1,2)", "<|box_start|>(1,2)", "<ref>", "<"] {
        assert_inside(&long.repeat(20_000));
    }
}

#[test]
fn models_read_their_own_answers() {
    let size = Size { height: 370, width: 510 };
    let read = |name: &str, text: &str| Family::open(name).model.regions(text, size).unwrap();
    // Qwen2.5-VL names pixels of the size that its processor gives.
    let family = Family::open("qwen2.5-vl");
    let shown = crate::conversations::picture(size, 0);
    let prompt = family.model.prompt("<|image_pad|>", [&shown.into()]).unwrap();
    let seen = read("qwen2.5-vl", r#"{"bbox_2d": [0, 0, 8, 8]}"#);
    let Place::Box([left, top, right, bottom]) = seen[0].place else { panic!("{seen:?}") };
    assert_eq!([left, top], [0.0; 2]);
    // A token is a square of 8 pixels.
    let tokens = (size.width as f64 / right) * (size.height as f64 / bottom);
    assert!((tokens - prompt.image_tokens() as f64).abs() < 1e-6, "{tokens}");
    for (name, text) in [
        ("qwen2-vl", "a(0,0),(500,500)"),
        ("qwen3-vl", r#"{"bbox_2d": [0, 0, 500, 500]}"#),
        ("paligemma", "<loc0000><loc0000><loc0512><loc0512>"),
        ("gemma3", r#"{"box_2d": [0, 0, 500, 500]}"#),
        ("gemma3n", r#"{"box_2d": [0, 0, 500, 500]}"#),
        ("gemma4", r#"{"box_2d": [0, 0, 500, 500]}"#),
        ("internvl", "<box>[[0, 0, 500, 500]]</box>"),
        ("glm4v", "<|begin_of_box|>[[0, 0, 500, 500]]<|end_of_box|>"),
    ] {
        assert_eq!(read(name, text)[0].place, Place::Box([0.0, 0.0, 255.0, 185.0]), "{name}");
    }
    let message = Family::open("llava").model.regions("", size).unwrap_err().to_string();
    assert!(message.starts_with("the model is not known to write places"), "{message}");
    let none = Size { height: 0, width: 5 };
    let message = Family::open("qwen2-vl").model.regions("", none).unwrap_err().to_string();
    assert!(message.contains("has no places"), "{message}");
}
