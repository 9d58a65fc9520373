//! `#[derive(Tree)]`.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Generics, Member, Result, parse_quote};

/// The `impl Tree` of a struct or enum.
pub(crate) fn derive(input: DeriveInput) -> Result<TokenStream> {
    let bodies = bodies(&input)?;
    let visit = bodies.iter().map(Body::visit);
    let map = bodies.iter().map(Body::map);
    let same = bodies.iter().map(Body::same);

    let name = &input.ident;
    let generics = with_bounds(input.generics.clone());
    let (parameters, arguments, bounds) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        #[allow(unused_variables, unreachable_patterns)]
        impl #parameters ::mlx_core::Tree for #name #arguments #bounds {
            fn visit_leaves<'tree>(
                &'tree self,
                path: &mut ::mlx_core::transform::Path,
                visit: &mut dyn ::core::ops::FnMut(&::core::primitive::str, &'tree ::mlx_core::Array),
            ) {
                match self { #(#visit)* }
            }

            fn map_leaves(
                &self,
                path: &mut ::mlx_core::transform::Path,
                map: &mut dyn ::core::ops::FnMut(
                    &::core::primitive::str,
                    &::mlx_core::Array,
                ) -> ::mlx_core::Result<::mlx_core::Array>,
            ) -> ::mlx_core::Result<Self> {
                ::core::result::Result::Ok(match self { #(#map)* })
            }

            fn same_form(&self, other: &Self) -> ::core::primitive::bool {
                match (self, other) {
                    #(#same)*
                    _ => false,
                }
            }
        }
    })
}

/// A struct, or one variant of an enum.
struct Body {
    constructor: TokenStream,
    parts: Vec<Part>,
}

struct Part {
    field: Field,
    member: Member,
    skip: bool,
}

impl Body {
    fn new(constructor: TokenStream, fields: &Fields) -> Result<Self> {
        let parts = fields.iter().zip(fields.members()).map(|(field, member)| Part::new(field, member));
        Ok(Self { constructor, parts: parts.collect::<Result<_>>()? })
    }

    /// Binds every part to its name with `prefix`.
    fn pattern(&self, prefix: &str) -> TokenStream {
        let bindings = self.parts.iter().map(|part| {
            let (member, variable) = (&part.member, part.variable(prefix));
            quote! { #member: #variable }
        });
        let constructor = &self.constructor;
        quote! { #constructor { #(#bindings),* } }
    }

    fn visit(&self) -> TokenStream {
        let pattern = self.pattern("part");
        let visits = self.parts.iter().filter(|part| !part.skip).map(|part| {
            let (call, variable, name) = (part.method("visit_leaves"), part.variable("part"), part.name());
            quote! { path.within(#name, |path| #call(#variable, path, visit)); }
        });
        quote! { #pattern => { #(#visits)* } }
    }

    fn map(&self) -> TokenStream {
        let (pattern, constructor) = (self.pattern("part"), &self.constructor);
        let fields = self.parts.iter().map(|part| {
            let (member, variable, name) = (&part.member, part.variable("part"), part.name());
            if part.skip {
                return quote! { #member: ::core::clone::Clone::clone(#variable) };
            }
            let call = part.method("map_leaves");
            quote! { #member: path.within(#name, |path| #call(#variable, path, map))? }
        });
        quote! { #pattern => #constructor { #(#fields),* }, }
    }

    fn same(&self) -> TokenStream {
        let (ours, theirs) = (self.pattern("part"), self.pattern("other"));
        let parts = self.parts.iter().map(|part| {
            let (part_of, other) = (part.variable("part"), part.variable("other"));
            if part.skip {
                return quote! { #part_of == #other };
            }
            let call = part.method("same_form");
            quote! { #call(#part_of, #other) }
        });
        quote! { (#ours, #theirs) => true #(&& #parts)*, }
    }
}

impl Part {
    fn new(field: &Field, member: Member) -> Result<Self> {
        let mut skip = false;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("tree")) {
            attribute.parse_nested_meta(|meta| {
                if !meta.path.is_ident("skip") {
                    return Err(meta.error("expected `skip`"));
                }
                skip = true;
                Ok(())
            })?;
        }
        Ok(Self { field: field.clone(), member, skip })
    }

    fn name(&self) -> String {
        match &self.member {
            Member::Named(name) => name.unraw().to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        }
    }

    fn variable(&self, prefix: &str) -> Ident {
        format_ident!("{prefix}_{}", self.name())
    }

    fn method(&self, method: &str) -> TokenStream {
        let (part, method) = (&self.field.ty, format_ident!("{method}"));
        quote_spanned! {part.span()=> <#part as ::mlx_core::Tree>::#method }
    }
}

fn bodies(input: &DeriveInput) -> Result<Vec<Body>> {
    match &input.data {
        Data::Struct(data) => Ok(vec![Body::new(quote!(Self), &data.fields)?]),
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| {
                let name = &variant.ident;
                Body::new(quote!(Self::#name), &variant.fields)
            })
            .collect(),
        Data::Union(_) => Err(Error::new(input.ident.span(), "a union cannot be a tree")),
    }
}

/// The type's parameters, each of them a tree.
fn with_bounds(mut generics: Generics) -> Generics {
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::mlx_core::Tree));
    }
    generics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(input: DeriveInput) -> String {
        derive(input).unwrap_err().to_string()
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
        let code = derive(input).unwrap().to_string();
        assert!(code.contains("clone (part_name)") && code.contains("part_name == other_name"), "{code}");
        assert!(!code.contains("Opaque"), "{code}");
    }
}
