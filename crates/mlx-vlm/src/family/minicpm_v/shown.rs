//! What stands for an image in a text.

use mlx_image::Size;

/// What is around the whole, and around a slice.
const WHOLE: [&str; 2] = ["<image>", "</image>"];
const SLICE: [&str; 2] = ["<slice>", "</slice>"];

/// What stands for an image of which `whole` vectors show all, and `each` show one of so many rows and columns of slices:
/// `token` for each vector.
pub(super) fn shown(token: &str, whole: usize, (slices, each): (Size, usize)) -> String {
    let around = |[start, end]: [&str; 2], count| format!("{start}{}{end}", token.repeat(count));
    let row = around(SLICE, each).repeat(slices.width);
    around(WHOLE, whole) + &vec![row; slices.height].join("\n")
}

/// What stands before an image for its number.
pub(super) fn numbered(number: usize) -> String {
    format!("<image_id>{number}</image_id>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_behind_the_whole_row_by_row() {
        let whole = shown("x", 2, (Size::square(0), 0));
        assert_eq!(whole, "<image>xx</image>");
        let row = "<slice>x</slice><slice>x</slice>";
        assert_eq!(shown("x", 2, (Size::square(2), 1)), format!("{whole}{row}\n{row}"));
        assert_eq!(numbered(3), "<image_id>3</image_id>");
    }
}
