"""A local server of one file, which interrupts its answers on demand."""

import contextlib
import http.server
import threading
from collections.abc import Iterator


class Server:
    """Serves `contents` at `url`; each answer ends after the next number of bytes in `breaks`.

    An answer is whole when no number is left.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.contents = b""
        self.breaks: list[int] = []
        self.ranges = True
        self.requests: list[str | None] = []


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested_range = self.headers.get("Range")
            state.requests.append(requested_range)
            start = 0
            if requested_range and state.ranges:
                start = int(requested_range.removeprefix("bytes=").removesuffix("-"))
            total = len(state.contents)
            if self.path != "/file.zip":
                self.send_error(404)
                return
            if start >= total:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{total}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = state.contents[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.breaks.pop(0)] if state.breaks else body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state = Server(f"http://127.0.0.1:{server.server_port}/file.zip")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
