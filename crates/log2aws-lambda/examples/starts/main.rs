//! The cost of the two functions: cold starts, warm invocations and memory, compared with another
//! implementation in the same run. `cargo xtask bench lambda` calls it.
//!
//! `starts ROUNDS FUNCTIONS SERVE DAY-LOG BIG-LOG [PYTHON FOLDER CACHE]`: the folder with our two
//! programs, the program `log2aws`, a day's log and a large one; and, for the comparison, a Python
//! with awslambdaric, the folder with its `index.py`, and one for the bytecode.

#![allow(clippy::cast_precision_loss, reason = "figures for people, of a few digits")]

mod function;
mod parameter_store;
mod runtime_api;
mod serve;
mod wire;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use function::Function;
use parameter_store::ParameterStore;
use serve::{ANALYZED, RAW, Serve};

type Fault = Box<dyn Error + Send + Sync>;

/// Warm invocations: ours, and those of the comparison, which take longer.
const WARM: (usize, usize) = (200, 20);

const REST_V1: &str = include_str!("../../../../testdata/events/api/rest-v1.json");
const S3_PUT: &str = include_str!("../../../../testdata/events/s3-put.json");

/// One implementation of a function.
struct Side {
    command: Vec<String>,
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    log: PathBuf,
    warm: usize,
}

impl Side {
    fn start(&self) -> Result<Function, Fault> {
        Function::start(&self.command, &self.folder, &self.environment, &self.log)
    }
}

/// Measurements of one start and the invocations after it, in milliseconds.
#[derive(Default)]
struct Costs {
    start: Vec<f64>,
    beyond: Vec<f64>,
    start_cpu: Vec<f64>,
    first: Vec<f64>,
    warm: Vec<f64>,
    warm_cpu: Vec<f64>,
    peak: Vec<f64>,
}

#[expect(clippy::too_many_lines, reason = "a script, from its first step to its last")]
fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (rounds, functions, program, day, big, other) = match arguments[..] {
        [rounds, functions, program, day, big] => (rounds, functions, program, day, big, None),
        [rounds, functions, program, day, big, python, folder, cache] => {
            (rounds, functions, program, day, big, Some((python, folder, cache)))
        }
        _ => {
            return Err("usage: starts ROUNDS FUNCTIONS SERVE DAY BIG [PYTHON FOLDER CACHE]".into());
        }
    };
    let rounds: usize = rounds.parse()?;
    let scratch = tempfile::tempdir()?;
    let serve = Serve::start(Path::new(program), &scratch.path().join("data"))?;
    let store = ParameterStore::open()?;
    store.set(&[
        ("LogPutAllowHosts", "127.0.0.1"),
        ("ServerlogBucketName", RAW),
        ("AnalyzedlogBucketName", ANALYZED),
    ]);
    let roots = scratch.path().join("roots.pem");
    std::fs::write(&roots, &store.roots)?;
    serve.put("day", Path::new(day))?;

    let sides = |name: &str, handler: &str, keys: &str| -> Result<Vec<Side>, Fault> {
        let (access, secret) = serve.keys(keys)?;
        let (url, roots) = (format!("https://{}", store.address), roots.to_string_lossy());
        let environment = BTreeMap::from([
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", &access),
            ("AWS_SECRET_ACCESS_KEY", &secret),
            ("AWS_ENDPOINT_URL_SSM", &url),
            ("AWS_ENDPOINT_URL_S3", &serve.url),
            ("AWS_CA_BUNDLE", &roots),
            ("LOG2AWS_ENV", "dev"),
            // The log in the test data is years old.
            ("LOG2AWS_DAYS_BACK", "36500"),
            ("LOG2AWS_FINAL_AFTER_DAYS", "0"),
            ("PYTHONPYCACHEPREFIX", other.map_or("", |(_, _, cache)| cache)),
        ]);
        let environment: BTreeMap<String, String> =
            environment.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let log = scratch.path().join("function.log");
        let ours = Path::new(functions).join(name).to_string_lossy().into_owned();
        let mut sides = vec![Side {
            command: vec![ours],
            folder: scratch.path().to_owned(),
            environment: environment.clone(),
            log: log.clone(),
            warm: WARM.0,
        }];
        if let Some((python, folder, _)) = other {
            let command = [python, "-m", "awslambdaric", handler];
            sides.push(Side {
                command: command.map(str::to_owned).to_vec(),
                folder: PathBuf::from(folder),
                environment,
                log,
                warm: WARM.1,
            });
        }
        Ok(sides)
    };

    let sides_of = sides("generate-url", "index.generate_url", "signing-key")?;
    let costs = measure(rounds, &sides_of, &store, &question()?, "Signature=")?;
    println!(
        "generate-url, medians of {rounds} starts (in brackets: the other side, and the ratio)"
    );
    tell("start to the first `next`", &costs, |c| &c.start, "ms", "");
    tell("... beyond Parameter Store's own time", &costs, |c| &c.beyond, "ms", "at most 4");
    tell("... on a processor", &costs, |c| &c.start_cpu, "ms", "");
    tell("first invocation", &costs, |c| &c.first, "ms", "");
    tell("warm invocation", &costs, |c| &c.warm, "ms", "at most 0.1");
    tell("... on a processor", &costs, |c| &c.warm_cpu, "ms", "");
    tell("peak memory", &costs, |c| &c.peak, "MiB", "at most 8");

    let sides_of = sides("analyze-log", "index.analyze_log", "credentials")?;
    let costs = measure(rounds, &sides_of, &store, &arrival("day")?, "")?;
    let size = std::fs::metadata(day)?.len();
    println!(
        "analyze-log, medians of {rounds} starts, a day of {size} bytes (the other side: CSV alone)"
    );
    tell("start to the first `next`", &costs, |c| &c.start, "ms", "at most 15");
    tell("... on a processor", &costs, |c| &c.start_cpu, "ms", "");
    tell("first invocation", &costs, |c| &c.first, "ms", "");
    tell("warm invocation", &costs, |c| &c.warm, "ms", "");
    tell("... on a processor", &costs, |c| &c.warm_cpu, "ms", "at most 15");
    tell("peak memory", &costs, |c| &c.peak, "MiB", "at most 40");

    let size = std::fs::metadata(big)?.len();
    serve.put("big", Path::new(big))?;
    let ours = sides_of.first().ok_or("no function")?;
    let mut function = ours.start()?;
    let (took, _) = function.invoke(&arrival("big")?)?;
    println!(
        "analyze-log, a log of {size} bytes: {:.1} s, {:.1} CPU s, peak {:.1} MiB (aim: at most 64)",
        took.as_secs_f64(),
        function.cpu()?.as_secs_f64(),
        function.peak_mib()?
    );
    Ok(())
}

