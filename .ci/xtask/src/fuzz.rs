//! `cargo x fuzz`: random bytes for whatever strangers can send, led by the compiler's coverage.
//!
//! The coverage is LLVM's, which the stable compiler can insert; libFuzzer comes with its crate and needs a C++ compiler.
//! What breaks a target is kept in tests/fuzz/found, which the worker's tests run through from then on.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use serde_json::Value;

use crate::{command, packages, repo};

#[derive(clap::Args)]
pub struct Args {
    /// Which; all of them where nothing is said
    target: Option<Target>,
    /// How long each is run
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// The signature of a webhook
    Signature,
    /// The body of a webhook
    Payload,
    /// A phone number
    Phone,
}

/// Where the crate is.
const CRATE: &str = "tests/fuzz";

/// Has LLVM count which branches are taken and note what is compared: what libFuzzer is led by. Without an address
/// sanitizer, which only the nightly compiler has; what is fuzzed has no unsafe code.
const COVERAGE: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Clink-dead-code",
    "-Ccodegen-units=1",
];

/// Longest input: a webhook with several messages.
const LONGEST: usize = 16 * 1024;

/// Builds the targets and runs each for its time. The first that breaks ends it, after its input was kept.
pub fn run(args: &Args) -> Result<()> {
    packages::run()?;
    let programs = build()?;
    let targets: Vec<Target> = args
        .target
        .map_or_else(|| Target::value_variants().to_vec(), |one| vec![one]);
    for target in targets {
        fuzz(target, &programs, args.seconds)?;
    }
    Ok(())
}

/// Gives the folder with the programs.
fn build() -> Result<PathBuf> {
    command::announce("building what is fuzzed");
    let host = repo::host()?;
    let target_dir = repo::metadata()?.target_directory.join("fuzz");
    let mut cargo = command::cargo();
    cargo
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(repo::root().join(CRATE).join("Cargo.toml"))
        // Named, so that programs which run while building are built without coverage.
        .args(["--target", &host, "--target-dir"])
        .arg(&target_dir)
        .env("RUSTFLAGS", COVERAGE.join(" "));
    if std::env::var_os("CXX").is_none() {
        cargo.env("CXX", "clang++-14");
    }
    command::run(&mut cargo)?;
    Ok(target_dir.join(host).join("release"))
}

/// Runs one target, from the examples and from what earlier runs have come to.
fn fuzz(target: Target, programs: &Path, seconds: u32) -> Result<()> {
    let name = target.name();
    let corpus = repo::metadata()?
        .target_directory
        .join("fuzz/corpus")
        .join(&name);
    fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    for (place, seed) in seeds(target)?.iter().enumerate() {
        fs::write(corpus.join(format!("example_{place:04}")), seed)?;
    }
    let words = corpus.with_extension("dict");
    fs::write(&words, dictionary()?)?;
    let found = repo::root().join(CRATE).join("found").join(&name);
    fs::create_dir_all(&found)?;

    command::announce(&format!("fuzzing {name} for {seconds} s"));
    let mut fuzzer = command::new(programs.join(&name));
    fuzzer
        .arg(&corpus)
        .arg(format!("-dict={}", words.display()))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST}"))
        .args(["-timeout=10", "-verbosity=1", "-print_final_stats=1"]);
    let ended = fuzzer.output().context("cannot start the fuzzer")?;
    let said = String::from_utf8_lossy(&ended.stderr);
    if !ended.status.success() {
        let last: Vec<_> = said.lines().rev().take(40).collect();
        for line in last.iter().rev() {
            eprintln!("{line}");
        }
        bail!(
            "fuzzing {name} broke it ({}); the bytes are in {CRATE}/found/{name}",
            ended.status
        );
    }
    // Nobody shall believe in a fuzzer that did nothing.
    let figure = |of: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(of));
        line.and_then(|rest| rest.trim_start_matches(':').trim().parse::<u64>().ok())
    };
    let runs = figure("stat::number_of_executed_units").unwrap_or_default();
    let reached = said
        .lines()
        .rev()
        .find_map(|line| {
            line.split("cov: ")
                .nth(1)?
                .split(' ')
                .next()?
                .parse::<u64>()
                .ok()
        })
        .unwrap_or_default();
    ensure!(
        runs > 1000 && reached > 10,
        "fuzzing {name} tried {runs} inputs and reached {reached} places: something is wrong with its build"
    );
    // A folder without a find is not kept.
    let _is_empty = fs::remove_dir(&found);
    println!("{name}: {runs} inputs, {reached} places in the code reached, nothing found");
    Ok(())
}

impl Target {
    fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }
}

/// Examples to begin with.
fn seeds(target: Target) -> Result<Vec<Vec<u8>>> {
    let bodies = bodies()?;
    Ok(match target {
        Target::Payload => bodies,
        Target::Signature => bodies
            .into_iter()
            .map(|body| [b"\x09\x20sha256=00ff\n".as_slice(), &body].concat())
            .collect(),
        Target::Phone => {
            let mut texts = Vec::new();
            for rule in ["dialled_phone", "phone_variants"] {
                let path = repo::root().join(format!("tests/vectors/{rule}.json"));
                collect(&serde_json::from_str(&repo::read(&path)?)?, &mut |text| {
                    texts.push(text.as_bytes().to_vec());
                });
            }
            texts
        }
    })
}

/// Bodies of webhooks: our vectors, and Meta's own where they are at hand.
fn bodies() -> Result<Vec<Vec<u8>>> {
    let mut bodies = Vec::new();
    for file in repo::files("tests/vectors/webhooks", "json")? {
        let vector: Value = serde_json::from_str(&file.text)?;
        bodies.push(match vector["body_text"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => vector["body"].to_string().into_bytes(),
        });
    }
    if let Some(corpus) = std::env::var_os("PG_CHAT_CORPUS") {
        let folder = Path::new(&corpus).join("payloads");
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("PG_CHAT_CORPUS: cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|of| of == "json") {
                bodies.push(fs::read(&path)?);
            }
        }
    }
    Ok(bodies)
}

/// Meta's words, which chance would not find: every short text and every key of the examples.
fn dictionary() -> Result<String> {
    let mut words = std::collections::BTreeSet::new();
    for body in bodies()? {
        if let Ok(body) = serde_json::from_slice(&body) {
            collect(&body, &mut |text| {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte);
                if (2..=32).contains(&text.len()) && text.bytes().all(plain) {
                    words.insert(text.to_owned());
                }
            });
        }
    }
    let lines = words.iter().map(|word| format!("\"\\\"{word}\\\"\"\n"));
    Ok(lines.collect())
}

/// Every text and every key in a JSON value.
fn collect(value: &Value, take: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => take(text),
        Value::Array(values) => values.iter().for_each(|value| collect(value, take)),
        Value::Object(fields) => {
            for (key, value) in fields {
                take(key);
                collect(value, take);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
