//! `#[derive(Task)]`.

use crate::attr::{Default_, ParamAttr, TaskAttr};
use crate::names;
use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Expr, Field, Fields, Ident, Result, Type};

struct Param<'a> {
    ident: &'a Ident,
    ty: &'a Type,
    name: String,
    doc: String,
    attr: ParamAttr,
}

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new(input.generics.span(), "a task has no type params: each task type has one name"));
    }
    let params = params(input)?;
    let attr = TaskAttr::read(&input.attrs)?;
    let name = match &attr.name {
        Some(name) => name.value(),
        None => names::kebab(&input.ident.to_string()),
    };
    let span = attr.name.as_ref().map_or_else(|| input.ident.span(), syn::LitStr::span);
    names::check("the name of a task", &name, "-", span)?;

    let ident = &input.ident;
    let container = attr.container.map(|span| in_container(ident, span));
    let about = about(&attr, &params, &names::doc(&input.attrs));
    let checks = params.iter().filter_map(|param| {
        let span = param.attr.insignificant?;
        let ty = param.ty;
        let _ = span;
        Some(quote_spanned! {ty.span()=>
            const _: fn() = || {
                fn check<T: ::wrun_task::__private::IsInsignificant>() {}
                check::<#ty>();
            };
        })
    });
    let idents: Vec<&Ident> = params.iter().map(|param| param.ident).collect();
    let texts: Vec<&String> = params.iter().map(|param| &param.name).collect();
    let reads = params.iter().map(|param| {
        let (ident, ty, text) = (param.ident, param.ty, &param.name);
        quote_spanned!(ty.span()=> #ident: raw.get::<#ty>(#text)?)
    });
    let unused = params.is_empty().then(|| quote!(let _ = raw;));
    let ignored = params.is_empty().then(|| quote!(let _ = tokens;));
    Ok(quote! {
        #(#checks)*
        #container

        impl ::wrun_task::Task for #ident {
            const NAME: &'static str = #name;

            fn from_params(json: &str) -> ::wrun_task::Result<Self> {
                let raw = ::wrun_task::__private::RawParams::new(json)?;
                #unused
                ::core::result::Result::Ok(Self { #(#reads),* })
            }

            fn to_params(&self) -> ::std::string::String {
                let params = <::wrun_task::__private::ParamsWriter as ::core::default::Default>::default();
                #(let params = params.put(#texts, &self.#idents);)*
                params.finish()
            }

            fn about() -> ::wrun_task::__private::About {
                #about
            }

            fn mask(self, tokens: &mut ::wrun_task::__private::Tokens) -> Self {
                #ignored
                Self {
                    #(#idents: ::wrun_task::Param::mask(
                        self.#idents,
                        &::wrun_task::__private::token(#texts),
                        tokens,
                    )),*
                }
            }
        }

        impl ::wrun_task::Requires for #ident {
            type Inputs = ::wrun_task::Input<Self>;

            fn declare(&self, at: ::wrun_task::__private::At, to: &mut ::wrun_task::__private::Declaration) {
                to.task(at.or(<Self as ::wrun_task::Task>::NAME), self, ::core::option::Option::None);
            }

            fn inputs(&self, at: ::wrun_task::__private::At, cx: &::wrun_task::Context) -> Self::Inputs {
                ::wrun_task::__private::input(at.or(<Self as ::wrun_task::Task>::NAME), cx)
            }
        }

        impl ::wrun_task::Wanted for #ident {}
    })
}

/// A task that a container does is one whose `run` is never called.
fn in_container(ident: &Ident, span: proc_macro2::Span) -> TokenStream {
    quote_spanned! {span=>
        impl ::wrun_task::Run for #ident {
            type Requires = <Self as ::wrun_task::InContainer>::Requires;
            type Output = ::wrun_task::Files;

            fn requires(&self) -> Self::Requires {
                ::wrun_task::InContainer::requires(self)
            }

            fn run(
                &self,
                _: &::wrun_task::Context,
                _: <Self::Requires as ::wrun_task::Requires>::Inputs,
            ) -> ::wrun_task::Result<::wrun_task::Files> {
                ::core::result::Result::Err(::wrun_task::Error::new("a container does this task"))
            }

            fn check(&self) -> ::wrun_task::Result<()> {
                ::wrun_task::InContainer::check(self)
            }

            fn outputs(&self) -> ::wrun_task::Outputs {
                ::wrun_task::InContainer::outputs(self)
            }

            fn limits(&self) -> ::wrun_task::Limits {
                ::wrun_task::InContainer::limits(self)
            }

            fn container(&self) -> ::core::option::Option<::wrun_task::Container> {
                ::core::option::Option::Some(::wrun_task::InContainer::container(self))
            }
        }
    }
}

