"""The two zips and the bucket for them."""

import hashlib
import json
import shutil

import pytest
from cloud import Closed, denied
from conftest import (
    AARCH64,
    HOSTS,
    STACK,
    VERSION,
    X86_64,
    elf,
    failed,
    key,
    refused,
    says,
    succeeded,
    zipped,
)


def test_the_bucket_is_made_in_this_region_and_closed(cloud, program):
    succeeded(program.first())
    (made,) = cloud.of("CreateBucket")
    assert b"<LocationConstraint>ap-northeast-1</LocationConstraint>" in made.body
    settings = cloud.buckets.all[cloud.artifact_bucket()].settings
    blocks = {node.tag: node.text for node in settings["PublicAccessBlock"]}
    assert blocks == dict.fromkeys(
        ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"],
        "true",
    )


@pytest.mark.parametrize("cloud", ["us-east-1"], indirect=True)
def test_the_bucket_of_the_first_region_is_made_without_a_place(cloud, program):
    succeeded(program.first())
    (made,) = cloud.of("CreateBucket")
    assert b"LocationConstraint" not in made.body
    assert cloud.stacks.stack(STACK).status == "CREATE_COMPLETE"


def test_the_zips_are_put_by_their_hash_with_a_checksum(cloud, program):
    succeeded(program.first())
    bucket = cloud.buckets.all[cloud.artifact_bucket()]
    files = [p.read_bytes() for p in sorted(program.artifacts.glob("*.zip"))]
    assert {v.key: v.body for v in bucket.versions} == {key(data): data for data in files}
    for put in cloud.zips():
        assert hashlib.sha256(put.stored).hexdigest() in put.path
        assert "x-amz-checksum-sha256" in put.sums, put.headers


def test_nothing_is_put_twice(cloud, program):
    succeeded(program.first())
    succeeded(program.deploy())
    assert len(cloud.zips()) == 2
    program.zips(generate=zipped(elf(note=b"a new program")))
    succeeded(program.deploy())
    assert len(cloud.zips()) == 3
    assert len(cloud.of("CreateBucket")) == 1
    assert len(cloud.of("PutPublicAccessBlock")) == 2, "the run that made it may have been cut off"


def test_a_deploy_that_changes_nothing_leaves_the_bucket_alone(cloud, program):
    succeeded(program.first())
    cloud.calls.clear()
    succeeded(program.deploy())
    assert not [call for call in cloud.changes() if call.service == "s3"]


def test_each_call_to_the_bucket_names_its_owner(cloud, program):
    succeeded(program.first())
    calls = [c for c in cloud.calls if c.service == "s3" and c.action != "CreateBucket"]
    assert calls
    for call in calls:
        assert call.headers.get("x-amz-expected-bucket-owner") == cloud.account, call


@pytest.mark.parametrize("owner", ["999999999999"])
def test_a_bucket_of_somebody_else_is_not_used(cloud, program, owner):
    cloud.buckets.make(cloud.artifact_bucket(), owner)
    failed(program.first(), cloud.artifact_bucket())
    assert not cloud.of("PutObject") and not cloud.of("ExecuteChangeSet")


