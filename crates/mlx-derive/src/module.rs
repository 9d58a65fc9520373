//! `#[derive(Module)]`.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Generics, LitStr, Member, Result, parse_quote};

/// The `impl Module` of a struct or enum.
pub(crate) fn derive(input: DeriveInput) -> Result<TokenStream> {
    let bodies = bodies(&input)?;
    let visit = bodies.iter().map(|body| body.arm(&format_ident!("visit")));
    let visit_mut = bodies.iter().map(|body| body.arm(&format_ident!("visit_mut")));

    let name = &input.ident;
    let generics = with_bounds(input.generics.clone());
    let (parameters, arguments, bounds) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        #[allow(unused_variables)]
        impl #parameters ::mlx_nn::Module for #name #arguments #bounds {
            fn visit<'module>(
                &'module self,
                path: &mut ::mlx_nn::Path,
                visit: &mut dyn ::core::ops::FnMut(&::core::primitive::str, &'module ::mlx_nn::Array),
            ) {
                match self { #(#visit)* }
            }

            fn visit_mut(
                &mut self,
                path: &mut ::mlx_nn::Path,
                visit: &mut dyn ::core::ops::FnMut(&::core::primitive::str, &mut ::mlx_nn::Array),
            ) {
                match self { #(#visit_mut)* }
            }
        }
    })
}

/// A struct, or one variant of an enum.
struct Body {
    pattern: TokenStream,
    parts: Vec<Part>,
}

/// A field that is visited.
struct Part {
    field: Field,
    member: Member,
    /// `None` if the field's own parts appear in its place.
    name: Option<String>,
}

impl Body {
    fn new(pattern: TokenStream, fields: &Fields) -> Result<Self> {
        let only = matches!(fields, Fields::Unnamed(_)) && fields.len() == 1;
        let parts = fields.iter().zip(fields.members()).map(|(field, member)| Part::new(field, member, only));
        Ok(Self { pattern, parts: parts.filter_map(Result::transpose).collect::<Result<_>>()? })
    }

    /// Visits the parts by `method`.
    fn arm(&self, method: &Ident) -> TokenStream {
        let Self { pattern, parts } = self;
        let bindings = parts.iter().map(Part::binding);
        let visits = parts.iter().map(|part| part.visit(method));
        quote! { #pattern { #(#bindings,)* .. } => { #(#visits)* } }
    }
}

impl Part {
    /// `None` if the field is skipped.
    fn new(field: &Field, member: Member, only: bool) -> Result<Option<Self>> {
        let mut name = match &member {
            Member::Named(name) => Some(name.unraw().to_string()),
            Member::Unnamed(_) if only => None,
            Member::Unnamed(index) => Some(index.index.to_string()),
        };
        let mut skip = false;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("module")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    name = Some(meta.value()?.parse::<LitStr>()?.value());
                } else if meta.path.is_ident("flatten") {
                    name = None;
                } else if meta.path.is_ident("skip") {
                    skip = true;
                } else {
                    return Err(meta.error("expected `name = \"...\"`, `flatten` or `skip`"));
                }
                Ok(())
            })?;
        }
        Ok((!skip).then(|| Self { field: field.clone(), member, name }))
    }

    fn variable(&self) -> Ident {
        match &self.member {
            Member::Named(name) => format_ident!("part_{}", name.unraw()),
            Member::Unnamed(index) => format_ident!("part_{}", index.index),
        }
    }

    fn binding(&self) -> TokenStream {
        let (member, variable) = (&self.member, self.variable());
        quote! { #member: #variable }
    }

    fn visit(&self, method: &Ident) -> TokenStream {
        let (part, variable) = (&self.field.ty, self.variable());
        let call = quote_spanned! {part.span()=> <#part as ::mlx_nn::Module>::#method };
        match &self.name {
            Some(name) => quote! { path.within(#name, |path| #call(#variable, path, visit)); },
            None => quote! { #call(#variable, path, visit); },
        }
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
        Data::Union(_) => Err(Error::new(input.ident.span(), "a union cannot be a module")),
    }
}

/// The type's parameters, each of them a module.
fn with_bounds(mut generics: Generics) -> Generics {
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::mlx_nn::Module));
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
    fn an_unknown_attribute_is_refused_with_the_choices() {
        let message = error(parse_quote! {
            struct Layer {
                #[module(rename = "w")]
                weight: Array,
            }
        });
        assert_eq!(message, "expected `name = \"...\"`, `flatten` or `skip`");
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
        let input: DeriveInput = parse_quote! {
            struct Layer {
                weight: Array,
                #[module(skip)]
                name: Opaque,
            }
        };
        let code = derive(input).unwrap().to_string();
        assert!(code.contains("part_weight") && !code.contains("Opaque"), "{code}");
    }
}
