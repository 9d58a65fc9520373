//! `#[derive(Tree)]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Path, Result, parse_quote};

use crate::body::{Body, Kind, Part, Role, bodies, with_bounds};

/// The `impl Tree` of a struct or enum.
pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    Ok(implementation(input, &bodies(input, Kind::Tree)?, &parse_quote!(::mlx_core)))
}

/// The `impl Tree` of a type with these bodies, where mlx-core is at the path `core`.
pub(crate) fn implementation(input: &DeriveInput, bodies: &[Body], core: &Path) -> TokenStream {
    let visit = bodies.iter().map(|body| body.visit(core));
    let map = bodies.iter().map(|body| body.map(core));
    let same = bodies.iter().map(|body| body.same(core));

    let name = &input.ident;
    let generics = with_bounds(&input.generics, &parse_quote!(#core::Tree));
    let (parameters, arguments, bounds) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        #[allow(unused_variables, unreachable_patterns)]
        impl #parameters #core::Tree for #name #arguments #bounds {
            fn visit_leaves<'tree>(
                &'tree self,
                path: &mut #core::transform::Path,
                visit: &mut dyn ::core::ops::FnMut(&::core::primitive::str, &'tree #core::Array),
            ) {
                match self { #(#visit)* }
            }

            fn map_leaves(
                &self,
                path: &mut #core::transform::Path,
                map: &mut dyn ::core::ops::FnMut(
                    &::core::primitive::str,
                    &#core::Array,
                ) -> #core::Result<#core::Array>,
            ) -> #core::Result<Self> {
                ::core::result::Result::Ok(match self { #(#map)* })
            }

            fn same_form(&self, other: &Self) -> ::core::primitive::bool {
                match (self, other) {
                    #(#same)*
                    _ => false,
                }
            }
        }
    }
}

impl Body {
    fn visit(&self, core: &Path) -> TokenStream {
        let pattern = self.pattern("part");
        let visits = self.visited().map(|part| {
            let (call, variable) = (part.method(core, "visit_leaves"), part.variable("part"));
            part.within(quote! { #call(#variable, path, visit) })
        });
        quote! { #pattern => { #(#visits;)* } }
    }

    fn map(&self, core: &Path) -> TokenStream {
        let pattern = self.pattern("part");
        let value = self.construct(self.parts.iter().map(|part| {
            let variable = part.variable("part");
            if part.role == Role::Skip {
                return quote! { ::core::clone::Clone::clone(#variable) };
            }
            let call = part.method(core, "map_leaves");
            let mapped = part.within(quote! { #call(#variable, path, map) });
            quote! { #mapped? }
        }));
        quote! { #pattern => #value, }
    }

    fn same(&self, core: &Path) -> TokenStream {
        let (ours, theirs) = (self.pattern("part"), self.pattern("other"));
        let parts = self.parts.iter().map(|part| {
            let (part_of, other) = (part.variable("part"), part.variable("other"));
            if part.role == Role::Skip {
                return quote! { #part_of == #other };
            }
            let call = part.method(core, "same_form");
            quote! { #call(#part_of, #other) }
        });
        quote! { (#ours, #theirs) => true #(&& #parts)*, }
    }
}

impl Part {
    fn method(&self, core: &Path, method: &str) -> TokenStream {
        let (part, method) = (&self.ty, format_ident!("{method}"));
        quote_spanned! {part.span()=> <#part as #core::Tree>::#method }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(input: DeriveInput) -> String {
        derive(&input).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_attribute_is_refused_with_the_choice() {
        let message = error(parse_quote! {
            struct Layer {
                #[tree(name = "w")]
                weight: Array,
            }
        });
        assert_eq!(message, "expected `skip`");
    }

    #[test]
    fn a_union_is_refused() {
        let message = error(parse_quote! {
            union Either { a: i32, b: f32 }
        });
        assert_eq!(message, "a union cannot be a tree");
    }

    #[test]
    fn a_skipped_field_is_cloned_and_compared() {
        let input: DeriveInput = parse_quote! {
            struct Layer {
                weight: Array,
                #[tree(skip)]
                name: Opaque,
            }
        };
        let code = derive(&input).unwrap().to_string();
        assert!(code.contains("clone (part_name)") && code.contains("part_name == other_name"), "{code}");
        assert!(!code.contains("Opaque"), "{code}");
    }
}
