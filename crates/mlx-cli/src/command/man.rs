//! `mlx man`: pages for `man`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;

use crate::examples;
use crate::failure::Outcome;
use crate::file;
use crate::stdout::stdout;

/// Write a page for `man` of each subcommand.
///
/// Pages are called mlx.1, mlx-generate.1, mlx-codec-encode.1 and so on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx man --output ~/.local/share/man/man1
  mlx man --output man")]
pub(crate) struct Man {
    /// The folder to write to, which is made if it is not there
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
}

/// Writes all pages.
pub(crate) fn run(args: &Man) -> Outcome {
    let folder = &args.output;
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut command = crate::args::Args::command();
    command.build();
    let count = write(&command, folder)?;
    writeln!(stdout(), "{}: {count} pages", folder.display())?;
    Ok(())
}

/// Writes the pages of a command and of those within it, and counts them.
fn write(command: &Command, folder: &Path) -> Outcome<usize> {
    let mut count = 1;
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        count += write(inner, folder)?;
    }
    let page = Page::new(command.clone());
    file::write(&folder.join(page.get_filename()), &render(&page, command)?)?;
    Ok(count)
}

/// A page, in which what stands behind the options has sections of its own.
fn render(page: &Page, command: &Command) -> io::Result<Vec<u8>> {
    let mut roff = Vec::new();
    page.render_title(&mut roff)?;
    page.render_name_section(&mut roff)?;
    page.render_synopsis_section(&mut roff)?;
    page.render_description_section(&mut roff)?;
    page.render_options_section(&mut roff)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut roff)?;
    }
    for (title, lines) in examples::sections(command) {
        writeln!(roff, ".SH {}\n.nf", title.to_uppercase())?;
        for line in lines {
            writeln!(roff, "{}", escaped(&line))?;
        }
        writeln!(roff, ".fi")?;
    }
    page.render_version_section(&mut roff)?;
    Ok(roff)
}

/// A line as it is. What begins with a dot or a quote would be a request.
fn escaped(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_roff_reads_otherwise_is_escaped() {
        assert_eq!(escaped(".a -b 'c' \\d"), "\\&.a \\-b \\(aqc\\(aq \\ed");
    }
}
