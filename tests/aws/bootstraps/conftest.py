"""The stand-ins with serve's S3 in them; whatever the functions say to AWS is written down."""

import importlib.util

import pytest
from cloud import Cloud
from programs import ROOT
from recorder import Recorder


def load_clients():
    """The fixtures of the other tests know how to run serve."""
    path = ROOT / "tests" / "clients" / "conftest.py"
    spec = importlib.util.spec_from_file_location("clients", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


clients = load_clients()


@pytest.fixture(scope="session")
def recorder():
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    running = clients.Serve(tmp_path_factory.mktemp("serve") / "data")
    yield running
    assert running.stop() == 0, running.log()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory, serve, recorder):
    folder = tmp_path_factory.mktemp("cloud")
    # serve's own signing key may put and nothing else, and the function also reads who has a key.
    keys = {name: serve.keys() for name in ["generate-url", "analyze-log"]}
    running = Cloud(folder, serve.url, keys, serve.keys(), between=recorder.door)
    try:
        running.begin()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def forget(cloud, serve):
    """Removes what serve itself made of a log, once it is done with it.

    serve analyzes what arrives, too. What stands there afterwards analyze-log has written.
    """

    def forget(server):
        serve.result(f"{server}/2019-08-01.json")
        listed = cloud.s3().list_objects_v2(Bucket=clients.ANALYZED, Prefix=f"{server}/")
        for found in listed["Contents"]:
            cloud.s3().delete_object(Bucket=clients.ANALYZED, Key=found["Key"])

    return forget
