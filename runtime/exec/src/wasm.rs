//! Runs and plans with a component.
