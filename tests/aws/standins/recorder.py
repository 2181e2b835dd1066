"""A door between a function and a service of AWS that writes down every request.

SigV4 signs the Host header, which names the door. It goes on unchanged, as does all else, so the
service sees the request that was signed. A presigned URL leads through its signer's door, too.
"""

import contextlib
import dataclasses
import datetime
import http.client
import http.server
import threading
import urllib.parse

# Of one connection, not of the message (RFC 9110, section 7.6.1).
OWN = {"connection", "keep-alive", "transfer-encoding"}


@dataclasses.dataclass(frozen=True)
class Request:
    """One request of a function, and the status that it was answered with."""

    at: datetime.datetime
    function: str
    service: str
    method: str
    path: str
    query: dict
    headers: dict
    body: bytes
    status: int


class Recorder:
    """The doors, and what went through them."""

    def __init__(self):
        self.requests, self._doors, self._faults = [], [], []
        self._lock = threading.Lock()

    def door(self, function, service, url):
        """The URL of a new door to `url`."""
        upstream = urllib.parse.urlsplit(url).netloc
        recorder = self

        class Handler(_Handler):
            def pass_on(self, body):
                return recorder._pass_on(self, function, service, upstream, body)

        door = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        door.daemon_threads = True
        thread = threading.Thread(target=door.serve_forever, daemon=True)
        thread.start()
        self._doors.append((door, thread))
        return f"http://127.0.0.1:{door.server_port}"

    @contextlib.contextmanager
    def refusing(self, which):
        """Meanwhile, S3 refuses the requests for which `which(method, path, query)` holds."""
        self._faults.append(which)
        try:
            yield
        finally:
            self._faults.remove(which)

    def _pass_on(self, handler, function, service, upstream, body):
        at = datetime.datetime.now(datetime.timezone.utc)
        split = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
        path = urllib.parse.unquote(split.path)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        if any(which(handler.command, path, query) for which in self._faults):
            # No client asks again after this one.
            answer = 400, [("Content-Type", "application/xml")], REFUSAL
        else:
            answer = _ask(upstream, handler, body)
        request = Request(
            at, function, service, handler.command, path, query, headers, body, answer[0]
        )
        with self._lock:
            self.requests.append(request)
        return answer

    def close(self):
        for door, thread in self._doors:
            door.shutdown()
            thread.join()
            door.server_close()


REFUSAL = b"<Error><Code>InvalidRequest</Code><Message>refused by a test</Message></Error>"


def _ask(upstream, handler, body):
    """The service's own answer: status, headers and body."""
    connection = http.client.HTTPConnection(upstream, timeout=60)
    try:
        connection.putrequest(
            handler.command, handler.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in handler.headers.items():
            if name.lower() not in OWN | {"expect"}:
                connection.putheader(name, value)
        if "chunked" in handler.headers.get("Transfer-Encoding", ""):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _handle(self):
        try:
            status, headers, body = self.pass_on(self._body())
        except (OSError, http.client.HTTPException):
            # The service is away: so is the door.
            self.close_connection = True
            return
        self.send_response_only(status)
        for name, value in headers:
            # The length of a HEAD's answer is that of the object.
            if name.lower() not in OWN and (name.lower() != "content-length" or self._is_head()):
                self.send_header(name, value)
        if not self._is_head() and status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle

    def _is_head(self):
        return self.command == "HEAD"

    def _body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def log_message(self, *_):
        pass
