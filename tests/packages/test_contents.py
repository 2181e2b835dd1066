"""What is in the packages: sums, the same bytes again, pages, completions, the parts list."""

import gzip
import json
import re
import subprocess

import pytest
from conftest import AGENT, DIST, built, run
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def version():
    return re.fullmatch(rf"{AGENT}_(.+)-1_amd64\.deb", built(".deb").name).group(1)


def verbs(archive):
    """The verbs, as the help names them."""
    said = run(str(archive / AGENT), "--help").stdout
    listed = said.split("Commands:")[1].split("Options:")[0]
    return [line.split()[0] for line in listed.splitlines() if re.match(r"  \w", line)]


def test_the_sums_are_right():
    done = run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=DIST)
    assert done.stdout.count(": OK") == len(list(DIST.iterdir())) - 1


# What Debian's and Fedora's checkers find in a package that is neither Debian's nor Fedora's own, and
# why it stays.
ACCEPTED = {
    "bogus-mail-host": "there is no address to write to",
    "copyright-file-contains-full-apache-2-license": "the rpm and the archive have the same file",
    "copyright-not-using-common-license-for-apache2": "the same",
    "no-changelog": "the packages are built from a tag, and have no history of their own",
    "no-changelogname-tag": "the same",
    "maintainer-script-calls-systemctl": "the scripts also run where there is no debhelper",
    "command-with-path-in-maintainer-script": "the script that runs before each start, by its path",
    "non-standard-file-perm": "a proxy's password may be in agent.env",
    "non-readable": "the same",
    "non-standard-gid": "the same",
    "not-listed-as-documentation": "nfpm leaves what is listed so out of the deb",
    "no-documentation": "the same",
    "only-non-binary-in-usr-lib": "systemd's units are there",
    "no-url-tag": "there is no site yet",
    "no-signature": "whoever distributes it signs it; a release has attestations",
    "no-manual-page-for-binary": "it does not count pages in section 1 that are packed by gzip",
    "manpage-not-compressed": "it expects bzip2, which Debian does not take",
    "invalid-license": "it does not know SPDX's names",
    "dangerous-command-in-%pre": "of install(1), which makes a folder",
    "dangerous-command-in-%postun": "of rm(1), which removes one file by its name",
}


@pytest.mark.parametrize(("ending", "checker"), [
    (".deb", ["lintian", "--allow-root", "--tag-display-limit", "0"]), (".rpm", ["rpmlint"]),
])
def test_the_checkers_of_debian_and_fedora_find_nothing_new(ending, checker):
    done = run(*checker, str(built(ending)), check=False)
    assert "Traceback" not in done.stderr and ": " in done.stdout, done.stderr
    found = re.findall(r"^(?:\S+: )?[EW]: (?:\S+: )?(\S+).*", done.stdout, re.M)
    # It read the package: each has some of these.
    assert found, done.stdout + done.stderr
    new = [tag for tag in found if tag not in ACCEPTED]
    assert not new, done.stdout


@pytest.mark.parametrize("packager", ["deb", "rpm"])
def test_the_same_files_make_the_same_package(pack, packager):
    assert pack(packager, version()).read_bytes() == built(f".{packager}").read_bytes()


def test_no_folder_of_the_builder_stands_in_the_program(archive):
    program = (archive / AGENT).read_bytes()
    from conftest import ROOT
    for folder in [str(ROOT), "/.cargo/registry", "/home/", "/root/"]:
        assert folder.encode() not in program, folder
    assert len(program) <= 3_060_000


def test_the_program_needs_no_newer_c_library(archive):
    done = run("readelf", "--wide", "--version-info", str(archive / AGENT))
    wanted = {tuple(map(int, version.split("."))) for version in re.findall(r"GLIBC_([\d.]+)", done.stdout)}
    assert max(wanted) == (2, 17), wanted
    assert "libc6 (>= 2.17)" in (archive / "nfpm.yaml").read_text()


def test_every_verb_has_a_page_that_mandoc_takes(archive):
    pages = sorted((archive / "man").glob("*.1.gz"))
    names = {page.name for page in pages}
    for verb in verbs(archive):
        if verb != "help":
            assert f"{AGENT}-{verb}.1.gz" in names, names
    for page in pages:
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], capture_output=True,
                              input=gzip.decompress(page.read_bytes()))
        assert done.returncode == 0, f"{page.name}: {done.stdout.decode()}"


def test_bash_completes(archive):
    script = f"""source {archive}/completions/bash
        COMP_WORDS=({AGENT} sh) COMP_CWORD=1
        _log2aws__agent {AGENT} sh {AGENT}; echo "${{COMPREPLY[@]}}"; complete -p {AGENT}"""
    done = run("bash", "--norc", "-euc", script)
    assert done.stdout.splitlines()[0] == "ship" and done.stderr == ""


def test_zsh_completes(archive):
    script = f"""autoload -U compinit; compinit -u -D
        source {archive}/completions/zsh; print -- $_comps[{AGENT}]; whence _{AGENT}_commands"""
    done = run("zsh", "-fc", script)
    assert done.stdout.split() == [f"_{AGENT}", f"_{AGENT}_commands"] and done.stderr == ""


def test_fish_completes(archive):
    script = f"source {archive}/completions/fish; complete -C '{AGENT} sh'"
    done = run("fish", "--no-config", "-c", script)
    assert done.stdout.split()[0] == "ship" and done.stderr == ""


def test_the_parts_list_is_valid_and_whole(archive):
    text = (archive / "sbom.cdx.json").read_text()
    assert text == built(".cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parts = json.loads(text)
    components = {part["bom-ref"]: part for part in parts["components"]}
    names = {part["name"] for part in components.values()}
    assert {"rustls", "ring", "ureq", "clap", "jiff", "log2aws-core"} <= names
    assert not names & {"tokio", "axum", "aws-config", "regex"}
    own = parts["metadata"]["component"]
    assert own["version"] == version()
    known = {own["bom-ref"], *components}
    for part in parts["dependencies"]:
        assert {part["ref"], *part["dependsOn"]} <= known
    assert {part["ref"] for part in parts["dependencies"]} == known
    for part in components.values():
        assert part["licenses"], part["name"]


def test_licences_of_others_are_handed_on(archive):
    text = gzip.decompress((archive / "third-party.txt.gz").read_bytes()).decode()
    for name in ["ring", "rustls", "clap", "serde", "webpki"]:
        assert re.search(rf"^(?:.*, )?\S*{name} \d", text, re.M), name
    assert "Permission is hereby granted" in text and "Apache License" in text
