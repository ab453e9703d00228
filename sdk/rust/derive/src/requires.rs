//! `#[derive(Requires)]`.

use crate::names;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Result};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new(input.generics.span(), "a struct of requirements has no type params"));
    }
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(input.ident.span(), "only a struct can be a requirement"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(input.ident.span(), "name the fields: they name the inputs; or use a tuple"));
    };
    let (ident, vis) = (&input.ident, &input.vis);
    let inputs = format_ident!("{}Inputs", ident);
    let doc = format!("What `run` is given for [`{ident}`].");
    let mut declared = Vec::new();
    let (mut declares, mut gets) = (Vec::new(), Vec::new());
    for field in &fields.named {
        let (Some(name), ty, vis) = (&field.ident, &field.ty, &field.vis) else { continue };
        let text = name.to_string();
        let text = text.trim_start_matches("r#");
        let doc = names::doc(&field.attrs);
        let doc = if doc.is_empty() { format!("Input `{text}`.") } else { doc };
        declared
            .push(quote_spanned! {ty.span()=> #[doc = #doc] #vis #name: <#ty as ::wrun_task::Requires>::Inputs });
        declares
            .push(quote_spanned! {ty.span()=> ::wrun_task::Requires::declare(&self.#name, at.part(#text), to); });
        gets.push(
            quote_spanned! {ty.span()=> #name: ::wrun_task::Requires::inputs(&self.#name, at.part(#text), cx) },
        );
    }
    if declared.is_empty() {
        return Err(Error::new(ident.span(), "it has no fields: `()` requires nothing"));
    }
    Ok(quote! {
        #[doc = #doc]
        #vis struct #inputs { #(#declared),* }

        impl ::wrun_task::Requires for #ident {
            type Inputs = #inputs;

            fn declare(&self, at: ::wrun_task::__private::At, to: &mut ::wrun_task::__private::Declaration) {
                #(#declares)*
            }

            fn inputs(&self, at: ::wrun_task::__private::At, cx: &::wrun_task::Context) -> Self::Inputs {
                #inputs { #(#gets),* }
            }
        }
    })
}
