"""`log2aws stack` against moto, with deploy/template.yml as it is."""

import concurrent.futures

import botocore.exceptions
import pytest
from conftest import (
    GIVEN,
    HOSTS,
    ROOT,
    STACK,
    Program,
    elf,
    failed,
    key,
    progress,
    says,
    succeeded,
    zipped,
)
from moto_cloud import ACCOUNT, REGION, Moto

RAW = f"serverlogs-dev-{ACCOUNT}-{REGION}"
ANALYZED = f"analyzedlogs-dev-{ACCOUNT}-{REGION}"
ARTIFACTS = f"cf-templates-{REGION}-{ACCOUNT}"
# The networks in force cannot be read from moto: see moto_cloud.py.
WIDEN = ["--widen"]


@pytest.fixture
def moto(tmp_path):
    running = Moto(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def program(moto, tmp_path):
    running = Program(tmp_path, moto.url, REGION)
    yield running
    running.stop()


def status(moto):
    return moto.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0][
        "StackStatus"
    ]


def stored(moto):
    name = "/log2aws/dev/LogPutAllowHosts"
    return moto.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]


def buckets(moto):
    return {one["Name"] for one in moto.client("s3").list_buckets()["Buckets"]}


def test_deploy_again_update_events_and_delete(moto, program):
    told = succeeded(program.first())
    assert status(moto) == "CREATE_COMPLETE"
    assert buckets(moto) == {RAW, ANALYZED, ARTIFACTS}
    assert {one.strip() for one in stored(moto).split(",")} == {
        one.strip() for one in HOSTS.split(",")
    }
    functions = {f["FunctionName"] for f in moto.client("lambda").list_functions()["Functions"]}
    assert functions == {"log2aws-dev-generate-url", "log2aws-dev-analyze-log"}
    assert [event[:2] for event in progress(told)][-1] == ("CREATE_COMPLETE", STACK)
    objects = moto.client("s3").list_objects_v2(Bucket=ARTIFACTS)["Contents"]
    assert {one["Key"] for one in objects} == {
        key(path.read_bytes()) for path in program.artifacts.glob("*.zip")
    }

    # For moto the same once more is an update, though of nothing: see moto_cloud.py.
    succeeded(program.deploy(*WIDEN))
    assert status(moto) == "UPDATE_COMPLETE"
    assert buckets(moto) == {RAW, ANALYZED, ARTIFACTS}

    program.zips(generate=zipped(elf(note=b"a new program")))
    succeeded(
        program.deploy("--allow-hosts", "203.0.113.7", "--parameter", "LogKeepDays=30", *WIDEN)
    )
    assert status(moto) == "UPDATE_COMPLETE"
    assert stored(moto) == "203.0.113.7"
    given = moto.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0][
        "Parameters"
    ]
    values = {one["ParameterKey"]: one["ParameterValue"] for one in given}
    assert values["LogKeepDays"] == "30"
    assert values["GenerateUrlKey"] == key((program.artifacts / "generate-url.zip").read_bytes())

    told = succeeded(program("events"))
    assert [event[0] for event in progress(told)][-1] == "UPDATE_COMPLETE"

    moto.client("s3").put_object(Bucket=RAW, Key="web01/2026-01-01.log", Body=b"a log")
    told = succeeded(program("delete"))
    says(told, RAW, ANALYZED)
    with pytest.raises(botocore.exceptions.ClientError, match="does not exist"):
        status(moto)
    assert RAW in buckets(moto), "it holds a log"
    says(succeeded(program("delete")), "nothing to delete")


def test_purge_of_many_versions_and_markers(moto, program):
    succeeded(program.first())
    s3 = moto.client("s3")
    # moto's CloudFormation leaves this out.
    s3.put_bucket_versioning(Bucket=RAW, VersioningConfiguration={"Status": "Enabled"})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda n: s3.put_object(
                    Bucket=RAW, Key=f"web{n % 50:02}/2026-01-01.log", Body=b"x"
                ),
                range(1_150),
            )
        )
        list(
            pool.map(
                lambda n: s3.delete_object(Bucket=RAW, Key=f"web{n:02}/2026-01-01.log"), range(50)
            )
        )
    s3.put_object(Bucket=ANALYZED, Key="web01/2026-01-01.csv", Body=b"y")
    s3.create_multipart_upload(Bucket=RAW, Key="web01/2026-01-02.log")
    failed(program("delete", "--purge", answer="log2aws-prod\n"), STACK)
    assert buckets(moto) == {RAW, ANALYZED, ARTIFACTS}
    succeeded(program("delete", "--purge", answer=f"{STACK}\n"))
    assert buckets(moto) == {ARTIFACTS}


def test_purge_and_deploy_in_turn_twice(moto, program):
    for _ in range(2):
        succeeded(program.first())
        assert status(moto) == "CREATE_COMPLETE"
        # moto does not know RetainExceptOnCreate, and removes a bucket that is empty.
        for bucket in (RAW, ANALYZED):
            moto.client("s3").put_object(Bucket=bucket, Key="web01/2026-01-01.log", Body=b"a log")
        told = succeeded(program("delete", "--purge", answer=f"{STACK}\n"))
        says(told, f"at times an hour: {RAW}, {ANALYZED}")
        assert buckets(moto) == {ARTIFACTS}


def test_a_stack_of_an_earlier_template_is_updated_in_place(moto, program):
    earlier = ROOT / "testdata" / "stack" / "template-c0e004a.yml"
    # moto looks into the zips.
    succeeded(program.first("--parameter", "RawKeepDays=0", "--no-execute", yes=False))
    program("delete")
    zips = [key(path.read_bytes()) for path in sorted(program.artifacts.glob("*.zip"))]
    given = GIVEN | {"ArtifactBucket": ARTIFACTS, "AnalyzeLogKey": zips[0], "GenerateUrlKey": zips[1]}
    moto.client("cloudformation").create_stack(
        StackName=STACK,
        TemplateBody=earlier.read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
    )
    assert status(moto) == "CREATE_COMPLETE"
    for bucket in (RAW, ANALYZED):
        moto.client("s3").put_object(Bucket=bucket, Key="web01/2026-01-01.log", Body=b"a log")
    succeeded(program.deploy("--replace", *WIDEN))
    assert status(moto) == "UPDATE_COMPLETE"
    # The results have the registry of keys, too.
    for bucket, count in ((RAW, 1), (ANALYZED, 2)):
        assert moto.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == count
