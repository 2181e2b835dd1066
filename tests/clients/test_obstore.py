"""obstore, the object_store of Rust, against serve."""

import obstore
import pytest
from conftest import ANALYZED
from obstore.store import S3Store


@pytest.fixture
def store(serve):
    env = serve.environment()
    return S3Store(
        ANALYZED,
        endpoint=env["AWS_ENDPOINT_URL"],
        region=env["AWS_DEFAULT_REGION"],
        access_key_id=env["AWS_ACCESS_KEY_ID"],
        secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


def test_objects_round_trip_in_one_piece_and_in_parts(store):
    obstore.put(store, "obstore/small", b"0123456789")
    assert bytes(obstore.get(store, "obstore/small").bytes()) == b"0123456789"
    assert bytes(obstore.get_range(store, "obstore/small", start=2, end=5)) == b"234"
    large = b"o" * (12 << 20)
    obstore.put(store, "obstore/large", large, use_multipart=True, chunk_size=5 << 20)
    assert bytes(obstore.get(store, "obstore/large").bytes()) == large
    obstore.put(store, "obstore/empty", b"")
    assert obstore.head(store, "obstore/empty")["size"] == 0
    listed = [found["path"] for page in obstore.list(store, "obstore/") for found in page]
    assert sorted(listed) == ["obstore/empty", "obstore/large", "obstore/small"]
    obstore.delete(store, ["obstore/small", "obstore/large", "obstore/empty"])
    assert not [found for page in obstore.list(store, "obstore/") for found in page]


def test_what_is_there_is_not_written_over_by_one_that_wants_to_be_first(store):
    obstore.put(store, "obstore/once", b"first", mode="create")
    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        obstore.put(store, "obstore/once", b"second", mode="create")
    assert bytes(obstore.get(store, "obstore/once").bytes()) == b"first"
    obstore.delete(store, "obstore/once")


def test_a_copy_is_refused_by_its_name(store):
    obstore.put(store, "obstore/a", b"a")
    with pytest.raises(Exception, match="CopyObject"):
        obstore.copy(store, "obstore/a", "obstore/b")
    obstore.delete(store, "obstore/a")
