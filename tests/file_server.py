"""A server on this machine whose answers a test writes."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = hashlib.shake_256(b"a file").digest(700_000)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Server:
    """A server on this machine that answers /NAME by the function `answers[NAME]`.

    Each is called with the request and the number of the byte that it starts from; `seen` has
    (name, Range) of every request.
    """

    def __init__(self):
        self.answers, self.seen = {}, []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name, wanted = self.path[1:], self.headers.get("Range")
                server.seen.append((name, wanted))
                server.encodings = self.headers.get("Accept-Encoding")
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                if name in server.answers:
                    server.answers[name](self, start)
                else:
                    self.send_error(404)

            def log_message(self, *_):
                """Nothing on the terminal."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def url(self, name):
        return f"http://127.0.0.1:{self.http.server_port}/{name}"

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def send(request, status, body, promised=None, **headers):
    """An answer; with `promised` bytes announced, the connection ends before they have come."""
    request.send_response(status)
    request.send_header("Content-Length", str(len(body) if promised is None else promised))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


def honest(request, start, content=CONTENT, most=None):
    """The file from `start` on, as Range asks; breaks off after `most` bytes."""
    if start >= len(content):
        return send(request, 416, b"", Content_Range=f"bytes */{len(content)}")
    body = content[start:]
    span = f"bytes {start}-{len(content) - 1}/{len(content)}"
    headers = {"Content_Range": span} if start else {}
    return send(request, 206 if start else 200, body[:most], len(body), **headers)
