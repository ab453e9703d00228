//! Types of params.

use wrun_task::{Call, Choice, Context, Input, Insignificant, Result, Run, Task, Text};

// ANCHOR: greeting
/// How to greet.
#[derive(Choice, Clone, Copy)]
pub enum Tone {
    /// `friendly`
    Friendly,
    /// `very-formal`
    VeryFormal,
}

/// Greet some people
#[derive(Task)]
#[task(dynamic = false)]
pub struct Greeting {
    /// Whom to greet
    #[param(positional)]
    pub names: Vec<String>,
    /// How to greet
    #[param(default = Tone::Friendly)]
    pub tone: Tone,
    /// How often
    #[param(default = 1, min = 1, max = 3)]
    pub times: u32,
    /// Megabytes of memory that it may take; in no key
    #[param(default = 64)]
    pub megabytes: Insignificant<u32>,
}

impl Run for Greeting {
    type Requires = ();
    type Output = Text;
    fn requires(&self) {}
    fn limits(&self) -> wrun_task::Limits {
        let memory = self.megabytes.get().map(|megabytes| u64::from(*megabytes) << 20);
        wrun_task::Limits { memory, ..Default::default() }
    }
    fn run(&self, _cx: &Context, _: ()) -> Result<Text> {
        let word = match self.tone {
            Tone::Friendly => "Hello",
            Tone::VeryFormal => "Good day",
        };
        let line = |name: &String| format!("{word}, {name}\n").repeat(self.times as usize);
        Ok(Text(self.names.iter().map(line).collect()))
    }
}
// ANCHOR_END: greeting

// ANCHOR: compare
/// Say whether two tasks make the same bytes
#[derive(Task)]
#[task(dynamic = false)]
pub struct Compare {
    /// One task
    pub left: Call,
    /// Another task
    pub right: Call,
}

impl Run for Compare {
    type Requires = (Call, Call);
    type Output = Text;
    fn requires(&self) -> (Call, Call) {
        (self.left.clone(), self.right.clone())
    }
    fn run(&self, _cx: &Context, (left, right): (Input<Call>, Input<Call>)) -> Result<Text> {
        let names = left.files()?;
        let mut same = names == right.files()?;
        for name in names {
            same = same && left.read(&name)? == right.read(&name)?;
        }
        Ok(Text(if same { "the same\n" } else { "not the same\n" }.into()))
    }
}
// ANCHOR_END: compare

#[cfg(test)]
mod tests {
    use super::*;
    use wrun_task::testing::TestContext;

    #[test]
    fn greetings_and_comparisons() -> Result<()> {
        let test = TestContext::new()?;
        let greeting = |tone| Greeting { names: vec!["Ada".into()], tone, times: 2, megabytes: 64.into() };
        let made = test.run(&greeting(Tone::VeryFormal))?;
        assert_eq!(made.load::<Text>()?, "Good day, Ada\nGood day, Ada\n");
        test.give_call(&Call::own("a"), [("x", "1")])?;
        test.give_call(&Call::own("b"), [("x", "2")])?;
        let compare = Compare { left: Call::own("a"), right: Call::own("b") };
        assert_eq!(test.run(&compare)?.load::<Text>()?, "not the same\n");
        Ok(())
    }
}
