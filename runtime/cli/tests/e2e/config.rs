//! wrun.toml.

use crate::env::TestEnv;

#[test]
fn it_is_found_upwards_and_its_folder_is_where_paths_start() {
    let env = TestEnv::new();
    env.write(
        "wrun.toml",
        "[plugins]\nflights = \"report.wasm\"\n[params.split-by-day]\nsource = \"flights.csv\"\n\
         [params.\"flights:delays\"]\nsource = \"flights.csv\"\n",
    );
    std::fs::create_dir_all(env.path("deep/er")).unwrap();
    let mut command = env.command();
    let output =
        command.current_dir(env.path("deep/er")).args(["build", "flights", "delays", "2013-01-01"]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(env.path(".wrun/store/cas").is_dir());
    // The same task by its path, and from where wrun.toml is.
    let ran = env.words("build report.wasm delays 2013-01-01").ok();
    assert!(ran.stderr().contains("2 cached"), "{}", ran.stderr());
}

#[test]
fn mistakes_are_named_with_their_line() {
    let env = TestEnv::new();
    env.write("wrun.toml", "slot = 3\n");
    env.words("list report.wasm").refused(
        2,
        "error: cannot read `[ROOT]/work/wrun.toml`
  because: TOML parse error at line 1, column 1
      |
    1 | slot = 3
      | ^^^^
    unknown field `slot`, expected one of `store`, `cache`, `cache-size`, `s3`, `slots`, `suspended`, `salt`, `timezone`, `roots`, `staging`, `externals`, `disabled`, `publish`, `secrets`, `plugins`, `params`
hint: did you mean `slots`?
",
    );
    env.write("wrun.toml", "timezone = \"Mars/Base\"\n");
    env.words("list report.wasm").refused(
        2,
        "error: `Mars/Base`, the timezone of wrun.toml, is not known\nhint: write a name of the IANA database, such as `Europe/Berlin` or `UTC`\n",
    );
    env.write("wrun.toml", "[params.dealys]\nsource = \"x\"\n");
    env.words("build report.wasm").refused(
        2,
        "error: wrun.toml has [params.\"dealys\"], but `report` has no task `dealys`\nhint: did you mean `delays`?\n",
    );
    env.write("wrun.toml", "[params.delays]\ndate = \"2013-01-01..2013-01-02\"\n");
    env.words("build report.wasm").refused(
        2,
        "error: param `date`: a range is more than one value (from wrun.toml [params.delays])\nhint: give ranges with `--param`\n",
    );
    env.write("wrun.toml", "[plugins]\nflights = \"none.wasm\"\n");
    env.words("build report.wasm").refused(
        4,
        "error: the alias `flights` of wrun.toml: cannot read `none.wasm`\n  because: No such file or directory (os error 2)\nhint: is the path right?\n",
    );
}

#[test]
fn what_is_disabled_is_left_out() {
    let env = TestEnv::new();
    env.write("wrun.toml", "disabled = [\"week\"]\n");
    let ran = env.report("build report.wasm 2013-01-01").ok();
    assert!(ran.stderr().contains("skipped by you: disabled in wrun.toml"), "{}", ran.stderr());
    env.report("get report.wasm 2013-01-01 -o out").refused(
        1,
        "error: `report` was left out, so there is no output\nhint: `--except` or `disabled` of wrun.toml names it, or something that it needs\n",
    );
}

#[test]
fn another_salt_is_another_key() {
    let env = TestEnv::new();
    env.words("build grid.wasm leaf -p i=1 -q").ok();
    let ran = env.words("build grid.wasm leaf -p i=1 --salt x").ok();
    assert!(ran.stderr().contains("1 ran") && ran.stderr().contains("salt changed"), "{}", ran.stderr());
}

#[test]
fn a_store_is_a_folder_or_a_bucket() {
    let mut env = TestEnv::new();
    env.words("build report.wasm --store gs://bucket/x").refused(
        2,
        "error: the store `gs://bucket/x` has the scheme `gs`, which wrun cannot use\nhint: name a folder, or s3://BUCKET/PREFIX\n",
    );
    env.words("build report.wasm --store s3:///x")
        .refused(2, "error: the store `s3:///x` names no bucket\nhint: name a folder, or s3://BUCKET/PREFIX\n");
    env.words("build report.wasm --offline").refused(
        2,
        "error: `--offline` is for a store on S3, and the store is a folder\nhint: leave it out, or name a store with `--store s3://BUCKET/PREFIX --offline`\n",
    );
    env.write("wrun.toml", "[s3]\nregoin = \"x\"\n");
    env.words("list report.wasm").refused(
        2,
        "error: cannot read `[ROOT]/work/wrun.toml`
  because: TOML parse error at line 2, column 1
      |
    2 | regoin = \"x\"
      | ^^^^^^
    unknown field `regoin`, expected one of `region`, `profile`, `endpoint`, `path-style`, `sse`, `kms-key`, `storage-class`, `conditional`
hint: did you mean `region`?
",
    );
    std::fs::remove_file(env.path("wrun.toml")).unwrap();
    env.set("WRUN_STORE", "here");
    env.words("build grid.wasm leaf -p i=1 -q").ok();
    assert!(env.path("here/cas").is_dir());
}
