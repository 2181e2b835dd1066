"""The operator's archive: unpacked outside any checkout, it deploys the zips that are in it."""

import gzip
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tarfile
import zipfile

import pytest
from conftest import ROOT, built, run
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ENDING = "-linux-x86_64.tar.gz"
ZIPS = ["analyze-log.zip", "generate-url.zip"]


def moto_cloud():
    """The tests of the stack know how to run moto."""
    path = ROOT / "tests" / "aws" / "stack" / "moto_cloud.py"
    spec = importlib.util.spec_from_file_location("moto_cloud", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def version():
    return built(ENDING, "log2aws").name.removeprefix("log2aws-").removesuffix(ENDING)


@pytest.fixture
def unpacked(tmp_path):
    """What an operator has: the archive's folder, in a folder of its own."""
    run("tar", "--extract", "--file", str(built(ENDING, "log2aws")), cwd=tmp_path)
    (folder,) = tmp_path.iterdir()
    return folder


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    running = moto_cloud().Moto(tmp_path_factory.mktemp("moto"))
    yield running
    running.stop()


@pytest.fixture
def stack(unpacked, tmp_path, moto):
    """Runs `log2aws stack` of the archive, in an empty folder."""
    empty = tmp_path / "work"
    empty.mkdir()

    def stack(verb, *flags, program=unpacked / "log2aws"):
        return subprocess.run(
            [str(program), "stack", verb, *flags],
            cwd=empty, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
            env={
                "PATH": os.environ["PATH"], "HOME": str(empty), "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_ACCESS_KEY_ID": "operator", "AWS_SECRET_ACCESS_KEY": "operator",
                "AWS_REGION": moto_cloud().REGION,
            })

    return stack


def deploy(moto, *more, env="dev"):
    return ["deploy", "--env", env, "--yes", env, "--allow-hosts", "203.0.113.7", "--endpoint-url",
            moto.url, "--poll-ms", "10", "--stack-name", f"log2aws-{env}", *more]


def test_the_archive_has_what_an_operator_needs_and_nothing_of_the_builder():
    with tarfile.open(built(ENDING, "log2aws")) as archive:
        entries = archive.getmembers()
    names = [entry.name.partition("/")[2] for entry in entries]
    files = {name for name, entry in zip(names, entries) if entry.isfile()}
    zips = {f"lambda/x86_64/{name}" for name in ZIPS}
    assert files == zips | {
        "LICENSE", "README.md", "README.ja.md", "log2aws", "sbom.cdx.json", "third-party.txt.gz"}
    assert {entry.name.split("/")[0] for entry in entries} == {f"log2aws-{version()}-linux-x86_64"}
    # The same bytes again: no owner, no order and no time of the builder.
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    assert {(entry.uid, entry.gid, entry.uname) for entry in entries} == {(0, 0, "root")}
    with tarfile.open(built(ENDING)) as agents:
        assert {entry.mtime for entry in entries} == {entry.mtime for entry in agents.getmembers()}
    assert {oct(entry.mode) for entry in entries if entry.isdir()} == {"0o755"}
    modes = {oct(entry.mode) for entry in entries if entry.isfile() and entry.name.endswith("/log2aws")}
    assert modes == {"0o755"}
    # Neither name nor time in the head of gzip.
    assert built(ENDING, "log2aws").read_bytes()[3:8] == bytes(5)


def test_the_program_is_of_the_archives_version(unpacked):
    assert run(str(unpacked / "log2aws"), "--version").stdout.split()[1] == version()


def test_the_zips_beside_the_program_are_deployed(unpacked, stack, moto, tmp_path):
    link = tmp_path / "work" / "log2aws"
    link.symlink_to(unpacked / "log2aws")
    # Somebody else's zips in the current folder are not taken before them.
    other = tmp_path / "work" / "target" / "lambda"
    shutil.copytree(unpacked / "lambda" / "x86_64", other)
    with zipfile.ZipFile(other / "generate-url.zip", "a") as archive:
        archive.writestr("note", "another")
    done = stack(*deploy(moto), program=link)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "architecture of the functions: x86_64: a new stack gets it where no" in done.stdout
    bucket = f"cf-templates-{moto_cloud().REGION}-{moto_cloud().ACCOUNT}"
    listed = moto.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    sums = {hashlib.sha256((unpacked / "lambda/x86_64" / name).read_bytes()).hexdigest() for name in ZIPS}
    assert {one["Key"] for one in listed} == {f"log2aws/{one}.zip" for one in sums}
    functions = moto.client("lambda").list_functions()["Functions"]
    assert {tuple(one["Architectures"]) for one in functions} == {("x86_64",)}


def test_a_plan_needs_no_zips(unpacked, stack):
    assert "what the functions run on:\n  x86_64: " in stack("plan").stdout
    shutil.rmtree(unpacked / "lambda")
    done = stack("plan")
    assert done.returncode == 0 and "  x86_64: a new stack gets it where no" in done.stdout, done


def other_version(folder):
    data = (folder / "generate-url.zip").read_bytes()
    with zipfile.ZipFile(folder / "generate-url.zip") as archive:
        entries = [(entry, archive.read(entry)) for entry in archive.infolist()]
    assert data and [entry.filename for entry, _ in entries] == ["bootstrap", "log2aws-version"]
    with zipfile.ZipFile(folder / "generate-url.zip", "w") as archive:
        archive.writestr(*entries[0])
        archive.writestr(entries[1][0], "0.0.1\n")


def cut(folder):
    path = folder / "analyze-log.zip"
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(("damage", "flags", "words"), [
    (other_version, [], ["generate-url.zip is of log2aws 0.0.1, and this program is of log2aws"]),
    (lambda folder: None, ["--parameter", "Architecture=arm64"],
     ["are to be for arm64 (--parameter names it)", "are for x86_64"]),
    (lambda folder: (folder / "analyze-log.zip").unlink(), [],
     ["(generate-url.zip, analyze-log.zip) are not both in", "lambda/x86_64"]),
    (lambda folder: shutil.rmtree(folder.parent), [], ["are not both in", "share/log2aws/lambda"]),
    (cut, [], ["analyze-log.zip: it is no zip, or not a whole one", "unpack the release's archive"]),
], ids=["version", "architecture", "one is missing", "both are missing", "truncated"])
def test_zips_that_do_not_fit_are_refused_with_what_to_do(unpacked, stack, moto, damage, flags, words):
    damage(unpacked / "lambda" / "x86_64")
    done = stack(*deploy(moto, *flags, env="other"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    stacks = moto.client("cloudformation").describe_stacks()["Stacks"]
    assert "log2aws-other" not in {one["StackName"] for one in stacks}


def test_zips_are_found_where_a_package_would_have_them(unpacked, stack, moto, tmp_path):
    (tmp_path / "usr" / "bin").mkdir(parents=True)
    (tmp_path / "usr" / "share" / "log2aws").mkdir(parents=True)
    program = (unpacked / "log2aws").rename(tmp_path / "usr" / "bin" / "log2aws")
    (unpacked / "lambda").rename(tmp_path / "usr" / "share" / "log2aws" / "lambda")
    done = stack(*deploy(moto, "--no-execute", env="packaged"), program=program)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_parts_list_names_program_and_functions(unpacked):
    text = (unpacked / "sbom.cdx.json").read_text()
    assert text == built("-linux-x86_64.cdx.json", "log2aws").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parts = json.loads(text)
    own = parts["metadata"]["component"]
    assert (own["name"], own["version"]) == ("log2aws", version())
    program = hashlib.sha256((unpacked / "log2aws").read_bytes()).hexdigest()
    assert own["hashes"] == [{"alg": "SHA-256", "content": program}]
    kinds = {part["name"]: part["type"] for part in parts["components"]}
    assert kinds["log2aws-lambda"] == kinds["log2aws-lambda-analyze"] == "application"
    # Of the program alone, and of the functions alone.
    assert {kinds["aws-sdk-cloudformation"], kinds["lambda_runtime"]} == {"library"}
    known = {own["bom-ref"], *(part["bom-ref"] for part in parts["components"])}
    assert {part["ref"] for part in parts["dependencies"]} == known


def test_licences_of_others_are_handed_on(unpacked):
    text = gzip.decompress((unpacked / "third-party.txt.gz").read_bytes()).decode()
    for name in ["axum", "aws-sdk-cloudformation", "aws_lambda_events", "resvg"]:
        assert re.search(rf"^(?:.*, )?{name} \d", text, re.M), name
    licence = (unpacked / "LICENSE").read_text()
    assert "Permission is hereby granted" in licence and "Apache License" in licence