/// Alternates between the sides, so that drift of the machine affects both.
fn measure(
    rounds: usize,
    sides: &[Side],
    store: &ParameterStore,
    event: &[u8],
    part: &str,
) -> Result<Vec<Costs>, Fault> {
    let mut costs: Vec<Costs> = sides.iter().map(|_| Costs::default()).collect();
    // The first round warms up caches and is not counted.
    for round in 0..=rounds {
        for (side, costs) in sides.iter().zip(&mut costs) {
            store.own_time();
            let mut function = side.start()?;
            let own = store.own_time();
            let start_cpu = function.cpu()?;
            let invoke = |function: &mut Function| {
                let (took, answer) = function.invoke(event)?;
                let answer = String::from_utf8_lossy(&answer).into_owned();
                if answer.contains(part) { Ok(ms(took)) } else { Err(Fault::from(answer)) }
            };
            let first = invoke(&mut function)?;
            let begin = function.cpu()?;
            let warm: Result<Vec<_>, _> = (0..side.warm).map(|_| invoke(&mut function)).collect();
            let warm_cpu = function.cpu()?.saturating_sub(begin);
            if round == 0 {
                continue;
            }
            costs.start.push(ms(function.start));
            costs.beyond.push(ms(function.start.saturating_sub(own)));
            costs.start_cpu.push(ms(start_cpu));
            costs.first.push(first);
            costs.warm.push(median(&warm?));
            costs.warm_cpu.push(ms(warm_cpu) / side.warm as f64);
            costs.peak.push(function.peak_mib()?);
        }
    }
    Ok(costs)
}

/// API Gateway's event for a URL. The caller is on the allow-list.
fn question() -> Result<Vec<u8>, Fault> {
    let mut event: Value = serde_json::from_str(REST_V1)?;
    event["requestContext"]["identity"]["sourceIp"] = json!("127.0.0.1");
    event["queryStringParameters"] = json!({"server": "web01", "date": "2019-08-01"});
    event["multiValueQueryStringParameters"] = json!({"server": ["web01"], "date": ["2019-08-01"]});
    Ok(serde_json::to_vec(&event)?)
}

/// S3's event for a log of this server.
fn arrival(server: &str) -> Result<Vec<u8>, Fault> {
    let mut event: Value = serde_json::from_str(S3_PUT)?;
    let record = &mut event["Records"][0];
    record["requestParameters"]["sourceIPAddress"] = json!("127.0.0.1");
    record["s3"]["bucket"]["name"] = json!(RAW);
    let object = record["s3"]["object"].as_object_mut().ok_or("the event has no object")?;
    object.insert("key".to_owned(), json!(format!("{server}/2019-08-01.log")));
    object.remove("versionId");
    Ok(serde_json::to_vec(&event)?)
}

/// One line: our median, the other's, the ratio, and the target.
fn tell(what: &str, costs: &[Costs], figure: impl Fn(&Costs) -> &Vec<f64>, unit: &str, aim: &str) {
    let medians: Vec<f64> = costs.iter().map(|costs| median(figure(costs))).collect();
    let aim = if aim.is_empty() { String::new() } else { format!(" (aim: {aim})") };
    let other = match medians[..] {
        [ours, theirs] => {
            let ratio = theirs / ours;
            let digits = usize::from(ratio < 10.0);
            format!(" [{theirs:.2} {unit}, 1/{ratio:.digits$}]")
        }
        _ => String::new(),
    };
    let ours = medians.first().copied().unwrap_or(f64::NAN);
    println!("  {what:<38}{ours:>9.3} {unit:<3}{other}{aim}");
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_owned();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
