"""The two zips and the bucket for them."""

import hashlib

import pytest
from cloud import Closed, denied
from conftest import AARCH64, HOSTS, STACK, X86_64, elf, failed, key, says, succeeded, zipped


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
    for put in cloud.of("PutObject"):
        assert hashlib.sha256(put.stored).hexdigest() in put.path
        assert "x-amz-checksum-sha256" in put.sums, put.headers


def test_nothing_is_put_twice(cloud, program):
    succeeded(program.first())
    succeeded(program.deploy())
    assert len(cloud.of("PutObject")) == 2
    program.zips(generate=zipped(elf(note=b"a new program")))
    succeeded(program.deploy())
    assert len(cloud.of("PutObject")) == 3
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


@pytest.mark.parametrize("machine, name", [(X86_64, "x86_64"), (AARCH64, "arm64")])
def test_the_architecture_is_that_of_the_zips(cloud, program, machine, name):
    program.zips(zipped(elf(machine, b"generate")), zipped(elf(machine, b"analyze")))
    succeeded(program.first())
    assert cloud.of("CreateChangeSet")[0].parameters()["Architecture"] == name


def test_another_architecture_changes_the_stack(cloud, program, standing):
    program.zips(zipped(elf(AARCH64, b"generate")), zipped(elf(AARCH64, b"analyze")))
    succeeded(program.deploy())
    assert standing.parameters["Architecture"] == "arm64"


@pytest.mark.parametrize(
    "data, words",
    [
        (b"this is no zip", ["analyze-log.zip", "zip"]),
        (b"", ["analyze-log.zip"]),
        (zipped()[:40], ["analyze-log.zip"]),
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
    assert len(cloud.of("PutObject")) == 2
    says(succeeded(program("events")), "CREATE_COMPLETE")
