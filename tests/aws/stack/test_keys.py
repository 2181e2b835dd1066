"""The registry of keys: a deploy makes an empty one where there never was one, and no other."""

import json

import pytest
from conftest import STACK, failed, only_planned, says, succeeded
from test_failures import denied
from wire import Answer, flat

KEY = ".log2aws/keys.json"
EMPTY = {"format": 1, "servers": {}, "enrolments": {}}
UPDATE = ["--parameter", "RawKeepDays=400"]


@pytest.fixture
def results(cloud):
    return lambda: cloud.buckets.all[cloud.bucket_name("analyzed")]


def registries(bucket):
    return [version for version in bucket.versions if version.key == KEY]


def order(cloud):
    """The actions that put the registry or start a change."""
    place = f"/{cloud.bucket_name('analyzed')}/{KEY}"
    wanted = [c for c in cloud.calls if c.action == "ExecuteChangeSet" or c.path == place]
    return [call.action for call in wanted]


def test_a_first_deploy_makes_an_empty_registry(cloud, program, results):
    told = succeeded(program.first())
    (made,) = registries(results())
    assert json.loads(made.body) == EMPTY
    says(told, rf"made the registry of keys s3://{cloud.bucket_name('analyzed')}/{KEY}")
    (put,) = [c for c in cloud.of("PutObject") if c.path.endswith(KEY)]
    assert put.headers["if-none-match"] == "*"
    assert put.headers["x-amz-expected-bucket-owner"] == cloud.account
    assert order(cloud) == ["ExecuteChangeSet", "PutObject"]


@pytest.mark.parametrize("flags", [[], UPDATE], ids=["unchanged", "update"])
def test_an_existing_registry_is_left_alone(cloud, program, results, deployed, flags):
    results().put(KEY, b'{"format":1,"servers":{"web01":[]},"enrolments":{}}')
    before = list(results().versions)
    assert "registry" not in succeeded(program.deploy(*flags)).all
    assert results().versions == before
    assert not [c for c in cloud.of("PutObject") if c.path.endswith(KEY)]


def test_an_update_makes_it_before_the_functions_change(cloud, program, standing, results):
    """Functions that read it must never find none."""
    succeeded(program.deploy(*UPDATE))
    assert len(registries(results())) == 1
    assert order(cloud) == ["PutObject", "ExecuteChangeSet"]


def test_an_update_whose_registry_cannot_be_made_changes_nothing(cloud, program, standing):
    place = f"{cloud.bucket_name('analyzed')}/{KEY}"
    cloud.fault("PutObject", denied("s3:PutObject", place), after=2, times=20)
    told = failed(program.deploy(*UPDATE), "s3:PutObject", "the stack was not changed")
    says(told, rf"log2aws key list --init --results s3://{cloud.bucket_name('analyzed')}")
    assert not cloud.of("ExecuteChangeSet") and standing.status == "CREATE_COMPLETE"


def test_a_create_whose_registry_cannot_be_made_says_how_to_make_it(cloud, program, results):
    place = f"{cloud.bucket_name('analyzed')}/{KEY}"
    cloud.fault("PutObject", denied("s3:PutObject", place), after=2)
    told = failed(program.first(), "s3:PutObject", "get no URL until the registry is there")
    says(told, rf"log2aws key list --init --results s3://{cloud.bucket_name('analyzed')}")
    assert cloud.stacks.stack(STACK).status == "CREATE_COMPLETE" and not registries(results())
    says(succeeded(program.deploy()), "made the registry of keys", "nothing to change")
    assert len(registries(results())) == 1


@pytest.mark.parametrize("flags", [[], UPDATE], ids=["unchanged", "update"])
@pytest.mark.parametrize("is_marker_alone", [False, True])
def test_a_registry_that_was_deleted_is_not_made_again(
    cloud, program, results, deployed, flags, is_marker_alone
):
    """Servers with keys would be given plain URLs."""
    results().mark_deleted(KEY)
    if is_marker_alone:
        results().versions = [v for v in results().versions if v.marker]
    before = list(results().versions)
    told = failed(program.deploy(*flags), "was deleted or has expired", "Restore it")
    says(told, "aws s3api list-object-versions", "aws s3api copy-object")
    assert results().versions == before and not cloud.of("ExecuteChangeSet")


def test_another_object_is_no_registry_that_was_deleted(cloud, program, standing, results):
    """A listing by prefix has longer keys, too."""
    results().put(f"{KEY}.bak", b"{}")
    results().mark_deleted(f"{KEY}.bak")
    says(succeeded(program.deploy(*UPDATE)), "made the registry of keys")


def test_a_registry_that_somebody_else_makes_meanwhile_stays(cloud, program, standing, results):
    results().put(KEY, b'{"format":1,"servers":{"web01":[]},"enrolments":{}}')
    before = list(results().versions)
    # As it was just before.
    cloud.fault("ListObjectVersions", Answer(body=flat("ListVersionsResult", []), kind="application/xml"))
    assert "made the registry" not in succeeded(program.deploy(*UPDATE)).all
    assert results().versions == before and order(cloud)[0] == "PutObject"


def test_a_bucket_that_is_taken_over_keeps_its_registry(cloud, program, results, deployed):
    results().put(KEY, b'{"format":1,"servers":{"web01":[]},"enrolments":{}}')
    succeeded(program("delete"))
    before = [version.body for version in registries(results())]
    succeeded(program.first())
    assert [version.body for version in registries(results())] == before


def test_a_bucket_without_a_registry_gets_it_before_it_is_taken_over(cloud, program, results, deployed):
    results().versions.clear()
    succeeded(program("delete"))
    cloud.calls.clear()
    succeeded(program.first())
    assert order(cloud)[:2] == ["PutObject", "ExecuteChangeSet"]


def test_a_create_that_is_not_waited_for_says_what_is_left(cloud, program):
    told = succeeded(program.first("--detach"))
    says(told, "no server gets a URL until the registry of keys is there", "key list --init")


def test_who_says_no_makes_no_registry(cloud, program, standing):
    succeeded(program.deploy(*UPDATE, terminal=True, answer="n\n"))
    only_planned(cloud)


def test_a_change_set_that_is_kept_makes_it_when_it_is_executed(cloud, program, standing, results):
    succeeded(program.deploy(*UPDATE, "--no-execute"))
    assert not registries(results())
    (kept,) = cloud.stacks.sets
    succeeded(program("deploy", "--change-set", kept.name))
    assert order(cloud) == ["PutObject", "ExecuteChangeSet"]
