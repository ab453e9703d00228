//! `wrun cat`.

use crate::env::TestEnv;

#[test]
fn one_file_goes_to_stdout() {
    let env = TestEnv::new();
    let ran = env.report("cat report.wasm split-by-day days/2013-01-03.csv").ok();
    assert_eq!(ran.raw_stdout(), "year,month,day,dep_time,dep_delay,carrier\n2013,1,3,600,-3,B6\n");
    assert_eq!(ran.stderr(), "");
    let only = env.report("cat report.wasm delays 2013-01-03").ok().raw_stdout();
    let named = env.report("cat report.wasm delays 2013-01-03 delays.csv").ok().raw_stdout();
    let flagged = env.report("cat report.wasm delays delays.csv -p date=2013-01-03").ok().raw_stdout();
    assert!(only.starts_with("carrier,name,flights,") && only == named && only == flagged);
}

#[test]
fn what_is_no_file_is_an_error_that_lists_what_there_is() {
    let env = TestEnv::new();
    env.report("cat report.wasm split-by-day").refused(
        2,
        "error: the output has 4 files, and no PATH is named\nhint: name one of `days/2013-01-01.csv`, `days/2013-01-02.csv`, `days/2013-01-03.csv`, `index.txt`\n",
    );
    env.report("cat report.wasm split-by-day days").refused(
        2,
        "error: `days` is a folder, and `cat` prints one file\nhint: there are `days/2013-01-01.csv`, `days/2013-01-02.csv`, `days/2013-01-03.csv`\n",
    );
    env.report("cat report.wasm split-by-day days/2013-01-09.csv")
        .refused(2, "error: the output has no `days/2013-01-09.csv`\nhint: did you mean `days/2013-01-01.csv`?\n");
    env.report("cat report.wasm delays 2013-01-01..2013-01-02")
        .refused(2, "error: a range makes 2 goals: `cat` prints one\nhint: `wrun get -o DIR` fetches them all\n");
    env.report("cat report.wasm delays 2013-01-01 a b").code(2);
}
