//! What compiles and what does not, and where the error points. `TRYBUILD=overwrite` writes the texts anew.

#[test]
fn macros_point_at_what_is_wrong() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/pass/*.rs");
    cases.compile_fail("tests/fail/*.rs");
}
