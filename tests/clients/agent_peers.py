"""Small servers that answer in place of an endpoint and its store."""

import base64
import json
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from conftest import needs


def answering(status, body, headers=(), stored=200, error="", certificate=None):
    """An endpoint of its own mind: what it says to GET, and its status for PUT; over TLS with a
    certificate and its key."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            text = body.replace("HERE", f"http://{self.headers['Host']}")
            query = dict(pair.split("=", 1) for pair in self.path.partition("?")[2].split("&"))
            for name, value in query.items():
                text = text.replace(f"<{name}>", value)
            text = text.replace("<base64>", base64.b64encode(bytes.fromhex(query["sha256"])).decode())
            self.reply(status, text, headers)

        def do_PUT(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(stored, error, ())

        def reply(self, status, text, headers):
            self.send_response_only(status)
            for name, value in [*headers, ("Content-Length", str(len(text)))]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    scheme = "http"
    if certificate:
        scheme = "https"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"{scheme}://127.0.0.1:{server.server_port}/", server


URL = json.dumps({
    "url": "HERE/<server>/<date>.log", "method": "PUT", "key": "<server>/<date>.log", "expires_at": "",
    "headers": {"content-length": "<size>", "x-amz-checksum-sha256": "<base64>"},
})
OURS = [("Log2aws-Source", "198.51.100.7")]
EXPIRED = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
# An authority, and a certificate of it; its name and its days are the situation's.
CERTIFICATE = """
new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
openssl req -x509 $new -subj '/CN=an authority' -keyout ca.key -out ca.pem -days 9
openssl req $new -subj '/CN=a server' -keyout key.pem -out request.pem
echo "subjectAltName=$1" > extensions
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -extfile extensions \\
    -days "$2" -out certificate.pem
"""


def certificate(kind, folder):
    """A certificate for 127.0.0.1 by an authority that is nobody's, and its key."""
    needs("openssl")
    name = "DNS:other.example" if kind == "other-name" else "IP:127.0.0.1"
    days = "-1" if kind == "expired" else "9"
    subprocess.run(["bash", "-euc", CERTIFICATE, "bash", name, days], cwd=folder, check=True,
                   capture_output=True)
    return [str(folder / "certificate.pem"), str(folder / "key.pem")]
