//! Clocks, randomness, environment, addresses, memory, NaNs.

use std::collections::{HashMap, HashSet};
use std::fmt::{Display, Write as _};
use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::io::{IsTerminal, Read};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Appends a line; writing to a `String` cannot fail.
pub(crate) fn line(out: &mut String, name: &str, value: impl Display) {
    _ = writeln!(out, "{name}: {value}");
}

pub(crate) fn clocks() -> String {
    let mut out = String::new();
    let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    line(&mut out, "wall", since(SystemTime::now()));
    let start = Instant::now();
    let mut state = 1_u64;
    for _ in 0..100_000 {
        state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
    line(&mut out, "a loop took", start.elapsed().as_nanos());
    std::thread::sleep(Duration::from_millis(1));
    line(&mut out, "a sleep took", start.elapsed().as_nanos());
    line(&mut out, "wall again", since(SystemTime::now()));
    for (name, clock) in [("realtime", libc::CLOCK_REALTIME), ("monotonic", libc::CLOCK_MONOTONIC)] {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the C library fills a struct that is ours.
        let code = unsafe { libc::clock_gettime(clock, &raw mut time) };
        line(&mut out, name, format_args!("{code} {} {}", time.tv_sec, time.tv_nsec));
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: as above.
        let code = unsafe { libc::clock_getres(clock, &raw mut time) };
        line(&mut out, "resolution", format_args!("{code} {} {}", time.tv_sec, time.tv_nsec));
    }
    out
}

pub(crate) fn random() -> String {
    let mut out = String::new();
    for _ in 0..2 {
        line(&mut out, "hash", format_args!("{:016x}", RandomState::new().hash_one(7)));
    }
    let map: HashMap<u32, ()> = (0..50).map(|key| (key, ())).collect();
    line(&mut out, "map", map.keys().map(u32::to_string).collect::<Vec<_>>().join(" "));
    let set: HashSet<String> = (0..50).map(|key| format!("k{key}")).collect();
    line(&mut out, "set", set.into_iter().collect::<Vec<_>>().join(" "));
    for _ in 0..2 {
        let mut bytes = [0_u8; 32];
        // SAFETY: the C library fills a buffer that is ours, of the length that is said.
        let code = unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), bytes.len()) };
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        line(&mut out, "entropy", format_args!("{code} {hex}"));
    }
    out
}

#[expect(clippy::disallowed_methods, reason = "whether the environment shows is the question")]
pub(crate) fn environment() -> String {
    let mut out = String::new();
    line(&mut out, "args", std::env::args().collect::<Vec<_>>().join(" "));
    let mut names: Vec<String> = std::env::vars_os().map(|pair| format!("{pair:?}")).collect();
    names.sort();
    line(&mut out, "variables", names.join(" "));
    line(&mut out, "folder", format_args!("{:?}", std::env::current_dir().map_err(|error| error.kind())));
    line(&mut out, "executable", format_args!("{:?}", std::env::current_exe().map_err(|error| error.kind())));
    let parallel = std::thread::available_parallelism();
    line(&mut out, "parallelism", format_args!("{:?}", parallel.map_err(|error| error.kind())));
    let thread = std::thread::Builder::new().spawn(|| {});
    line(&mut out, "thread", format_args!("{:?}", thread.map(|_| ()).map_err(|error| error.kind())));
    let terminals =
        [std::io::stdin().is_terminal(), std::io::stdout().is_terminal(), std::io::stderr().is_terminal()];
    line(&mut out, "terminals", format_args!("{terminals:?}"));
    // A native test has the terminal of whoever runs it.
    if cfg!(target_family = "wasm") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().read_to_end(&mut bytes).map_err(|error| error.kind());
        line(&mut out, "stdin", format_args!("{read:?} {bytes:?}"));
    }
    out
}

pub(crate) fn addresses() -> String {
    static HERE: u8 = 1;
    let mut out = String::new();
    let local = 1_u8;
    let small = Box::new(1_u8);
    let large = vec![1_u8; 1 << 20];
    line(&mut out, "static", format_args!("{:p}", &raw const HERE));
    line(&mut out, "stack", format_args!("{:p}", black_box(&raw const local)));
    line(&mut out, "heap", format_args!("{:p}", black_box(&raw const *small)));
    line(&mut out, "large", format_args!("{:p}", black_box(large.as_ptr())));
    line(&mut out, "code", format_args!("{:p}", black_box(addresses as *const ())));
    out
}

/// What another task may have left in memory.
pub(crate) fn memory() -> String {
    let mut out = String::new();
    #[cfg(target_family = "wasm")]
    {
        const PAGE: usize = 65_536;
        let before = core::arch::wasm32::memory_grow::<0>(16);
        line(&mut out, "pages", before);
        if before != usize::MAX {
            // SAFETY: these pages were just added, and nobody else knows of them.
            let fresh = unsafe { core::slice::from_raw_parts((before * PAGE) as *const u8, 16 * PAGE) };
            line(&mut out, "bytes that are not zero", fresh.iter().filter(|byte| **byte != 0).count());
        }
    }
    // SAFETY: uninitialised bytes are what is looked for; `calloc` would hide them, and any value is a byte.
    let bytes = unsafe {
        let start = libc::malloc(1 << 20).cast::<u8>();
        let mut sum = 0_u64;
        for at in 0..1 << 20 {
            sum = sum.wrapping_mul(31).wrapping_add(u64::from(start.add(at).read_volatile()));
        }
        libc::free(start.cast());
        sum
    };
    line(&mut out, "old heap", bytes);
    out
}

#[expect(clippy::eq_op, reason = "that is how NaNs are made")]
pub(crate) fn nans() -> String {
    let mut out = String::new();
    let (zero, one, infinity) = (black_box(0.0_f64), black_box(-1.0_f64), black_box(f64::INFINITY));
    let odd = black_box(f64::from_bits(0x7ff0_0000_dead_beef));
    let negative = black_box(f64::from_bits(0xfff8_0000_0000_0001));
    for (name, value) in [
        ("0/0", zero / zero),
        ("root", one.sqrt()),
        ("infinity", infinity - infinity),
        ("times", zero * infinity),
        ("odd + 1", odd + 1.0),
        ("1 + odd", 1.0 + odd),
        ("odd + negative", odd + negative),
        ("negative + odd", negative + odd),
        ("minus", -odd),
        ("abs", negative.abs()),
        ("min", odd.min(negative)),
        ("max", odd.max(zero)),
        ("remainder", infinity % 2.0),
        ("fma", odd.mul_add(1.0, negative)),
        ("floor", odd.floor()),
        ("widened", f64::from(black_box(f32::from_bits(0x7f80_beef)))),
    ] {
        line(&mut out, name, format_args!("{:016x}", black_box(value).to_bits()));
    }
    let (zero, odd) = (black_box(0.0_f32), black_box(f32::from_bits(0xffc0_0001)));
    for (name, value) in [("0/0", zero / zero), ("odd * 1", odd * 1.0), ("root", (zero - 1.0).sqrt())] {
        line(&mut out, name, format_args!("{:08x}", black_box(value).to_bits()));
    }
    let narrowed = black_box(f64::from_bits(0x7ff4_1234_5678_9abc)) as f32;
    line(&mut out, "narrowed", format_args!("{:08x}", black_box(narrowed).to_bits()));
    line(&mut out, "as an integer", black_box(f64::NAN) as i64);
    out
}
