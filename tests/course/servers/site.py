"""Chapter 9's site on Python's own HTTP: what it takes, and what it refuses, is not
written by whoever wrote the checks. With a choice behind the address it makes use of
one that the rules leave.

    python3 tests/course/servers/site.py 127.0.0.1:8080 [CHOICE]
"""

import mimetypes
import re
import sys
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote

PAGES = Path(__file__).resolve().parents[3] / "pages"
HOST = re.compile(r"[\w.~!$&'()*+,;=%-]*(:\d*)?|\[[\da-fA-F:.]+\](:\d*)?", re.ASCII)
WORDS = {413: "Content Too Large", 422: "Unprocessable Content"}  # As RFC 9110 has them.
FORM = "application/x-www-form-urlencoded"
entries = []


class Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.read_body()
        if body is not None:
            self.respond(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer
    do_OPTIONS = do_TRACE = do_CONNECT = answer

    def read_body(self):
        fields = self.headers
        lengths = fields.get_all("Content-Length", [])
        hosts = fields.get_all("Host", [])
        is_old = self.request_version == "HTTP/1.0"
        if (fields.defects or len(hosts) > 1 or not hosts and not is_old
                or not all(HOST.fullmatch(host) for host in hosts) or len(lengths) > 1
                or not all(re.fullmatch("[0-9]+", length) for length in lengths)):
            return self.refuse(HTTPStatus.BAD_REQUEST)
        if "Transfer-Encoding" in fields:
            is_chunked = fields["Transfer-Encoding"].lower().endswith("chunked") and not lengths
            return self.refuse(HTTPStatus.NOT_IMPLEMENTED if is_chunked
                               else HTTPStatus.BAD_REQUEST)
        length = int(lengths[0]) if lengths else 0
        if length > 1024 * 1024:
            return self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = self.rfile.read(length)
        return body if len(body) == length else self.refuse(HTTPStatus.BAD_REQUEST)

    def respond(self, body):
        target = self.path
        if address := re.fullmatch(r"([A-Za-z][\w+.-]*)://([^/?]*)(.*)", target):
            scheme, host, target = address.groups()
            if not host or not HOST.fullmatch(host):
                return self.status(HTTPStatus.BAD_REQUEST)
            if scheme.lower() != "http":
                return self.status(HTTPStatus.MISDIRECTED_REQUEST)
        path, _, query = target.partition("?")
        methods = ["GET", "HEAD", *["POST"] * (path == "/guestbook"), "OPTIONS"]
        allow = {"Allow": ", ".join(methods)}
        match self.command, path:
            case "OPTIONS", _:
                self.send(HTTPStatus.NO_CONTENT, fields=allow)
            case command, _ if command not in methods:
                self.status(HTTPStatus.METHOD_NOT_ALLOWED, allow)
            case "POST", _:
                self.sign(body.decode(errors="replace"))
            case _, "/hello":
                self.html("<h1>Hello, User!</h1>")
            case _, "/query":
                # Python's notation; the check knows it.
                shown = escape(str(parse_qs(query)), quote=False)
                self.html(f"<h1>Query Parameters</h1><pre>{shown}</pre>")
            case _, "/guestbook":
                shown = "".join(f"<dt>{name}</dt>\n<dd>{message}</dd>\n"
                                for name, message in entries)
                page = (PAGES / "guestbook.html").read_text()
                if entries:
                    nobody = "<p>Nobody has written anything yet.</p>"
                    page = page.replace(nobody, f"<dl>\n{shown}</dl>")
                self.html(page)
            case _:
                self.send_file("/pages/index.html" if path in ("", "/") else unquote(path))

    def sign(self, body):
        if self.headers.get_content_type() != FORM or "Content-Type" not in self.headers:
            return self.status(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        form = parse_qs(body)
        name, message = (form.get(key, [""])[0].strip() for key in ("name", "message"))
        if not name or not message or len(name + message) > 1000:
            return self.status(HTTPStatus.UNPROCESSABLE_ENTITY)
        entries.insert(0, (escape(name, quote=False), escape(message, quote=False)))
        del entries[100:]
        place = {"absolute": f"http://{self.headers['Host'] or 'localhost'}/guestbook", "relative": "guestbook"}
        note = b"See the guestbook." * (choice == "note")
        self.send(HTTPStatus.SEE_OTHER, note, {"Location": place.get(choice, "/guestbook")})

    def send_file(self, path):
        file = (PAGES.parent / path.lstrip("/")).resolve()
        if not file.is_relative_to(PAGES) or not file.is_file():
            return self.status(HTTPStatus.NOT_FOUND)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        kind += "; charset=utf-8" * kind.startswith("text/")
        self.send(HTTPStatus.OK, file.read_bytes(), {"Content-Type": kind})

    def html(self, page, status=HTTPStatus.OK, fields={}):
        self.send(status, page.encode(), {"Content-Type": "text/html; charset=utf-8", **fields})

    def status(self, status, fields={}):
        phrase = WORDS.get(status, status.phrase)
        if choice == "bare":
            return self.send(status, fields=fields)
        if choice == "words":
            return self.html(f"<title>Sorry</title><p>{status.description}", status, fields)
        self.html(f"<h1>{status.value} {phrase}</h1>", status, fields)

    def refuse(self, status):
        """Nobody knows where the next request begins."""
        self.close_connection = True
        self.status(status, {"Connection": "close"})

    def send(self, status, body=b"", fields={}):
        self.send_response(status)
        is_left_out = choice == "no-length-for-head" and self.command == "HEAD"
        if status != HTTPStatus.NO_CONTENT and not is_left_out:
            fields = {**fields, "Content-Length": len(body)}
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


address, choice = [*sys.argv[1:], *["127.0.0.1:8080", ""][len(sys.argv[1:]):]][:2]
if __name__ == "__main__":
    host, port = address.rsplit(":", 1)
    server = ThreadingHTTPServer((host, int(port)), Site)
    print(f"Listening on port {server.server_port}...", flush=True)
    server.serve_forever()
