//! From the exported functions of a component to the tasks: what `export!` expands to.

use crate::bindings::wrun::task::types as wit;
use crate::declare::{At, Declaration};
use crate::{Output, Requires, Run};

/// A plugin; `export!` implements it.
pub trait Plugin {
    /// Says what the plugin offers.
    fn describe() -> wit::Description;
    /// Says what a call requires and makes.
    fn declare(task: &str, params: &str) -> Result<wit::Plan, String>;
    /// Runs a call.
    fn run(task: &str, params: &str) -> Result<(), String>;
}

impl<P: Plugin> crate::bindings::Guest for P {
    fn describe() -> wit::Description {
        <P as Plugin>::describe()
    }
    fn declare(task: String, params: String) -> Result<wit::Plan, String> {
        <P as Plugin>::declare(&task, &params)
    }
    fn run(task: String, params: String) -> Result<(), String> {
        <P as Plugin>::run(&task, &params)
    }
}

/// Describes a plugin.
pub fn description(package: &str, doc: &str, tasks: Vec<wit::TaskType>, goal: Option<&str>) -> wit::Description {
    wit::Description {
        id: package.to_ascii_lowercase().replace('_', "-"),
        doc: doc.to_owned(),
        default_goal: goal.map(str::to_owned).or_else(|| tasks.last().map(|task| task.name.clone())),
        tasks,
        policy: Vec::new(),
    }
}

/// Describes a task type.
pub fn describe<T: Run>() -> wit::TaskType {
    let about = T::about();
    let mut outputs = about.outputs();
    if outputs.is_empty() && T::Output::FIXED {
        outputs = T::Output::outputs();
    }
    wit::TaskType {
        name: T::NAME.to_owned(),
        doc: about.doc.to_owned(),
        params: (about.params)().into_iter().map(crate::task::ParamAbout::into_wit).collect(),
        outputs: outputs.into_wit(),
        limits: about.limits.into_wit(),
        version: about.version.map(str::to_owned),
        dynamic: about.dynamic,
        native_nan: about.native_nan,
        retries: about.retries,
        policy: Vec::new(),
    }
}

/// Answers `declare` for a task type.
pub fn declare<T: Run>(params: &str) -> Result<wit::Plan, String> {
    let task = T::from_params(params).map_err(|error| error.to_string())?;
    task.check().map_err(|error| error.to_string())?;
    let mut declaration = Declaration::default();
    task.requires().declare(At::root(), &mut declaration);
    Ok(wit::Plan {
        inputs: declaration.inputs,
        outputs: task.outputs().into_wit(),
        limits: task.limits().into_wit(),
        container: task.container().map(crate::Container::into_wit),
        policy: Vec::new(),
    })
}

/// Answers `run` for a task type.
#[cfg(target_family = "wasm")]
pub fn run<T: Run>(params: &str) -> Result<(), String> {
    run_in::<T>(params, &crate::Context::new()).map_err(|error| error.to_string())
}

/// A native build has no host to run in.
#[cfg(not(target_family = "wasm"))]
pub fn run<T: Run>(_params: &str) -> Result<(), String> {
    Err(format!("`{}` runs in a component, or in a `TestContext`", T::NAME))
}

pub(crate) fn run_in<T: Run>(params: &str, cx: &crate::Context) -> crate::Result<()> {
    let task = T::from_params(params)?;
    let inputs = task.requires().inputs(At::root(), cx);
    task.run(cx, inputs)?.save(cx.out())
}

/// Answers for a task that is not there.
pub fn unknown(task: &str) -> String {
    format!("there is no task `{task}` in this plugin")
}

/// Makes the tasks of a plugin: one component is one plugin.
///
/// ```
/// # use wrun_task::{Context, Files, Result, Run, Task};
/// # macro_rules! task { ($name:ident) => {
/// #     #[derive(Task)] struct $name {}
/// #     impl Run for $name {
/// #         type Requires = ();
/// #         type Output = Files;
/// #         fn requires(&self) {}
/// #         fn run(&self, _: &Context, _: ()) -> Result<Files> { Ok(Files) }
/// #     }
/// # } }
/// # task!(Events);
/// # task!(Report);
/// wrun_task::export!(Events, Report);
/// # fn main() {}
/// ```
///
/// The plugin's id is the name of the package and its doc the package's `description`. The default goal is
/// the last task, or the one after `default =`: `export!(Report, Events; default = Report)`.
#[macro_export]
macro_rules! export {
    ($($task:ty),+ $(,)?) => {
        $crate::export!(@plugin [$($task),+] ::core::option::Option::None);
    };
    ($($task:ty),+ $(,)?; default = $goal:ty) => {
        $crate::export!(@plugin [$($task),+] ::core::option::Option::Some(<$goal as $crate::Task>::NAME));
    };
    (@plugin [$($task:ty),+] $goal:expr) => {
        /// What the host talks to.
        #[doc(hidden)]
        pub struct WrunPlugin;

        impl $crate::__private::Plugin for WrunPlugin {
            fn describe() -> $crate::__private::Description {
                $crate::__private::description(
                    ::core::env!("CARGO_PKG_NAME"),
                    ::core::env!("CARGO_PKG_DESCRIPTION"),
                    ::std::vec![$($crate::__private::describe::<$task>()),+],
                    $goal,
                )
            }
            fn declare(
                task: &str,
                params: &str,
            ) -> ::core::result::Result<$crate::__private::Plan, ::std::string::String> {
                $(if task == <$task as $crate::Task>::NAME {
                    return $crate::__private::declare::<$task>(params);
                })+
                ::core::result::Result::Err($crate::__private::unknown(task))
            }
            fn run(task: &str, params: &str) -> ::core::result::Result<(), ::std::string::String> {
                $(if task == <$task as $crate::Task>::NAME {
                    return $crate::__private::run::<$task>(params);
                })+
                ::core::result::Result::Err($crate::__private::unknown(task))
            }
        }

        /// Repeats a run natively: `wrun debug` says how.
        #[cfg(all(test, not(target_family = "wasm")))]
        #[test]
        #[ignore = "`wrun debug` says how it is run"]
        fn wrun_debug() -> $crate::Result<()> {
            $crate::__private::debug(&[$($crate::__private::native::<$task>()),+])
        }

        #[cfg(target_family = "wasm")]
        $crate::__private::export_component!(WrunPlugin with_types_in $crate::__private::bindings);
    };
}
