//! The fields of a type, as the derives see them.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{
    Data, DeriveInput, Error, Field, Fields, Generics, LitStr, Member, Path, Result, Type, parse_quote,
};

/// What is derived.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A tree, each of whose parts has a name.
    Tree,
    /// A module, whose parts have the names of a checkpoint.
    Module,
}

/// A struct, or one variant of an enum.
pub(crate) struct Body {
    constructor: TokenStream,
    pub(crate) parts: Vec<Part>,
}

/// A field.
pub(crate) struct Part {
    pub(crate) ty: Type,
    pub(crate) member: Member,
    pub(crate) role: Role,
    /// `None` if the field's own parts appear in its place.
    name: Option<String>,
}

/// What a field is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It is visited.
    Part,
    /// It is visited, and what is in it is not learned.
    Buffer,
    /// It has no part in the walk.
    Skip,
}

/// The bodies of a type.
pub(crate) fn bodies(input: &DeriveInput, kind: Kind) -> Result<Vec<Body>> {
    match &input.data {
        Data::Struct(data) => Ok(vec![Body::new(quote!(Self), &data.fields, kind)?]),
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| {
                let name = &variant.ident;
                Body::new(quote!(Self::#name), &variant.fields, kind)
            })
            .collect(),
        Data::Union(_) => {
            let name = kind.attribute();
            Err(Error::new(input.ident.span(), format!("a union cannot be a {name}")))
        }
    }
}

/// The type's parameters, each of them with the trait `bound`.
pub(crate) fn with_bounds(generics: &Generics, bound: &Path) -> Generics {
    let mut generics = generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#bound));
    }
    generics
}

impl Kind {
    fn attribute(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Module => "module",
        }
    }
}

impl Body {
    fn new(constructor: TokenStream, fields: &Fields, kind: Kind) -> Result<Self> {
        let only = matches!(fields, Fields::Unnamed(_)) && fields.len() == 1;
        let parts = fields.iter().zip(fields.members());
        let parts = parts.map(|(field, member)| Part::new(field, member, only, kind));
        Ok(Self { constructor, parts: parts.collect::<Result<_>>()? })
    }

    /// Binds every part to its name with `prefix`.
    pub(crate) fn pattern(&self, prefix: &str) -> TokenStream {
        let bindings = self.parts.iter().map(|part| {
            let (member, variable) = (&part.member, part.variable(prefix));
            quote! { #member: #variable }
        });
        let constructor = &self.constructor;
        quote! { #constructor { #(#bindings),* } }
    }

    /// The value made of `fields`, one for each part.
    pub(crate) fn construct(&self, fields: impl Iterator<Item = TokenStream>) -> TokenStream {
        let (constructor, members) = (&self.constructor, self.parts.iter().map(|part| &part.member));
        quote! { #constructor { #(#members: #fields),* } }
    }

    /// The parts that are visited.
    pub(crate) fn visited(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.role != Role::Skip)
    }
}

impl Part {
    fn new(field: &Field, member: Member, only: bool, kind: Kind) -> Result<Self> {
        let name = match &member {
            Member::Unnamed(_) if only && kind == Kind::Module => None,
            member => Some(spelled(member)),
        };
        let mut part = Self { ty: field.ty.clone(), member, role: Role::Part, name };
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident(kind.attribute())) {
            attribute.parse_nested_meta(|meta| part.set(&meta, kind))?;
        }
        Ok(part)
    }

    /// Takes up one setting of an attribute.
    fn set(&mut self, meta: &ParseNestedMeta<'_>, kind: Kind) -> Result<()> {
        let module = kind == Kind::Module;
        if meta.path.is_ident("skip") {
            self.role = Role::Skip;
        } else if module && meta.path.is_ident("buffer") {
            self.role = Role::Buffer;
        } else if module && meta.path.is_ident("name") {
            self.name = Some(meta.value()?.parse::<LitStr>()?.value());
        } else if module && meta.path.is_ident("flatten") {
            self.name = None;
        } else {
            let choices = if module { "`name = \"...\"`, `flatten`, `buffer` or `skip`" } else { "`skip`" };
            return Err(meta.error(format!("expected {choices}")));
        }
        Ok(())
    }

    /// `walk`, at the name of this part.
    pub(crate) fn within(&self, walk: TokenStream) -> TokenStream {
        match &self.name {
            Some(name) => quote! { path.within(#name, |path| #walk) },
            None => walk,
        }
    }

    pub(crate) fn variable(&self, prefix: &str) -> Ident {
        format_ident!("{prefix}_{}", spelled(&self.member))
    }
}

fn spelled(member: &Member) -> String {
    match member {
        Member::Named(name) => name.unraw().to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}
