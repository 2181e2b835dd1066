"""AWS behind a CA of a company's own."""

import datetime
import http.server
import ipaddress
import ssl
import threading

import pytest
from cloud import Handler
from conftest import failed
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certified(folder):
    """A CA of its own and a certificate for 127.0.0.1: (the CA's file, a context of a server)."""
    now = datetime.datetime.now(datetime.timezone.utc)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in ["our CA", "AWS"]]

    def signed(name, key, extensions):
        made = x509.CertificateBuilder().subject_name(name).issuer_name(names[0])
        made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - datetime.timedelta(days=1))
        made = made.not_valid_after(now + datetime.timedelta(days=1))
        for extension, critical in extensions:
            made = made.add_extension(extension, critical)
        signed = made.sign(keys[0], hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    authority = signed(names[0], keys[0], [(x509.BasicConstraints(ca=True, path_length=0), True)])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    server = signed(
        names[1], keys[1], [(x509.BasicConstraints(ca=False, path_length=None), True), (here, False)]
    )
    private = keys[1].private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    bundle, chain = folder / "ca.pem", folder / "server.pem"
    bundle.write_bytes(authority)
    chain.write_bytes(server + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return bundle, context


@pytest.fixture
def behind_tls(cloud, program, tmp_path):
    """The same AWS over TLS, by a CA that no machine knows. The file of that CA."""
    bundle, context = certified(tmp_path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.cloud = cloud
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    program.url = f"https://127.0.0.1:{server.server_port}"
    cloud.parameters["/log2aws/dev/ServerlogBucketName"] = "in use"
    yield bundle
    server.shutdown()
    server.server_close()


def test_a_ca_bundle_is_trusted_for_every_service(cloud, program, behind_tls):
    """By the SDK's clients and by those without an SDK: Parameter Store is asked, too."""
    failed(program("delete", "--purge", AWS_CA_BUNDLE=str(behind_tls)), "in use")
    assert cloud.of("GetCallerIdentity") and cloud.of("GetParameters", "ssm")
