//! What a Florence-2 answered: a text, in which places of a thousand stand for pixels.

use mlx_image::Size;

use super::task::{BINS, TaskKind};

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The text as it was written, without what begins and ends it.
    pub text: String,
    /// What is said of places in the image.
    pub regions: Vec<Region>,
}

/// A place in the image.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// What is there; empty if nothing is said of it.
    pub label: String,
    /// Where it is.
    pub shape: Shape,
}

/// A shape in pixels of the image that the question was about, from its left and upper edge.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// The left, upper, right and lower edge.
    Box([f32; 4]),
    /// Four corners, each of x and y.
    Quad([[f32; 2]; 4]),
    /// Outlines, each of corners of x and y.
    Outlines(Vec<Vec<[f32; 2]>>),
}

/// A part of a text: a place, a mark around places, or words.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part<'t> {
    Place(f32),
    Open,
    Close,
    Separator,
    Words(&'t str),
}

const MARKS: [(&str, Part<'static>); 3] =
    [("<poly>", Part::Open), ("</poly>", Part::Close), ("<sep>", Part::Separator)];

/// How places are read.
#[derive(Clone, Copy)]
struct Reader {
    size: Size,
}

impl Answer {
    /// Reads the `text` of an answer to a question of such a kind about an image of such a size.
    ///
    /// Places are thousandths of the edges: each stands for its middle. What is no whole shape is left out.
    pub fn read(kind: TaskKind, text: &str, size: Size) -> Self {
        let text = ["<s>", "</s>", "<pad>"].iter().fold(text.to_owned(), |text, mark| text.replace(mark, ""));
        let text = text.trim();
        let (parts, reader) = (parts(text), Reader { size });
        let regions = match kind {
            TaskKind::OcrWithRegion => reader.quads(&parts),
            TaskKind::ObjectDetection | TaskKind::DenseRegionCaption | TaskKind::PhraseGrounding => {
                reader.boxes(&parts, false)
            }
            TaskKind::RegionProposal => reader.boxes(&parts, true),
            TaskKind::ReferringSegmentation | TaskKind::RegionToSegmentation => reader.outlines(&parts, true),
            TaskKind::OpenVocabularyDetection if parts.contains(&Part::Open) => {
                reader.outlines(&parts, false)
            }
            TaskKind::OpenVocabularyDetection => reader.boxes(&parts, false),
            _ => Vec::new(),
        };
        Self { text: text.to_owned(), regions }
    }
}

/// The parts of a text in order.
fn parts(text: &str) -> Vec<Part<'_>> {
    let (mut parts, mut rest, mut words) = (Vec::new(), text, 0);
    while let Some(from) = rest.get(words..).and_then(|behind| behind.find('<')) {
        let at = words + from;
        let (before, behind) = rest.split_at(at);
        let Some((part, length)) = marked(behind) else {
            words = at + 1;
            continue;
        };
        if !before.is_empty() {
            parts.push(Part::Words(before));
        }
        parts.push(part);
        rest = behind.get(length..).unwrap_or_default();
        words = 0;
    }
    if !rest.is_empty() {
        parts.push(Part::Words(rest));
    }
    parts
}

/// The place or the mark that a text begins with, and its length.
fn marked(text: &str) -> Option<(Part<'static>, usize)> {
    if let Some((mark, part)) = MARKS.iter().find(|(mark, _)| text.starts_with(mark)) {
        return Some((*part, mark.len()));
    }
    let digits = text.strip_prefix("<loc_")?;
    let end = digits.find('>')?;
    let place: u32 = digits.get(..end)?.parse().ok()?;
    Some((Part::Place(place as f32), "<loc_".len() + end + 1))
}

/// Runs of what is no words, each with the words before it.
fn runs<'p, 't>(parts: &'p [Part<'t>]) -> impl Iterator<Item = (Option<&'t str>, &'p [Part<'t>])> {
    let is_words = |part: &Part<'_>| matches!(part, Part::Words(_));
    let pieces = parts.chunk_by(move |a, b| !is_words(a) && !is_words(b));
    let mut label = None;
    pieces.filter_map(move |piece| match piece {
        [Part::Words(words)] => {
            label = Some(*words);
            None
        }
        run => Some((label.take(), run)),
    })
}

/// What stands before places: words, up to a sign that begins a mark.
fn phrase(words: Option<&str>) -> Option<String> {
    let words = words?.rsplit('<').next().filter(|words| !words.is_empty())?;
    Some(words.trim().to_owned())
}

impl Reader {
    fn point(self, x: f32, y: f32) -> [f32; 2] {
        let Size { height, width } = self.size;
        [(x + 0.5) * (width as f32 / BINS), (y + 0.5) * (height as f32 / BINS)]
    }

    fn points<const N: usize>(self, places: &[f32]) -> Option<[[f32; 2]; N]> {
        let (pairs, _) = places.as_chunks::<2>();
        pairs.iter().map(|[x, y]| self.point(*x, *y)).collect::<Vec<_>>().try_into().ok()
    }

    /// Boxes, of which several can have one label; or those without any.
    fn boxes(self, parts: &[Part<'_>], unnamed: bool) -> Vec<Region> {
        let mut regions = Vec::new();
        for (words, run) in runs(parts) {
            let label = if unnamed { Some(String::new()) } else { phrase(words) };
            let Some(label) = label else { continue };
            let places: Vec<f32> = places(run).collect();
            for four in places.as_chunks::<4>().0 {
                if let Some([[left, top], [right, bottom]]) = self.points(four) {
                    let shape = Shape::Box([left, top, right, bottom]);
                    regions.push(Region { label: label.clone(), shape });
                }
            }
        }
        regions
    }

    /// Texts, each with four corners.
    fn quads(self, parts: &[Part<'_>]) -> Vec<Region> {
        let region = |(words, run): (Option<&str>, &[Part<'_>])| {
            let places: Vec<f32> = places(run).take(8).collect();
            let shape = Shape::Quad(self.points(&places)?);
            Some(Region { label: words?.trim().to_owned(), shape })
        };
        runs(parts).filter_map(region).collect()
    }

    /// Outlines: those of a mark belong to one thing.
    fn outlines(self, parts: &[Part<'_>], unnamed: bool) -> Vec<Region> {
        let mut regions = Vec::new();
        for (words, run) in runs(parts).filter(|(_, run)| run.len() >= 4) {
            let label = phrase(words).or(unnamed.then(String::new));
            let Some(label) = label else { continue };
            let things: Vec<&[Part<'_>]> = if run.contains(&Part::Open) && run.contains(&Part::Close) {
                run.split(|part| *part == Part::Open).skip(1).filter_map(closed).collect()
            } else {
                vec![run]
            };
            for thing in things {
                let outlines: Vec<_> = thing
                    .split(|part| *part == Part::Separator)
                    .map(|outline| self.outline(outline))
                    .filter(|outline| !outline.is_empty())
                    .collect();
                if !outlines.is_empty() {
                    regions.push(Region { label: label.clone(), shape: Shape::Outlines(outlines) });
                }
            }
        }
        regions
    }

    fn outline(self, parts: &[Part<'_>]) -> Vec<[f32; 2]> {
        let places: Vec<f32> = places(parts).collect();
        places.as_chunks::<2>().0.iter().map(|[x, y]| self.point(*x, *y)).collect()
    }
}

fn places(parts: &[Part<'_>]) -> impl Iterator<Item = f32> {
    parts.iter().filter_map(|part| match part {
        Part::Place(place) => Some(*place),
        _ => None,
    })
}

/// What stands before the mark that closes it.
fn closed<'p, 't>(parts: &'p [Part<'t>]) -> Option<&'p [Part<'t>]> {
    let end = parts.iter().position(|part| *part == Part::Close)?;
    parts.get(..end)
}