def both(folder, machine, tested=False, version=VERSION):
    """The zips of an architecture in a folder, and the sums of tested ones."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for name in ["generate-url", "analyze-log"]:
        data = zipped(elf(machine, name.encode()), version=version)
        (folder / f"{name}.zip").write_bytes(data)
        lines.append(f"{hashlib.sha256(data).hexdigest()}  {name}.zip\n")
    if tested:
        (folder / "tested.sha256").write_text("".join(lines))


def sent(cloud):
    return cloud.of("CreateChangeSet")[-1].parameters()


ARM = ["--parameter", "Architecture=arm64"]


@pytest.mark.parametrize("machine, name", [(X86_64, "x86_64"), (AARCH64, "arm64")])
def test_an_architecture_that_is_named_is_taken(cloud, program, machine, name):
    both(program.artifacts, machine)
    told = succeeded(program.first("--parameter", f"Architecture={name}"))
    assert sent(cloud)["Architecture"] == name
    says(told, f"architecture of the functions: {name}: --parameter names it")


def test_both_architectures_may_be_there(cloud, program):
    shutil.rmtree(program.artifacts)
    both(program.artifacts / "x86_64", X86_64)
    both(program.artifacts / "arm64", AARCH64)
    told = succeeded(program.first(*ARM))
    assert sent(cloud)["Architecture"] == "arm64"
    arm = (program.artifacts / "arm64" / "generate-url.zip").read_bytes()
    assert sent(cloud)["GenerateUrlKey"] == key(arm)
    # From here on the stack has it.
    both(program.artifacts / "arm64", AARCH64, version=VERSION)
    data = zipped(elf(AARCH64, b"another"))
    (program.artifacts / "arm64" / "generate-url.zip").write_bytes(data)
    told = succeeded(program.deploy())
    assert sent(cloud)["Architecture"] == "arm64" and sent(cloud)["GenerateUrlKey"] == key(data)
    says(told, "arm64: the stack has it")
    told = succeeded(program.deploy("--parameter", "Architecture=x86_64"))
    assert cloud.stacks.stack(STACK).parameters["Architecture"] == "x86_64"


@pytest.mark.parametrize("tested, name", [(True, "arm64"), (False, "x86_64")])
def test_a_new_stack_gets_arm64_only_from_zips_that_were_tested_there(cloud, program, tested, name):
    shutil.rmtree(program.artifacts)
    both(program.artifacts / "x86_64", X86_64, tested=True)
    both(program.artifacts / "arm64", AARCH64, tested=tested)
    told = succeeded(program.first())
    assert sent(cloud)["Architecture"] == name
    says(told, "tested its zips on arm64" if tested else "no zips are that a release tested on arm64")


def test_sums_of_other_zips_say_nothing(cloud, program):
    shutil.rmtree(program.artifacts)
    both(program.artifacts / "x86_64", X86_64)
    both(program.artifacts / "arm64", AARCH64, tested=True)
    (program.artifacts / "arm64" / "analyze-log.zip").write_bytes(zipped(elf(AARCH64, b"mine")))
    succeeded(program.first())
    assert sent(cloud)["Architecture"] == "x86_64"


def test_an_existing_stack_keeps_its_architecture(cloud, program, standing):
    shutil.rmtree(program.artifacts)
    both(program.artifacts / "x86_64", X86_64)
    both(program.artifacts / "arm64", AARCH64, tested=True)
    standing.parameters["Architecture"] = "x86_64"
    succeeded(program.deploy())
    assert standing.parameters["Architecture"] == "x86_64"


def test_zips_of_another_architecture_than_the_stacks_are_refused(cloud, program, standing):
    standing.parameters["Architecture"] = "x86_64"
    both(program.artifacts, AARCH64)
    told = failed(program.deploy(), "are to be for x86_64", "are for arm64", "Architecture=arm64")
    assert str(program.artifacts) in told.all
    assert not cloud.changes()
    succeeded(program.deploy(*ARM))
    assert standing.parameters["Architecture"] == "arm64"


def test_zips_of_another_architecture_than_the_named_are_refused_before_any_request(cloud, program):
    failed(program.first(*ARM), "are to be for arm64 .--parameter names it", "are for x86_64")
    assert not cloud.calls


def test_an_architecture_that_lambda_does_not_have_is_refused(cloud, program):
    refused(program.first("--parameter", "Architecture=riscv"), "x86_64", "arm64")
    assert not cloud.calls


@pytest.mark.parametrize("version, words", [("0.0.1", "log2aws 0.0.1"), (None, "no version")])
def test_zips_of_another_version_are_refused_before_any_request(cloud, program, version, words):
    program.zips(analyze=zipped(elf(note=b"analyze"), version=version))
    failed(program.first(), "analyze-log.zip", words, f"this program is of log2aws {VERSION}")
    assert not cloud.calls


def test_a_plan_says_what_the_functions_run_on_and_why(cloud, program):
    told = succeeded(program("plan"))
    says(told, "what the functions run on:\n  x86_64: a new stack gets it", "keeps its own")
    says(succeeded(program("plan", *ARM)), "arm64: --parameter names it")
    shutil.rmtree(program.artifacts)
    both(program.artifacts / "x86_64", X86_64)
    both(program.artifacts / "arm64", AARCH64, tested=True)
    told = succeeded(program("plan", "--artifacts", program.artifacts, "--json"))
    plan = json.loads(told.out)
    assert (plan["architecture"], plan["architecture_reason"]) == ("arm64", "tested")
    x86 = json.loads(succeeded(program("plan", "--json")).out)
    # A GB-second of arm64 costs a fifth less.
    assert plan["cost"] != x86["cost"]
    failed(program("plan", "--artifacts", program.folder), "are not both in")


@pytest.mark.parametrize(
    "data, words",
    [
        (b"this is no zip", ["analyze-log.zip", "zip"]),
        (b"", ["analyze-log.zip"]),
        (zipped()[:40], ["analyze-log.zip"]),
        (zipped(elf(note=bytes(range(256)) * 99))[:-30], ["analyze-log.zip", "not a whole one"]),
        (zipped(name="bin/bootstrap"), ["analyze-log.zip", "bootstrap"]),
        (
            zipped(b"#!/bin/sh\nexit 0\n"),
            ["analyze-log.zip", "bootstrap", "ELF|program|executable"],
        ),
        (zipped(b"\x7fELF"), ["analyze-log.zip", "bootstrap"]),
        (zipped(elf(40)), ["analyze-log.zip", "x86_64|arm64|aarch64"]),
        (zipped(elf(AARCH64)), ["x86_64", "arm64|aarch64"]),
        (zipped(mode=0o644), ["analyze-log.zip", "bootstrap", "execut"]),
    ],
    ids=[
        "text",
        "empty",
        "cut",
        "end cut",
        "elsewhere",
        "script",
        "short",
        "32-bit arm",
        "two kinds",
        "not executable",
    ],
)
def test_a_zip_that_lambda_could_not_run_is_refused_before_any_request(cloud, program, data, words):
    program.zips(analyze=data)
    failed(program.first(), *words)
    assert not cloud.calls


def test_missing_zips_are_looked_for_and_the_command_is_named(cloud, program):
    (program.artifacts / "generate-url.zip").unlink()
    told = failed(program.first(), "generate-url.zip", "cargo xtask lambda")
    assert str(program.artifacts) in told.all
    assert not cloud.calls
    nowhere = program.folder / "nowhere"
    told = failed(program.first("--artifacts", nowhere), "nowhere", "cargo xtask lambda")
    assert not cloud.calls


def test_zips_below_the_current_folder_are_found(cloud, program):
    place = program.folder / "target" / "lambda"
    place.mkdir(parents=True)
    for file in program.artifacts.glob("*.zip"):
        file.rename(place / file.name)
    succeeded(program.first("--artifacts", place))
    cloud.calls.clear()
    line = [part for part in program.command("deploy", ["--artifacts", place])][:-2]
    program.command = lambda verb, flags: [*line, "--yes", "dev"]
    succeeded(program.deploy())
    sent = cloud.of("CreateChangeSet")[0].parameters()
    assert sent["GenerateUrlKey"] == key((place / "generate-url.zip").read_bytes())


def test_a_put_that_breaks_off_is_put_again(cloud, program):
    cloud.fault("PutObject", Closed())
    succeeded(program.first())
    bucket = cloud.buckets.all[cloud.artifact_bucket()]
    assert len({version.key for version in bucket.versions}) == 2


def test_a_deploy_that_failed_after_the_zips_continues(cloud, program):
    arn = f"arn:aws:cloudformation:{cloud.region}:{cloud.account}:stack/{STACK}/*"
    cloud.fault("CreateChangeSet", denied("cloudformation:CreateChangeSet", arn))
    failed(program.first(), "cloudformation:CreateChangeSet")
    succeeded(program("deploy", "--allow-hosts", HOSTS))
    assert len(cloud.zips()) == 2
    says(succeeded(program("events")), "CREATE_COMPLETE")
