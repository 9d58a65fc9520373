//! The derive macros of mlx-core and mlx-nn, which re-export them; a macro cannot live in the crate that uses it.

#![forbid(unsafe_code)]

mod body;
mod module;
mod tree;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct or enum a module, and a tree: every field is a part, under its own name.
///
/// The names are those of the checkpoint. `#[module(name = "...")]` gives a field another one,
/// `#[module(flatten)]` none at all. The only field of a tuple has no name, and neither has the variant of an enum.
/// The arrays of a `#[module(buffer)]` are kept with the parameters, but not learned. A `#[module(skip)]` field is
/// left out; it must be `Clone` and `PartialEq`. A type with a part that is no tree, such as a `Box<dyn Layer>`, is
/// marked `#[module(no_tree)]` itself.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    module::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a struct or enum a tree of arrays: every field is a part, under its own name.
///
/// `#[tree(skip)]` keeps a field as it is; its type must be `Clone` and `PartialEq`.
#[proc_macro_derive(Tree, attributes(tree))]
pub fn derive_tree(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    tree::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
