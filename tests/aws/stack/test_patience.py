"""What is told when AWS stays away: after eight attempts, or after two minutes of silence.

Each of these runs waits for most of a minute for nothing, so all of them wait at the same time.
"""

import concurrent.futures
import socket
import time

import pytest
from cloud import Closed, Cloud, throttled
from conftest import HOSTS, STACK, Program, failed, happened, progress, says, succeeded
from runs import Scenario
from test_delete import filled
from wire import Stalled

FOLLOW = r"log2aws stack events.*--follow"
SHORT = ["--patience-ms", "1500"]
SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Every scenario's cloud, program, and what it told."""
    worlds = {}
    for name in SCENARIOS:
        cloud = Cloud()
        worlds[name] = (cloud, Program(tmp_path_factory.mktemp(name), cloud.url, cloud.region))
    with concurrent.futures.ThreadPoolExecutor(len(worlds)) as pool:
        told = {name: pool.submit(SCENARIOS[name], *world) for name, world in worlds.items()}
    yield {name: (*world, told[name]) for name, world in worlds.items()}
    for cloud, program in worlds.values():
        program.stop()
        cloud.stop()


@pytest.fixture
def of(ended):
    def one(function):
        cloud, program, told = ended[function.__name__]
        return cloud, program, told.result()

    return one


def begun(cloud, program):
    """A deploy of which CloudFormation has done a part."""
    cloud.stacks.scenario = Scenario(holds_after=4)
    running = program.start("deploy", "--allow-hosts", HOSTS, *SHORT)
    running.until(r"CREATE_COMPLETE\s+\S+\s+AWS::")
    return running


@scenario
def throttled_for_ever(cloud, program):
    cloud.fault("CreateChangeSet", throttled(), times=10_000)
    return program.first()


def test_throttling_for_ever_is_told(of):
    cloud, _, told = of(throttled_for_ever)
    failed(told, "change set|change of stack", "throttl|too many requests|rate exceeded")
    calls = cloud.of("CreateChangeSet")
    assert len(calls) == 8
    waits = [late.time - early.time for early, late in zip(calls, calls[1:])]
    # The waits are drawn from 0 to 1, 2, 4, 8, 16, 20 and 20 s.
    assert sum(waits) > 3, f"it backs off: {waits}"
    assert not cloud.of("ExecuteChangeSet")


@scenario
def gone_for_good(cloud, program):
    running = begun(cloud, program)
    cloud.vanish()
    return running.end()


def test_an_endpoint_that_is_gone_for_good_is_told(of):
    cloud, _, told = of(gone_for_good)
    failed(told, "goes on", FOLLOW)
    assert cloud.url.removeprefix("http://") in told.all, f"it names the host: {told}"


@scenario
def away_for_a_while(cloud, program):
    """More breaks than one call tries again."""
    cloud.stacks.scenario = Scenario(holds_after=4)
    running = program.start("deploy", "--allow-hosts", HOSTS)
    running.until(r"CREATE_COMPLETE\s+\S+\s+AWS::")
    cloud.fault("*", Closed(), times=10)
    cloud.stacks.scenario.gate.set()
    return running.end()


def test_an_endpoint_that_comes_back_is_followed_on(of):
    cloud, _, told = of(away_for_a_while)
    assert progress(succeeded(told)) == happened(cloud.stacks.stack(STACK), 1)


@scenario
def silent(cloud, program):
    """The connection stands and nothing comes: no error would ever end this by itself."""
    running = begun(cloud, program)
    cloud.fault("*", Stalled(), times=10_000)
    began = time.monotonic()
    told = running.end()
    told.seconds = time.monotonic() - began
    return told


def test_an_endpoint_that_falls_silent_is_told(of):
    _, _, told = of(silent)
    failed(told, "goes on", FOLLOW)
    assert told.seconds < 90, told


def nowhere(verb, *flags):
    def run(cloud, program):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            place = f"127.0.0.1:{probe.getsockname()[1]}"
        program.url = f"http://{place}"
        told = program(verb, *flags)
        told.place = place
        return told

    run.__name__ = f"{verb}_to_nowhere"
    return scenario(run)


NOWHERE = [nowhere("deploy", "--allow-hosts", HOSTS), nowhere("delete"), nowhere("events")]


@pytest.mark.parametrize("run", NOWHERE, ids=lambda run: run.__name__)
def test_an_endpoint_that_was_never_there_is_named(of, run):
    _, _, told = of(run)
    failed(told, "reach", told.place.replace(".", r"\."))


@scenario
def cut_off_half_way(cloud, program):
    cloud.fault("DescribeChangeSet", Closed(), times=10_000)
    return program.first(*SHORT)


def test_a_network_that_goes_half_way_is_continued_by_a_second_run(of):
    cloud, program, told = of(cut_off_half_way)
    failed(told)
    cloud.faults.clear()
    succeeded(program.first())
    assert cloud.stacks.stack(STACK).status == "CREATE_COMPLETE"
    assert len(cloud.zips()) == 2
    says(succeeded(program("events")), "CREATE_COMPLETE")


@scenario
def purge_cut_off(cloud, program):
    filled(cloud, 2_500)
    cloud.fault("DeleteObjects", Closed(), after=1, times=10_000)
    return program("delete", "--purge", answer=f"{STACK}\n")


def test_purge_goes_on_where_it_was_cut_off(of):
    cloud, program, told = of(purge_cut_off)
    raw = cloud.buckets.all[cloud.bucket_name("server")]
    failed(told, raw.name, "--purge|again")
    assert cloud.stacks.stack(STACK) is None and len(raw.versions) == 1_500
    cloud.faults.clear()
    succeeded(program("delete", "--purge", answer=f"{STACK}\n"))
    assert set(cloud.buckets.all) == {cloud.artifact_bucket()}
    assert len(cloud.of("DeleteStack")) == 1
