//! The functions compared with the document's: cold starts, warm invocations, memory, and zip size.

use std::path::Path;

use xshell::{Shell, cmd};

use super::{generate, path, seed};
use crate::{lambda, test, tools};

/// How often each function is started.
const STARTS: &str = "20";

/// Builds both functions as shipped, and runs the `starts` example with them.
pub(super) fn run(shell: &Shell, root: &Path, binary: &Path, scratch: &Path) -> anyhow::Result<()> {
    println!("== lambda: generate-url and analyze-log, Parameter Store over TLS, serve as S3");
    let functions = lambda::on_host(shell, &test::target_folder(shell)?, lambda::Profile::Dist)?;
    for (_, name) in lambda::FUNCTIONS {
        let zip = lambda::zip(&shell.read_binary_file(functions.join(name))?)?.len();
        let aim = if name == "generate-url" { " (aim: at most 2000000)" } else { "" };
        println!("{name}, zipped: {zip} bytes{aim}");
    }
    let Some(seed) = seed(root) else {
        println!(
            "   left out: no seed folder beside the repository (LOG2AWS_SEED_DIR names another)"
        );
        return Ok(());
    };
    let (day, large) = (scratch.join("day.log"), scratch.join("large.log"));
    generate(&seed, &day, &["--lines", "144"])?;
    generate(&seed, &large, &["--bytes", "1000000000", "--seed", "2"])?;
    let python = tools::bench(shell, root)?;
    let cache = scratch.join("bytecode");
    let files = [&functions, binary, &day, &large, &python, &seed.join("restored"), &cache];
    let files = files.into_iter().map(path).collect::<anyhow::Result<Vec<_>>>()?;
    cmd!(
        shell,
        "cargo run --quiet --profile dist -p log2aws-lambda --example starts -- {STARTS} {files...}"
    )
    .quiet()
    .run()?;
    shell.remove_path(large)?;
    Ok(())
}