fn params(input: &DeriveInput) -> Result<Vec<Param<'_>>> {
    let fields: Vec<&Field> = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => fields.named.iter().collect(),
            Fields::Unit => Vec::new(),
            Fields::Unnamed(fields) => {
                return Err(Error::new(fields.span(), "a task has named params: `struct Delays { date: Date }`"));
            }
        },
        _ => return Err(Error::new(input.ident.span(), "a task is a struct; its fields are its params")),
    };
    let mut params: Vec<Param<'_>> = Vec::new();
    for field in fields {
        let Some(ident) = &field.ident else { continue };
        let attr = ParamAttr::read(&field.attrs)?;
        let (name, span) = match &attr.name {
            Some(name) => (name.value(), name.span()),
            None => (ident.to_string().trim_start_matches("r#").to_owned(), ident.span()),
        };
        names::check("the name of a param", &name, "-_", span)?;
        if params.iter().any(|other| other.name == name) {
            return Err(Error::new(span, format!("the param `{name}` is there twice")));
        }
        if attr.hidden && attr.private {
            return Err(Error::new(ident.span(), "a param is `hidden` or `private`, not both"));
        }
        params.push(Param { ident, ty: &field.ty, name, doc: names::doc(&field.attrs), attr });
    }
    Ok(params)
}

fn optional<T: ToTokens>(value: Option<&T>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

fn about(attr: &TaskAttr, params: &[Param<'_>], doc: &str) -> TokenStream {
    let specs = params.iter().map(spec);
    let outputs = &attr.outputs;
    let limit = |value: &Option<Expr>| optional(value.as_ref());
    let (memory, cpu_ms) = (limit(&attr.memory), limit(&attr.cpu_ms));
    let (output_bytes, output_files) = (limit(&attr.output_bytes), limit(&attr.output_files));
    let log_bytes = limit(&attr.log_bytes);
    let version = optional(attr.version.as_ref());
    let dynamic = attr.dynamic.as_ref().is_none_or(|dynamic| dynamic.value);
    let native_nan = attr.native_nan;
    let retries = attr.retries.as_ref().map_or_else(|| quote!(0), ToTokens::to_token_stream);
    quote! {
        ::wrun_task::__private::About {
            doc: #doc,
            params: || ::std::vec![#(#specs),*],
            outputs: &[#(#outputs),*],
            limits: ::wrun_task::Limits {
                memory: #memory,
                cpu_ms: #cpu_ms,
                output_bytes: #output_bytes,
                output_files: #output_files,
                log_bytes: #log_bytes,
            },
            version: #version,
            dynamic: #dynamic,
            native_nan: #native_nan,
            retries: #retries,
        }
    }
}

fn spec(param: &Param<'_>) -> TokenStream {
    let (ty, name, doc, attr) = (param.ty, &param.name, &param.doc, &param.attr);
    let kind = if attr.min.is_some() || attr.max.is_some() {
        let (min, max) = (optional(attr.min.as_ref()), optional(attr.max.as_ref()));
        quote_spanned!(ty.span()=> <#ty as ::wrun_task::Bounded>::kind_within(#min, #max))
    } else {
        quote_spanned!(ty.span()=> <#ty as ::wrun_task::Param>::kind())
    };
    let default = match &attr.default {
        None => quote!(::core::option::Option::None),
        Some(Default_::OfType) => quote_spanned! {ty.span()=>
            ::core::option::Option::Some(::wrun_task::__private::default_json::<#ty>(
                ::core::default::Default::default(),
            ))
        },
        Some(Default_::Text(text)) => quote! {
            ::core::option::Option::Some(::wrun_task::__private::default_text::<#ty>(#text))
        },
        Some(Default_::Expr(expr)) => quote! {
            ::core::option::Option::Some(::wrun_task::__private::default_json::<#ty>(#expr))
        },
    };
    let visibility = match (attr.hidden, attr.private) {
        (_, true) => Ident::new("Private", name_span(param)),
        (true, _) => Ident::new("Hidden", name_span(param)),
        _ => Ident::new("Public", name_span(param)),
    };
    let positional = attr.positional;
    let doc = Literal::string(doc);
    quote! {
        ::wrun_task::__private::ParamAbout {
            name: #name,
            doc: #doc,
            kind: #kind,
            default: #default,
            significant: <#ty as ::wrun_task::Param>::SIGNIFICANT,
            visibility: ::wrun_task::__private::Visibility::#visibility,
            positional: #positional,
        }
    }
}

fn name_span(param: &Param<'_>) -> proc_macro2::Span {
    param.ident.span()
}
