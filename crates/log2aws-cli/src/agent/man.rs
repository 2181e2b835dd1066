//! `log2aws man`: the manual pages of this program, one for each verb.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config;
use crate::examples;
use crate::exit::Exit;

/// The flags of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder; made if it is missing.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// A page: its file's name, and what stands in it.
#[derive(Debug)]
struct Page {
    file: String,
    text: Vec<u8>,
}

/// Writes the pages.
///
/// # Errors
/// When one cannot be written.
pub(super) fn run(args: &ManArgs, program: Command) -> anyhow::Result<Exit> {
    let built = std::env::var("SOURCE_DATE_EPOCH").ok();
    let date = date(built.as_deref(), Timestamp::now())?;
    let folder = &args.folder;
    fs::create_dir_all(folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    for page in pages(examples::named(program), &date)? {
        let path = folder.join(page.file);
        fs::write(&path, page.text)
            .with_context(|| format!("the page {} cannot be written", path.display()))?;
    }
    Ok(Exit::Done)
}

/// The date in the footer of the pages: that of the source in a package build, else today.
///
/// # Errors
/// The variable is not a number of seconds.
fn date(source_date_epoch: Option<&str>, now: Timestamp) -> anyhow::Result<String> {
    let moment = match source_date_epoch {
        None => now,
        Some(text) => text
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .with_context(|| {
                format!("SOURCE_DATE_EPOCH must be seconds since 1970, not {text:?}")
            })?,
    };
    Ok(moment.to_zoned(TimeZone::UTC).date().to_string())
}

/// The page of the program and one for each verb, including nested ones.
fn pages(program: Command, date: &str) -> std::io::Result<Vec<Page>> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let source = format!("log2aws {}", program.get_version().unwrap_or_default());
    let mut pages = Vec::new();
    collect(&program, &program, &[date, &source], &mut pages)?;
    Ok(pages)
}

fn collect(
    program: &Command,
    command: &Command,
    [date, source]: &[&str; 2],
    pages: &mut Vec<Page>,
) -> std::io::Result<()> {
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        collect(program, verb, &[date, source], pages)?;
    }
    let page = Man::new(command.clone()).date(*date).source(*source).manual("log2aws");
    let name = page.get_filename();
    let title = name.trim_end_matches(".1").to_uppercase();
    let page = page.title(title);
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    if command.get_arguments().next().is_some() {
        page.render_options_section(&mut text)?;
    }
    if command.has_subcommands() {
        page.render_subcommands_section(&mut text)?;
    }
    notes(program, command).to_writer(&mut text)?;
    pages.push(Page { file: name, text });
    Ok(())
}

/// The sections that clap does not generate.
fn notes(program: &Command, command: &Command) -> Roff {
    let mut roff = Roff::new();
    let verb = path(command).nth(1).unwrap_or_default();
    let keys = config::OPERATOR_KEYS.join(", ");
    let own = config::usual_file_of(verb, path(command).nth(2))
        .map(|file| (file, "The config file: every option's name is a key of it.".to_owned()));
    let of_serve = || {
        let file = config::operator_file(verb)?;
        Some((
            file,
            format!(
                "The config file of serve: of its keys, those of {keys} are read that the command has as options."
            ),
        ))
    };
    if let Some((file, meaning)) = own.or_else(of_serve) {
        roff.control("SH", ["FILES"]);
        roff.control("TP", []);
        roff.text([bold(file)]);
        roff.text([roman(meaning)]);
    }
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    if let Some(lines) = examples.strip_prefix("Examples:\n") {
        roff.control("SH", ["EXAMPLES"]);
        roff.control("nf", []);
        for line in lines.lines() {
            roff.text([roman(line.trim_start())]);
        }
        roff.control("fi", []);
    }
    if let Some(help) = program.get_after_help() {
        roff.control("SH", ["NOTES"]);
        for (i, line) in help.to_string().lines().enumerate() {
            if i > 0 {
                roff.control("PP", []);
            }
            roff.text([roman(line)]);
        }
    }
    if verb.is_empty() {
        return roff;
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold(program.get_name()), roman("(1)")]);
    roff
}

/// The command line up to a verb: the program, then the verbs.
fn path(command: &Command) -> impl Iterator<Item = &str> {
    command.get_bin_name().unwrap_or_else(|| command.get_name()).split(' ')
}

#[cfg(test)]
mod tests {
    use clap::Subcommand as _;

    use super::*;
    use crate::agent::AgentVerb;

    fn read(date: &str) -> Vec<(String, String)> {
        let program =
            AgentVerb::augment_subcommands(Command::new("log2aws-agent").version("1.2.3"));
        let program = program.about("Does things.").after_help("Exit codes: 0 done.\nMore.");
        let pages = pages(program, date).unwrap().into_iter();
        pages.map(|page| (page.file, String::from_utf8(page.text).unwrap())).collect()
    }

    #[test]
    fn every_verb_has_a_page() {
        let pages = read("2026-11-24");
        let named: Vec<&str> = pages.iter().map(|(file, _)| file.as_str()).collect();
        for verb in ["", "-sample", "-ship", "-config", "-config-check", "-completions", "-man"] {
            let file = format!("log2aws-agent{verb}.1");
            assert!(named.contains(&file.as_str()), "{file} is not in {named:?}");
        }
        assert!(!named.iter().any(|file| file.contains("help")), "{named:?}");
    }

    #[test]
    fn a_page_names_config_file_and_exit_codes() {
        let pages = read("2026-11-24");
        let (_, ship) = pages.iter().find(|(file, _)| file == "log2aws-agent-ship.1").unwrap();
        let parts = ["2026-11-24", "log2aws 1.2.3", "Exit codes: 0 done."];
        for part in parts.into_iter().chain(["/etc/log2aws/agent.toml", "SEE ALSO"]) {
            assert!(ship.contains(part), "{part} is not in\n{ship}");
        }
        let example = "EXAMPLES\n.nf\nPROGRAM ship \\-\\-api https://logs.example.com\n";
        assert!(ship.contains(example), "{ship}");
        let (_, man) = pages.iter().find(|(file, _)| file == "log2aws-agent-man.1").unwrap();
        assert!(!man.contains("agent.toml"), "man reads no config file:\n{man}");
    }

    #[test]
    fn the_pages_date_is_the_sources_where_a_package_is_built() {
        let now = Timestamp::from_second(1_796_000_000).unwrap();
        assert_eq!(date(None, now).unwrap(), "2026-11-30");
        assert_eq!(date(Some("86400"), now).unwrap(), "1970-01-02");
        let error = date(Some("today"), now).unwrap_err().to_string();
        assert!(error.contains("SOURCE_DATE_EPOCH") && error.contains("\"today\""), "{error}");
    }
}
