//! The list of inputs that `requires` turns into, and the names they show under.

use crate::bindings::wrun::task::types as wit;
use crate::{Call, Run};

/// Where something shows under `/in`: a name that its surroundings gave it, or none yet.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct At(Option<String>);

impl At {
    /// Nothing above has a name.
    pub fn root() -> Self {
        Self(None)
    }

    /// Has a name.
    pub fn named(name: impl Into<String>) -> Self {
        Self(Some(name.into()))
    }

    /// Returns the place of a part, such as a field or an item.
    #[must_use]
    pub fn part(&self, part: impl std::fmt::Display) -> Self {
        Self(Some(match &self.0 {
            Some(name) => format!("{name}.{part}"),
            None => part.to_string(),
        }))
    }

    /// Returns the place of a key of a map, escaped where it could not be the name of a folder.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut name = String::with_capacity(key.len());
        for (i, c) in key.chars().enumerate() {
            match c {
                '/' | '%' | '\0' | '~' => name.push_str(&format!("%{:02X}", u32::from(c))),
                '.' if i == 0 => name.push_str("%2E"),
                c => name.push(c),
            }
        }
        if key.is_empty() {
            name.push('%');
        }
        self.part(name)
    }

    /// Returns the name, or what the thing itself is called.
    pub fn or(&self, label: &str) -> String {
        self.0.as_deref().unwrap_or(label).to_owned()
    }
}

/// Collects what a task requires, or needs.
#[doc(hidden)]
#[derive(Default)]
pub struct Declaration {
    pub(crate) inputs: Vec<wit::Input>,
    #[cfg(not(target_family = "wasm"))]
    pub(crate) runners: Vec<Option<crate::testing::Runner>>,
}

impl Declaration {
    /// Adds a task of this plugin.
    pub fn task<T: Run>(&mut self, name: String, task: &T, path: Option<&str>) {
        let call = wit::Call { plugin: None, task: T::NAME.to_owned(), params: task.to_params() };
        let path = path.map(str::to_owned);
        self.push(name, wit::Source::Task(wit::TaskSource { call, path }));
        #[cfg(not(target_family = "wasm"))]
        if let Some(runner) = self.runners.last_mut() {
            *runner = Some(crate::testing::runner::<T>());
        }
    }

    /// Adds a task that is named by a text.
    pub fn call(&mut self, name: String, call: &Call, path: Option<&str>) {
        let path = path.map(str::to_owned);
        self.push(name, wit::Source::Task(wit::TaskSource { call: call.to_wit(), path }));
    }

    pub(crate) fn push(&mut self, name: String, source: wit::Source) {
        self.inputs.push(wit::Input { name, source });
        #[cfg(not(target_family = "wasm"))]
        self.runners.push(None);
    }

    /// Returns what was collected for `need`, if it is tasks alone.
    #[cfg(target_family = "wasm")]
    pub(crate) fn into_needs(self) -> Vec<wit::NeedItem> {
        let task = |input: wit::Input| match input.source {
            wit::Source::Task(source) => Some(wit::NeedItem { name: input.name, source }),
            _ => None,
        };
        self.inputs.into_iter().filter_map(task).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_the_name_of_a_folder_and_of_no_other_key() {
        let keys = ["", "%", "a/b", "a%2Fb", "..", "a\0", "need~0"];
        let names: Vec<String> = keys.iter().map(|key| At::root().key(key).or("")).collect();
        assert_eq!(names, ["%", "%25", "a%2Fb", "a%252Fb", "%2E.", "a%00", "need%7E0"]);
        assert_eq!(At::root().part("days").part(3).or("x"), "days.3");
        assert_eq!(At::root().or("x"), "x");
    }
}
