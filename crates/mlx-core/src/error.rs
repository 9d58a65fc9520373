//! The one error of this crate: what failed, where the caller was.

use std::fmt;
use std::panic::Location;

/// The result of an op.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Shapes, axes or sizes do not fit.
    Shape,
    /// The array holds another type of element.
    Dtype,
    /// An index is outside the array.
    Index,
    /// A device or stream is not there.
    Device,
    /// The thread or process that must do this is another one, or is gone.
    Thread,
    /// A file is missing, damaged or cannot be written.
    Io,
    /// MLX refused the call or failed in it; the message is its own.
    Mlx,
    /// A closure or a kernel of the caller's refused its arguments.
    Custom,
}

/// A failed op. It is one pointer wide and can be sent between threads.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    op: &'static str,
    message: String,
    at: &'static Location<'static>,
}

impl Error {
    /// An error of the caller's own, for a closure or a kernel that refuses its arguments. `op` names it.
    #[track_caller]
    pub fn custom(op: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Custom, op, message)
    }

    #[track_caller]
    pub(crate) fn new(kind: Kind, op: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, op, message: message.into(), at: Location::caller() }))
    }

    /// The same error at the caller's line, where a closure hid that.
    #[track_caller]
    pub(crate) fn at_caller(self) -> Self {
        self.placed(Location::caller())
    }

    /// The same error at another line.
    pub(crate) fn placed(mut self, at: &'static Location<'static>) -> Self {
        self.0.at = at;
        self
    }

    /// The same error with the arguments of the call that failed.
    pub(crate) fn given(mut self, arguments: fmt::Arguments<'_>) -> Self {
        self.0.message = format!("{} (given {arguments})", self.0.message);
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The op that failed, by MLX's name.
    pub fn op(&self) -> &'static str {
        self.0.op
    }

    /// What was wrong, without the op and the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The line that called the op.
    pub fn at(&self) -> &'static Location<'static> {
        self.0.at
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { op, message, at, .. } = &*self.0;
        write!(f, "{op}: {message} (at {}:{})", at.file(), at.line())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {}
