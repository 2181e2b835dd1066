//! The duration of each part of `cargo xtask test`, and the skipped tests.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, bail};
use xshell::Cmd;

/// How many parts and tests are listed at the end.
const SLOWEST: usize = 10;

/// Ticks per CPU second in `/proc/self/stat`: the same on every Linux that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// The parts that ran.
#[derive(Default)]
pub(super) struct Report {
    parts: Vec<Part>,
}

struct Part {
    name: String,
    wall_seconds: f64,
    cpu_seconds: f64,
    build: bool,
}

impl Report {
    /// Runs a checking command.
    pub(super) fn step(&mut self, name: &str, command: Cmd<'_>) -> anyhow::Result<()> {
        self.part(name, false, || Ok(command.quiet().run()?))
    }

    /// Runs a building command.
    pub(super) fn build(&mut self, name: &str, command: Cmd<'_>) -> anyhow::Result<()> {
        self.part(name, true, || Ok(command.quiet().run()?))
    }

    /// Runs a part of several commands.
    pub(super) fn part<T>(
        &mut self,
        name: &str,
        build: bool,
        run: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        println!("== {name}");
        let (start, cpu) = (Instant::now(), children_cpu_seconds());
        let done = run().with_context(|| format!("{name}: failed"))?;
        let wall_seconds = start.elapsed().as_secs_f64();
        let cpu_seconds = children_cpu_seconds() - cpu;
        println!("   {name}: passed in {wall_seconds:.0} s ({cpu_seconds:.0} CPU s)");
        self.parts.push(Part { name: name.to_owned(), wall_seconds, cpu_seconds, build });
        Ok(done)
    }

    /// Prints the slowest parts, and the slowest tests in nextest's report if there is one.
    pub(super) fn print(&self, junit: &Path) {
        let sum = |builds: bool, of: fn(&Part) -> f64| -> f64 {
            self.parts.iter().filter(|part| part.build || !builds).map(of).sum()
        };
        println!(
            "== in all {:.0} s ({:.0} CPU s), of which builds {:.0} s ({:.0} CPU s)",
            sum(false, |part| part.wall_seconds),
            sum(false, |part| part.cpu_seconds),
            sum(true, |part| part.wall_seconds),
            sum(true, |part| part.cpu_seconds),
        );
        let mut parts: Vec<&Part> = self.parts.iter().collect();
        parts.sort_by(|a, b| b.wall_seconds.total_cmp(&a.wall_seconds));
        println!("   the slowest parts:");
        for part in parts.into_iter().take(SLOWEST) {
            println!("{:9.1} s {:9.1} CPU s  {}", part.wall_seconds, part.cpu_seconds, part.name);
        }
        // `cargo test` writes no report.
        if let Ok(report) = fs::read_to_string(junit) {
            println!("   the slowest tests:");
            for (seconds, test) in tests(&report).into_iter().take(SLOWEST) {
                println!("{seconds:9.1} s  {test}");
            }
        }
    }
}

/// User and system time of all ended children, including their own children; 0 if the kernel does
/// not provide it.
fn children_cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name, in brackets, may contain blanks. cutime and cstime are fields 16 and 17.
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>()
        / TICKS_PER_SECOND
}

/// The tests of a `JUnit` report, slowest first: seconds, and name with program.
fn tests(report: &str) -> Vec<(f64, String)> {
    let value = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest.split('"').next()?.to_owned())
    };
    let test = |tag: &str| {
        let seconds = value(tag, "time")?.parse().ok()?;
        Some((seconds, format!("{} {}", value(tag, "classname")?, value(tag, "name")?)))
    };
    let mut tests: Vec<(f64, String)> = report
        .split("<testcase")
        .skip(1)
        .filter_map(|rest| test(rest.split('>').next()?))
        .collect();
    tests.sort_by(|a, b| b.0.total_cmp(&a.0));
    tests
}

/// Prints the skipped tests (`log2aws_skip`). In CI a required one is a failure.
pub(super) fn skips(lines: &str, ci: bool) -> anyhow::Result<()> {
    let required = lines.lines().filter(|line| line.starts_with("SKIPPED")).count();
    println!("== {} tests could not run here, {required} of them required", lines.lines().count());
    for line in lines.lines() {
        println!("   {line}");
    }
    if ci && required > 0 {
        bail!("{required} required tests were skipped; in CI each must run");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_required_skip_fails_in_ci_alone() {
        let required = "LEFT OUT: chown: not root\nSKIPPED: full_disk: no mount\n";
        assert!(skips(required, true).unwrap_err().to_string().contains("1 required"));
        assert!(skips(required, false).is_ok());
        assert!(skips("LEFT OUT: chown: not root\n", true).is_ok());
        assert!(skips("", true).is_ok());
    }

    #[test]
    fn the_slowest_test_of_a_report_is_first() {
        let report = r#"<testsuites><testsuite name="a::it" tests="2">
            <testcase name="x::quick" classname="a::it" timestamp="2026" time="0.021">
            </testcase>
            <testcase name="y::slow" classname="a::it" time="12.5"/></testsuite></testsuites>"#;
        let told = tests(report);
        assert_eq!(told[0], (12.5, "a::it y::slow".to_owned()));
        assert_eq!(told[1], (0.021, "a::it x::quick".to_owned()));
    }

    #[test]
    fn the_cpu_time_of_children_is_counted() {
        let before = children_cpu_seconds();
        let burn = "i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done";
        assert!(std::process::Command::new("sh").args(["-c", burn]).status().unwrap().success());
        assert!(children_cpu_seconds() > before);
    }
}
