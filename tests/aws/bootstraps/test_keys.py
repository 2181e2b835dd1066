"""Encrypted URLs of the compiled generate-url, opened by PyHPKE, which shares no code with it.

The registry is made and changed by `log2aws key`; moto's S3 holds it.
"""

import base64
import json
import secrets

import pytest
from cloud import ANALYZED, FUNCTIONS, RAW, Cloud
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey
from scenes import DAY, LOG, ask, claims, given_url, put

REGISTRY = ".log2aws/keys.json"
FORM = "application/vnd.log2aws.encrypted-url+json"
SUITE = CipherSuite.new(
    KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305
)


@pytest.fixture(scope="module")
def amazon(tmp_path_factory):
    keys = {name: (f"{name}-id", f"{name}-secret") for name in FUNCTIONS}
    cloud = Cloud(tmp_path_factory.mktemp("keys"), None, keys, ("operator",) * 2)
    try:
        cloud.begin()
        for name in [RAW, ANALYZED]:
            cloud.s3().create_bucket(Bucket=name)
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture
def registry(amazon):
    """An empty registry, and a function that has read nothing yet."""
    amazon.s3().delete_object(Bucket=ANALYZED, Key=REGISTRY)
    amazon.keys_of_servers("list", "--init")
    amazon.restart("generate-url")
    return amazon


class Server:
    """A server with a key pair of its own."""

    def __init__(self, name):
        self.name, self.private = name, X25519PrivateKey.generate()
        raw = self.private.public_key().public_bytes_raw()
        self.public = "x25519:" + base64.b64encode(raw).decode().rstrip("=")
        self.request = secrets.token_hex(16)

    def ask(self, cloud, log=LOG, **more):
        bound = {"request_id": self.request, **claims(log), **more}
        return ask(cloud, "rest-v1", server=self.name, date=DAY, **bound)

    def open(self, answer, log=LOG, **other):
        """The URL; the additional data as docs of RFC 8785 have it: names sorted, no spaces."""
        said = json.loads(answer["body"])
        assert said["v"] == 1 and said["request_id"] == self.request
        bound = {
            "date": DAY,
            "kind": "load",
            "request_id": self.request,
            "server": self.name,
            "sha256": claims(log)["sha256"],
            "size": len(log),
            **other,
        }
        aad = json.dumps(bound, sort_keys=True, separators=(",", ":")).encode()
        key = KEMKey.from_pyca_cryptography_key(self.private)
        context = SUITE.create_recipient_context(
            base64.b64decode(said["enc"]), key, info=b"log2aws/1 url"
        )
        return json.loads(context.open(base64.b64decode(said["ct"]), aad=aad))


def code(answer):
    return answer["statusCode"], json.loads(answer["body"])["code"]


def test_a_registered_server_gets_its_url_encrypted_and_it_is_good(registry):
    server = Server("keyed")
    registry.keys_of_servers("register", "keyed", server.public)
    answer = server.ask(registry)
    assert answer["statusCode"] == 200, answer
    assert answer["multiValueHeaders"]["content-type"] == [FORM]
    assert "X-Amz-Signature" not in answer["body"]
    given = server.open(answer)
    put(given, LOG)
    stored = registry.s3().get_object(Bucket=RAW, Key=given["key"])["Body"].read()
    assert given["key"] == f"keyed/{DAY}.log" and stored == LOG
    assert "X-Amz-Signature" not in "".join(registry.said("generate-url"))


@pytest.mark.parametrize(
    "other", [{"server": "other"}, {"date": "2019-08-02"}, {"size": 1}, {"request_id": "0" * 32}]
)
def test_it_opens_for_this_log_and_request_alone(registry, other):
    server = Server("bound")
    registry.keys_of_servers("register", "bound", server.public)
    answer = server.ask(registry)
    assert server.open(answer)["method"] == "PUT"
    with pytest.raises(Exception, match="(?i)open|decrypt"):
        server.open(answer, **other)


def test_another_servers_key_does_not_open_it(registry):
    server, thief = Server("robbed"), Server("robbed")
    registry.keys_of_servers("register", "robbed", server.public)
    thief.request = server.request
    with pytest.raises(Exception, match="(?i)open|decrypt"):
        thief.open(server.ask(registry))


def test_a_registered_server_is_given_nothing_without_size_hash_and_request(registry):
    registry.keys_of_servers("register", "old", Server("old").public)
    answer = ask(registry, "http-v2", server="old", date=DAY, **claims(LOG))
    assert code(answer) == (400, "key-needs-binding")


def test_a_server_without_a_key_gets_it_plain(registry):
    registry.keys_of_servers("register", "other", Server("other").public)
    given = given_url(registry, "plain", "rest-v1", **claims(LOG))
    put(given, LOG)


def test_a_server_without_a_key_is_refused_where_keys_are_required(registry):
    server = Server("needs")
    registry.keys_of_servers("register", "needs", server.public)
    registry.restart("generate-url", LOG2AWS_REQUIRE_KEYS="true")
    assert code(Server("lacks").ask(registry)) == (403, "key-required")
    assert server.open(server.ask(registry))["key"] == f"needs/{DAY}.log"


def test_a_revoked_key_gets_nothing(registry):
    server = Server("stolen")
    registry.keys_of_servers("register", "stolen", server.public)
    registry.keys_of_servers("revoke", "stolen", "--why", "stolen")
    assert code(server.ask(registry)) == (403, "key-revoked")


DAMAGED = {"absent": None, "empty": b"", "half": b'{"format":1,"servers":{', "newer": b'{"format":2}'}


@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED)
def test_without_a_registry_that_can_be_read_nobody_gets_a_url(registry, body):
    """A server that has a key must not be taken for one that has none."""
    registry.s3().delete_object(Bucket=ANALYZED, Key=REGISTRY)
    if body is not None:
        registry.s3().put_object(Bucket=ANALYZED, Key=REGISTRY, Body=body)
    answer = Server("any").ask(registry)
    assert code(answer) == (503, "keys-unavailable")
    assert answer["multiValueHeaders"]["retry-after"] == ["10"]
    said = registry.said("generate-url")[1]
    assert f"s3://{ANALYZED}/{REGISTRY}" in said, said


def test_a_server_that_enrols_puts_to_its_own_place_alone(registry):
    key = b"its public key"
    asked = {"server": "enrols", "date": DAY, "enrol": "1", **claims(key)}
    assert ask(registry, "http-v2", **asked)["statusCode"] == 403
    registry.keys_of_servers("register", "enrols", "--code")
    registry.restart("generate-url")
    given = given_url(registry, "enrols", enrol="1", **claims(key))
    assert given["key"] == ".log2aws/enrol/enrols"
    put(given, key)
    # Without a bound body a URL could be used to fill the bucket.
    assert ask(registry, "http-v2", server="enrols", date=DAY, enrol="1")["statusCode"] == 400
