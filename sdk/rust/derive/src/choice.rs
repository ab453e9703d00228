//! `#[derive(Choice)]`.

use crate::names;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Error, Fields, LitStr, Result};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new(input.ident.span(), "only an enum can be a choice"));
    };
    let ident = &input.ident;
    let mut texts: Vec<String> = Vec::new();
    let mut variants = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new(variant.ident.span(), "a choice has no fields"));
        }
        let given = name(&variant.attrs)?;
        let text = given.as_ref().map_or_else(|| names::kebab(&variant.ident.to_string()), LitStr::value);
        let span = given.map_or_else(|| variant.ident.span(), |given| given.span());
        let taken = text.is_empty() || text.contains(['|', '(', ')', '<', '>', ',', '"', '\0']);
        if taken || texts.contains(&text) {
            let message = format!("the choice `{text}` must be a word of its own, without any of `|()<>,\"`");
            return Err(Error::new(span, message));
        }
        texts.push(text);
        variants.push(&variant.ident);
    }
    if variants.is_empty() {
        return Err(Error::new(ident.span(), "there is nothing to choose from"));
    }
    let kind = format!("enum({})", texts.join("|"));
    Ok(quote! {
        impl ::wrun_task::Param for #ident {
            type Plain = Self;

            fn kind() -> ::std::string::String {
                <::std::string::String as ::core::convert::From<&str>>::from(#kind)
            }

            fn read(json: &::wrun_task::__private::RawValue) -> ::core::option::Option<Self> {
                let text = <::std::string::String as ::wrun_task::Param>::read(json)?;
                <Self as ::wrun_task::Param>::from_text(&text)
            }

            fn write(&self, out: &mut ::std::string::String) {
                let text = match self {
                    #(Self::#variants => #texts,)*
                };
                ::wrun_task::__private::write_text(out, text);
            }

            fn from_plain(plain: Self) -> Self {
                plain
            }

            fn from_text(text: &str) -> ::core::option::Option<Self> {
                match text {
                    #(#texts => ::core::option::Option::Some(Self::#variants),)*
                    _ => ::core::option::Option::None,
                }
            }
        }
    })
}

fn name(attrs: &[Attribute]) -> Result<Option<LitStr>> {
    let mut name = None;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("choice")) {
        attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("unknown: a choice has `name`"));
            }
            name = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(name)
}
