//! `#[derive(Module)]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Result, parse_quote};

use crate::body::{Body, Kind, Part, Role, bodies, with_bounds};
use crate::tree;

/// The `impl Module` of a struct or enum, and its `impl Tree` unless it asks for none.
pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let bodies = bodies(input, Kind::Module)?;
    let tree = if is_tree(input)? {
        tree::implementation(input, &bodies, &parse_quote!(::mlx_nn::mlx_core))
    } else {
        TokenStream::new()
    };
    let visit = bodies.iter().map(|body| body.arm("visit"));
    let visit_mut = bodies.iter().map(|body| body.arm("visit_mut"));

    let name = &input.ident;
    let generics = with_bounds(&input.generics, &parse_quote!(::mlx_nn::Module));
    let (parameters, arguments, bounds) = generics.split_for_impl();
    Ok(quote! {
        #tree

        #[automatically_derived]
        #[allow(unused_variables)]
        impl #parameters ::mlx_nn::Module for #name #arguments #bounds {
            fn visit<'module>(
                &'module self,
                path: &mut ::mlx_nn::Path,
                visit: &mut dyn ::mlx_nn::Visit<'module>,
            ) {
                visit.module(path.as_str(), self);
                match self { #(#visit)* }
            }

            fn visit_mut(&mut self, path: &mut ::mlx_nn::Path, visit: &mut dyn ::mlx_nn::VisitMut) {
                visit.module(path.as_str(), self);
                match self { #(#visit_mut)* }
            }
        }
    })
}

/// Whether the type is a tree: not with `#[module(no_tree)]`.
fn is_tree(input: &DeriveInput) -> Result<bool> {
    let mut tree = true;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("no_tree") {
                return Err(meta.error("expected `no_tree`"));
            }
            tree = false;
            Ok(())
        })?;
    }
    Ok(tree)
}

impl Body {
    /// Visits the parts by `method`.
    fn arm(&self, method: &str) -> TokenStream {
        let pattern = self.pattern("part");
        let visits = self.visited().map(|part| part.visit(method));
        quote! { #pattern => { #(#visits;)* } }
    }
}

impl Part {
    fn visit(&self, method: &str) -> TokenStream {
        let (part, variable, method) = (&self.ty, self.variable("part"), format_ident!("{method}"));
        let visit = match self.role {
            Role::Buffer => quote!(&mut ::mlx_nn::Buffers(visit)),
            Role::Part | Role::Skip => quote!(visit),
        };
        self.within(
            quote_spanned! {part.span()=> <#part as ::mlx_nn::Module>::#method(#variable, path, #visit) },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(input: DeriveInput) -> String {
        derive(&input).unwrap().to_string()
    }

    fn error(input: DeriveInput) -> String {
        derive(&input).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_attribute_is_refused_with_the_choices() {
        let message = error(parse_quote! {
            struct Layer {
                #[module(rename = "w")]
                weight: Array,
            }
        });
        assert_eq!(message, "expected `name = \"...\"`, `flatten`, `buffer` or `skip`");
        let message = error(parse_quote! {
            #[module(tree)]
            struct Layer;
        });
        assert_eq!(message, "expected `no_tree`");
    }

    #[test]
    fn a_union_is_refused() {
        let message = error(parse_quote! {
            union Either { a: i32, b: f32 }
        });
        assert_eq!(message, "a union cannot be a module");
    }

    #[test]
    fn a_skipped_field_is_not_visited() {
        let code = code(parse_quote! {
            #[module(no_tree)]
            struct Layer {
                weight: Array,
                #[module(skip)]
                name: Opaque,
            }
        });
        assert!(code.contains("part_weight") && !code.contains("Opaque"), "{code}");
    }

    #[test]
    fn a_module_is_a_tree_unless_it_asks_not_to_be() {
        let with = code(parse_quote! {
            struct Layer(Array);
        });
        let without = code(parse_quote! {
            #[module(no_tree)]
            struct Layer(Array);
        });
        assert!(with.contains("mlx_core :: Tree for Layer") && !without.contains("Tree"), "{with}");
    }
}
