//! The derive macros of mlx-core and mlx-nn, which re-export them; a macro cannot live in the crate that uses it.

#![forbid(unsafe_code)]

mod module;
mod tree;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Visits the fields as parts of a module, each under its own name.
///
/// The names are those of the checkpoint. `#[module(name = "...")]` gives a field another one,
/// `#[module(flatten)]` none at all, `#[module(skip)]` leaves the field out. The only field of a tuple has no
/// name, and neither has the variant of an enum.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    module::derive(input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a struct or enum a tree of arrays: every field is a part, under its own name.
///
/// `#[tree(skip)]` keeps a field as it is; its type must be `Clone` and `PartialEq`.
#[proc_macro_derive(Tree, attributes(tree))]
pub fn derive_tree(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    tree::derive(input).unwrap_or_else(syn::Error::into_compile_error).into()
}
