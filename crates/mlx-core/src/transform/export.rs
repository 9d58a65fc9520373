//! Functions in files, which run without the code that made them, in any of MLX's languages.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Shapes;
use super::grad::owned;
use super::header::{self, Header};
use super::tree::skeleton;
use crate::ffi::closure::outcome;
use crate::ffi::{compile, export};
use crate::{Array, Error, Kind, Result, Tree, cpu};

/// Arguments by name.
pub type Keywords = BTreeMap<String, Array>;

/// Writes `f`, traced with `argument`, to a file. See [`Exporter`] for keywords, several traces and other shapes.
///
/// ```
/// use std::collections::BTreeMap;
/// use mlx_core::prelude::*;
/// use mlx_core::transform::{export_function, import_function};
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("scaled.mlxfn");
/// let w = Array::from([3.0, 4.0]);
/// let x = Array::from([1.0, 2.0]);
/// export_function(&path, { let w = w.clone(); move |x: &Array| x * &w }, &x)?;
///
/// let scaled = import_function(&path)?;
/// let y = scaled.call(&x, &BTreeMap::new())?.remove(0);
/// assert_eq!(y.to_vec::<f32>()?, [3.0, 8.0]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
///
/// # Errors
/// `f` failed, uses an op that has no form in a file, captures `argument`, or the file cannot be written.
/// Whatever was at `path` is then still there.
#[track_caller]
pub fn export_function<T: Tree + 'static, U: Tree + 'static>(
    path: impl AsRef<Path>,
    f: impl Fn(&T) -> Result<U> + 'static,
    argument: &T,
) -> Result<()> {
    let mut exporter = Exporter::create(path, move |x: &T, _: &Keywords| f(x), Export::default())?;
    exporter.trace(argument, &Keywords::new())?;
    exporter.finish()
}

/// How a function is written to a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// Which arguments share one trace.
    pub shapes: Shapes,
    /// Free text for the head of the file.
    pub metadata: String,
}

/// Writes traces of one function, for arguments of different forms, to one file.
///
/// The arrays of the first argument, in order, are the positional arguments in the file; those it captures are
/// written with it.
pub struct Exporter<T> {
    exporter: export::Exporter,
    /// What the argument of the trace that is being written looks like.
    argument: Rc<RefCell<Option<T>>>,
    failed: Cell<bool>,
    beside: tempfile::TempPath,
    path: PathBuf,
}

impl<T: Tree + 'static> Exporter<T> {
    /// Begins a file beside `path` for a function of arrays and of arrays by name.
    #[track_caller]
    pub fn create<U: Tree + 'static>(
        path: impl AsRef<Path>,
        f: impl Fn(&T, &Keywords) -> Result<U> + 'static,
        export: Export,
    ) -> Result<Self> {
        let path = path.as_ref();
        let beside = match file_beside(path) {
            Ok(beside) => beside,
            Err(error) => return Err(failed("export_function", path, &error.to_string())),
        };
        let argument = Rc::new(RefCell::new(None::<T>));
        let form = Rc::clone(&argument);
        let body = move |arrays: Vec<Array>, keywords: Keywords| {
            let argument = super::grad::formed(form.borrow().as_ref(), arrays)?;
            cpu::plainly(|| f(&argument, &keywords)).map(|value| owned(&value))
        };
        let any_shapes = export.shapes == Shapes::Any;
        let exporter = export::Exporter::create(&beside, Box::new(body), any_shapes, &export.metadata)?;
        Ok(Self { exporter, argument, failed: Cell::new(false), beside, path: path.to_owned() })
    }

    /// Calls the function and writes what it does.
    ///
    /// # Errors
    /// As for [`export_function`]; also if there is a trace for such arguments. Then nothing more can be written.
    #[track_caller]
    pub fn trace(&mut self, argument: &T, keywords: &Keywords) -> Result<()> {
        if self.failed.replace(true) {
            return Err(Error::new(Kind::Io, "export_function", "an earlier trace failed: begin a new file"));
        }
        outcome(Location::caller(), || {
            self.argument.replace(Some(skeleton(argument)?));
            self.exporter.trace(&owned(argument), keywords)
        })?;
        self.failed.set(false);
        Ok(())
    }

    /// Puts the file in place.
    ///
    /// # Errors
    /// A trace failed, or the file cannot be moved to its path.
    #[track_caller]
    pub fn finish(self) -> Result<()> {
        if self.failed.get() {
            return Err(Error::new(
                Kind::Io,
                "export_function",
                "a trace failed, so the file is not complete",
            ));
        }
        drop(self.exporter);
        match self.beside.persist(&self.path) {
            Ok(()) => Ok(()),
            Err(refused) => Err(failed("export_function", &self.path, &refused.error.to_string())),
        }
    }
}

/// A function that was read from a file.
pub struct ImportedFunction {
    function: export::Imported,
    header: Header,
}

/// Reads a function that this crate or another of MLX's languages wrote.
///
/// Arrays that it captured are read when it is first used, so the file has to stay as it is until then. A file
/// of a function is a program: MLX does not check it, so use only those of a source that you trust.
///
/// # Errors
/// The file is missing, or is no function.
#[track_caller]
pub fn import_function(path: impl AsRef<Path>) -> Result<ImportedFunction> {
    let path = path.as_ref();
    let header = match header::read(path) {
        Ok(header) => header,
        Err(why) => return Err(failed("import_function", path, &why)),
    };
    Ok(ImportedFunction { function: export::Imported::open(path)?, header })
}

impl ImportedFunction {
    /// Calls it with the arrays of `argument`, in order, and those with names.
    ///
    /// # Errors
    /// No trace in the file fits the number, shapes and types of the arrays.
    #[track_caller]
    pub fn call(&self, argument: &impl Tree, keywords: &Keywords) -> Result<Vec<Array>> {
        let arguments = owned(argument);
        let outputs = self.function.call(&arguments, keywords)?;
        if self.header.any_shapes {
            let inputs: Vec<_> = arguments.iter().chain(keywords.values()).cloned().collect();
            compile::check_shapes(&outputs, &inputs)?;
        }
        Ok(outputs)
    }

    /// The text in the head of the file.
    pub fn metadata(&self) -> &str {
        &self.header.metadata
    }

    /// The version of MLX that wrote the file.
    pub fn version(&self) -> &str {
        &self.header.version
    }
}

/// A file that goes away unless it is put in place.
fn file_beside(path: &Path) -> std::io::Result<tempfile::TempPath> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    Ok(builder.permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?.into_temp_path())
}

#[track_caller]
fn failed(op: &'static str, path: &Path, why: &str) -> Error {
    Error::new(Kind::Io, op, format!("{}: {why}", path.display()))
}
