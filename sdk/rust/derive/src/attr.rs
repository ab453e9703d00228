//! Reads `#[task(…)]` and `#[param(…)]`.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Expr, LitBool, LitStr, Result, Token, parenthesized};

/// What `#[task(…)]` says.
#[derive(Default)]
pub(crate) struct TaskAttr {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitStr>,
    pub(crate) retries: Option<Expr>,
    pub(crate) outputs: Vec<LitStr>,
    pub(crate) dynamic: Option<LitBool>,
    pub(crate) native_nan: bool,
    pub(crate) container: Option<Span>,
    pub(crate) memory: Option<Expr>,
    pub(crate) cpu_ms: Option<Expr>,
    pub(crate) output_bytes: Option<Expr>,
    pub(crate) output_files: Option<Expr>,
    pub(crate) log_bytes: Option<Expr>,
}

/// What `#[param(…)]` says.
#[derive(Default)]
pub(crate) struct ParamAttr {
    pub(crate) name: Option<LitStr>,
    pub(crate) default: Option<Default_>,
    pub(crate) min: Option<Expr>,
    pub(crate) max: Option<Expr>,
    pub(crate) insignificant: Option<Span>,
    pub(crate) hidden: bool,
    pub(crate) private: bool,
    pub(crate) positional: bool,
}

/// How a default is written.
pub(crate) enum Default_ {
    /// `default`
    OfType,
    /// `default = "…"`
    Text(LitStr),
    /// `default = …`
    Expr(Expr),
}

fn set<T>(meta: &ParseNestedMeta<'_>, slot: &mut Option<T>, value: T) -> Result<()> {
    if slot.is_some() {
        return Err(meta.error("this is said twice"));
    }
    *slot = Some(value);
    Ok(())
}

fn value<T: syn::parse::Parse>(meta: &ParseNestedMeta<'_>, slot: &mut Option<T>) -> Result<()> {
    let value = meta.value()?.parse()?;
    set(meta, slot, value)
}

impl TaskAttr {
    pub(crate) fn read(attrs: &[Attribute]) -> Result<Self> {
        let mut out = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("task")) {
            attr.parse_nested_meta(|meta| out.read_one(&meta))?;
        }
        Ok(out)
    }

    fn read_one(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match key.as_str() {
            "name" => value(meta, &mut self.name),
            "version" => value(meta, &mut self.version),
            "retries" => value(meta, &mut self.retries),
            "memory" => value(meta, &mut self.memory),
            "cpu_ms" => value(meta, &mut self.cpu_ms),
            "output_bytes" => value(meta, &mut self.output_bytes),
            "output_files" => value(meta, &mut self.output_files),
            "log_bytes" => value(meta, &mut self.log_bytes),
            "dynamic" if meta.input.peek(Token![=]) => value(meta, &mut self.dynamic),
            "dynamic" => set(
                meta,
                &mut self.dynamic,
                LitBool::new(true, meta.path.get_ident().map_or_else(Span::call_site, syn::Ident::span)),
            ),
            "container" => {
                set(meta, &mut self.container, meta.path.get_ident().map_or_else(Span::call_site, syn::Ident::span))
            }
            "native_nan" => {
                self.native_nan = true;
                Ok(())
            }
            "outputs" => {
                let content;
                parenthesized!(content in meta.input);
                let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
                for name in names {
                    check_output(&name)?;
                    if self
                        .outputs
                        .iter()
                        .any(|other| other.value().trim_end_matches('/') == name.value().trim_end_matches('/'))
                    {
                        return Err(Error::new(
                            name.span(),
                            format!("the output `{}` is declared twice", name.value()),
                        ));
                    }
                    self.outputs.push(name);
                }
                if self.outputs.is_empty() {
                    return Err(meta.error("name the outputs: `outputs(\"a.csv\", \"days/\")`"));
                }
                Ok(())
            }
            _ => Err(meta.error(
                "unknown: a task has `name`, `version`, `retries`, `outputs(…)`, `dynamic`, `native_nan`, `container`, \
                 `memory`, `cpu_ms`, `output_bytes`, `output_files` and `log_bytes`",
            )),
        }
    }
}

fn check_output(name: &LitStr) -> Result<()> {
    let text = name.value();
    let bare = text.strip_suffix('/').unwrap_or(&text);
    if bare.is_empty() || bare == "." || bare == ".." || bare.contains(['/', '\0']) || bare.len() > 255 {
        let message =
            format!("the output `{text}` must be the name of one file, or of one directory followed by `/`");
        return Err(Error::new(name.span(), message));
    }
    Ok(())
}

impl ParamAttr {
    pub(crate) fn read(attrs: &[Attribute]) -> Result<Self> {
        let mut out = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("param")) {
            attr.parse_nested_meta(|meta| out.read_one(&meta))?;
        }
        Ok(out)
    }

    fn read_one(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match key.as_str() {
            "name" => value(meta, &mut self.name),
            "default" if meta.input.peek(Token![=]) => {
                let input = meta.value()?;
                let ahead = input.fork();
                let text = ahead.parse::<LitStr>().is_ok() && (ahead.is_empty() || ahead.peek(Token![,]));
                let default = if text { Default_::Text(input.parse()?) } else { Default_::Expr(input.parse()?) };
                set(meta, &mut self.default, default)
            }
            "default" => set(meta, &mut self.default, Default_::OfType),
            "min" => value(meta, &mut self.min),
            "max" => value(meta, &mut self.max),
            "insignificant" => {
                let span = meta.path.get_ident().map_or_else(Span::call_site, syn::Ident::span);
                set(meta, &mut self.insignificant, span)
            }
            "hidden" => {
                self.hidden = true;
                Ok(())
            }
            "private" => {
                self.private = true;
                Ok(())
            }
            "positional" => {
                self.positional = true;
                Ok(())
            }
            _ => Err(meta.error(
                "unknown: a param has `name`, `default`, `min`, `max`, `insignificant`, `hidden`, `private` and \
                 `positional`",
            )),
        }
    }
}
