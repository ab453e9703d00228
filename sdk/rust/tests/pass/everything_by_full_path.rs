//! The macros need no imports, and bear names that shadow the prelude's.
#![deny(missing_docs, warnings)]
#![no_implicit_prelude]

/// A task
#[derive(::wrun_task::Task)]
pub struct Some {}

impl ::wrun_task::Run for Some {
    type Requires = ();
    type Output = ();
    fn requires(&self) {}
    fn run(&self, _: &::wrun_task::Context, _: ()) -> ::wrun_task::Result<()> {
        ::wrun_task::Result::Ok(())
    }
}

/// What it takes
#[derive(::wrun_task::Choice)]
pub enum Option {
    /// Nothing
    None,
    /// Text
    String,
}

/// Requirements
#[derive(::wrun_task::Requires)]
pub struct Vec {
    /// Keyword
    pub r#type: Some,
}

/// Another
#[derive(::wrun_task::Task)]
#[task(name = "ok")]
pub struct Ok {
    /// A choice
    #[param(default = Option::None)]
    pub r#type: Option,
    /// A text
    #[param(default = "x", hidden)]
    pub text: ::std::string::String,
}

impl ::wrun_task::Run for Ok {
    type Requires = Vec;
    type Output = ::wrun_task::Files;
    fn requires(&self) -> Vec {
        Vec { r#type: Some {} }
    }
    fn run(&self, cx: &::wrun_task::Context, inputs: VecInputs) -> ::wrun_task::Result<::wrun_task::Files> {
        cx.write("a", inputs.r#type.path().as_os_str().as_encoded_bytes())
    }
}

::wrun_task::export!(Some, Ok);

fn main() {}
