//! A Python program beside a benchmark, whose rounds alternate with its own.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running program, which is asked by a line and answers by one.
pub struct Python {
    process: Child,
    questions: Option<ChildStdin>,
    answers: Option<BufReader<ChildStdout>>,
}

impl Python {
    /// Starts `program` in the interpreter that the environment's `MLX_PYTHON` names; `None` with a line that says so
    /// where it names none.
    ///
    /// # Errors
    /// It cannot be started.
    #[expect(clippy::print_stdout, reason = "says why a benchmark measures nothing")]
    pub fn start(program: &str, arguments: &[&str]) -> io::Result<Option<Self>> {
        let Ok(interpreter) = std::env::var("MLX_PYTHON") else {
            println!("skipped: MLX_PYTHON names no interpreter that has mlx-lm");
            return Ok(None);
        };
        let mut command = Command::new(interpreter);
        command.args(["-B", "-c", program]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let (questions, answers) = (process.stdin.take(), process.stdout.take().map(BufReader::new));
        Ok(Some(Self { process, questions, answers }))
    }

    /// The numbers that answer a question, with spaces between them.
    ///
    /// # Errors
    /// The program has ended, or answers something else.
    pub fn ask(&mut self, question: &str) -> io::Result<Vec<f64>> {
        let ended = || io::Error::other("the Python program has ended");
        writeln!(self.questions.as_mut().ok_or_else(ended)?, "{question}")?;
        let mut line = String::new();
        self.answers.as_mut().ok_or_else(ended)?.read_line(&mut line)?;
        let numbers = line.split_whitespace().map(str::parse::<f64>).collect::<Result<Vec<_>, _>>();
        numbers.ok().filter(|numbers| !numbers.is_empty()).ok_or_else(|| io::Error::other(line))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.questions = None;
        let _ = self.process.wait();
    }
}
