//! The example plugins whose work containers do.

use super::*;

#[test]
fn the_pivot_example_makes_its_table_and_publishes_it() {
    if !engine() {
        return;
    }
    let env = world();
    env.write("blob.csv", "a,x,1\na,y,2\n\nb,y,3\n");
    let image = format!("image={IMAGE}");
    let to = format!("file:{}", env.path("site/pivot.csv").display());
    env.wrun(["build", "pivot.wasm", "pivot", "-p", &image, "--publish", &to, "-q"]).ok();
    assert_eq!(env.read("site/pivot.csv"), "row,x,y\na,1,2\nb,0,3\n");
    assert_eq!(env.wrun(["cat", "pivot.wasm", "size", "-p", &image]).ok().raw_stdout(), "2 rows, 2 columns\n");
    // What a param holds is one argument, whatever it is.
    let odd = "empty=$(id) `id` \"; x";
    env.wrun(["build", "pivot.wasm", "pivot", "-p", &image, "-p", odd, "--publish", &to, "-q"]).ok();
    assert_eq!(env.read("site/pivot.csv"), "row,x,y\na,1,2\nb,$(id) `id` \"; x,3\n");
    nothing_left(&env);
}

#[test]
fn words_are_counted_by_a_program_that_is_alone_in_its_image() {
    if !engine() {
        return;
    }
    let env = world();
    for i in 0..20 {
        env.write(&format!("texts/{i:02}.txt"), format!("The end, the {i}\n"));
    }
    let words = |volume: &str| {
        let ran = env.wrun(["build", "tools.wasm", "words", "-p", "source=texts", "-p", volume]).ok().stderr();
        let text = env
            .wrun(["cat", "tools.wasm", "words", "words.tsv", "-p", "source=texts", "-p", volume])
            .ok()
            .raw_stdout();
        (ran, text)
    };
    // Two files are a shard of at most forty bytes: ten containers, and a tree of merges above them.
    let (ran, text) = words("volume=40");
    assert!(ran.contains("30 tasks in") && ran.contains("30 ran"), "{ran}");
    assert!(text.contains("end\t20\nthe\t40\n") && text.contains("\n19\t1\n"), "{text}");
    assert_eq!(text.lines().count(), 22);
    // Other shards make the same, and what one of them reads decides whether it runs.
    assert_eq!(words("volume=1000").1, text);
    env.write("texts/07.txt", "The end, the 7!\n");
    let (ran, again) = words("volume=40");
    assert_eq!(again, text);
    assert!(ran.contains(" count ") && ran.contains("1 ran"), "{ran}");
    nothing_left(&env);
}

#[test]
fn lua_in_a_small_debian() {
    if !engine() || std::env::var("WRUN_TEST_LUA").as_deref() == Ok("none") {
        return;
    }
    let env = world();
    env.words("build tools.wasm delays").ok();
    let made = env.words("cat tools.wasm delays delays.csv").ok().raw_stdout();
    assert_eq!(made, "carrier,mean,flights\nB6,11.000,3\nUA,11.000,2\n");
    nothing_left(&env);
}
