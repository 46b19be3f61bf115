"""The site of chapter 16 on Python's event loop, which has no HTTP: one thread for all.
With `whole-in-memory` behind the address it makes all of a long answer at once, and what a
client does not take stays in memory.

    python3 tests/course/servers/loop.py 127.0.0.1:8080 [whole-in-memory]
"""

import asyncio
import mimetypes
import re
import signal
import sys
from calendar import timegm
from datetime import datetime, timezone
from email.utils import formatdate
from functools import cache
from html import escape
from http import HTTPStatus
from pathlib import Path
from time import strptime, time
from urllib.parse import parse_qs, unquote

PAGES = Path(__file__).resolve().parents[3] / "pages"
HOST = re.compile(r"[\w.~!$&'()*+,;=%-]*(:\d*)?|\[[\da-fA-F:.]+\](:\d*)?", re.ASCII)
FORM = "application/x-www-form-urlencoded"
HTML = "text/html; charset=utf-8"
WORDS = {413: "Content Too Large", 422: "Unprocessable Content"}  # As RFC 9110 has them.
KNOWN = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"}
MOST_HEAD, MOST_BODY = 8192, 1024 * 1024
entries = []
stopping = False
connections = set()


class Refused(Exception):
    """Nobody knows where the next request begins."""

    def __init__(self, status, method="GET"):
        self.status, self.method = status, method


class Request:
    def __init__(self, head):
        lines = head.decode("latin-1").replace("\r\n", "\n").strip("\n").split("\n")
        words = lines[0].split(" ")
        self.method = words[0]
        match = re.fullmatch(r"HTTP/(\d)\.(\d)", words[-1]) if len(words) == 3 else None
        if not match or not words[1] or re.search(r"[\x00-\x1f\x7f]", lines[0]):
            self.refuse(400)
        if match[1] != "1":
            self.refuse(505)
        self.target, self.is_old = words[1], match[2] == "0"
        self.fields = {}
        for line in lines[1:]:
            field = re.fullmatch(r"([\w!#$%&'*+.^`|~-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*",
                                 line, re.ASCII)
            if not field:
                self.refuse(400)
            self.fields.setdefault(field[1].lower(), []).append(field[2])
        hosts = self.fields.get("host", [])
        if len(hosts) > 1 or not hosts and not self.is_old or not all(map(HOST.fullmatch, hosts)):
            self.refuse(400)
        options = [one.strip().lower() for one in self.all("connection").split(",")]
        self.closes = "close" in options or self.is_old and "keep-alive" not in options

    def refuse(self, status):
        raise Refused(status, self.method)

    def all(self, name):
        return ",".join(self.fields.get(name, []))

    def one(self, name):
        values = self.fields.get(name, [])
        return values[0] if len(values) == 1 else None

    def framing(self):
        """The length of the body, or None where it comes in chunks."""
        lengths = self.fields.get("content-length", [])
        if "transfer-encoding" in self.fields:
            codings = [one.strip().lower() for one in self.all("transfer-encoding").split(",")]
            codings = [one for one in codings if one]
            if lengths or self.is_old or codings[-1:] != ["chunked"] or codings.count("chunked") > 1:
                self.refuse(400)
            return None if codings == ["chunked"] else self.refuse(501)
        if len(lengths) > 1 or not all(re.fullmatch("[0-9]+", one) for one in lengths):
            self.refuse(400)
        length = int(lengths[0][:20]) if lengths else 0
        return length if length <= MOST_BODY else self.refuse(413)


async def read_head(connection):
    reader = connection.reader
    head = b""
    while not head.endswith((b"\r\n\r\n", b"\n\n")):
        line = await reader.readline()
        if not line:
            if head:
                raise Refused(400)
            return None
        if not head and line in (b"\r\n", b"\n"):
            continue
        connection.is_idle = False
        head += line
        if len(head) > MOST_HEAD:
            raise Refused(431)
    return head


async def line_of_chunks(reader):
    line = await reader.readuntil(b"\n")
    if not line.endswith(b"\r\n") or b"\r" in line[:-2] or len(line) > MOST_HEAD:
        raise Refused(400)
    return line[:-2].decode("latin-1")


async def read_chunks(reader):
    body = b""
    while True:
        size = re.fullmatch(r"([0-9a-fA-F]+)([ \t]*;.*)?", await line_of_chunks(reader))
        if not size:
            raise Refused(400)
        size = int(size[1], 16)
        if len(body) + size > MOST_BODY:
            raise Refused(413)
        if not size:
            break
        body += await reader.readexactly(size)
        if await reader.readexactly(2) != b"\r\n":
            raise Refused(400)
    while line := await line_of_chunks(reader):
        if not re.match(r"[\w-]+:", line):
            raise Refused(400)
    return body


@cache
def all_numbers(last):
    return "".join(f"{number}\n" for number in range(1, last + 1))


class Connection:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.is_idle = True
        self.task = asyncio.current_task()

    async def serve(self):
        goes_on = True
        while goes_on:
            self.is_idle = True
            request = None
            try:
                head = await read_head(self)
                if head is None:
                    break
                request = Request(head)
                length = request.framing()
                if "expect" in request.fields and not request.is_old:
                    if request.method == "POST" and not is_form(request):
                        request.refuse(415)
                    self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await (read_chunks(self.reader) if length is None
                              else self.reader.readexactly(length))
            except (Refused, asyncio.IncompleteReadError, ValueError) as reason:
                status = reason.status if isinstance(reason, Refused) else 400
                method = request.method if request else getattr(reason, "method", "GET")
                await self.send(Page(status), method, True, False)
                break
            goes_on = await self.answer(request, body)
        self.writer.write_eof()
        # What is left unread would make the end a reset.
        try:
            async with asyncio.timeout(1):
                while await self.reader.read(65536):
                    pass
        except (TimeoutError, OSError):
            pass

    async def answer(self, request, body):
        page = respond(request, body)
        is_last = request.closes or stopping or page.numbers is not None and request.is_old
        await self.send(page, request.method, is_last, request.is_old)
        return not is_last

    async def send(self, page, method, is_last, is_old):
        phrase = WORDS.get(page.status, HTTPStatus(page.status).phrase)
        fields = {"Date": formatdate(usegmt=True), **page.fields}
        is_chunked = page.numbers is not None and not is_old
        if is_last:
            fields["Connection"] = "close"
        elif is_old:
            fields["Connection"] = "keep-alive"
        if is_chunked:
            fields["Transfer-Encoding"] = "chunked"
        elif page.numbers is None and page.status not in (204, 304):
            fields["Content-Length"] = len(page.body)
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.writer.write(f"HTTP/1.1 {page.status} {phrase}\r\n{head}\r\n".encode())
        if method != "HEAD":
            self.writer.write(page.body)
            if page.numbers is not None:
                await self.send_numbers(page.numbers, is_chunked)
        await self.writer.drain()

    async def send_numbers(self, last, is_chunked):
        if "whole-in-memory" in sys.argv:
            body = all_numbers(last).encode()
            self.writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
            return
        for first in range(1, last + 1, 2000):
            numbers = range(first, min(first + 2000, last + 1))
            piece = "".join(f"{number}\n" for number in numbers).encode()
            self.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
            # Others have their turn, and this client takes what was made.
            await self.writer.drain()
            await asyncio.sleep(0)
        if is_chunked:
            self.writer.write(b"0\r\n\r\n")


class Page:
    def __init__(self, status, body=None, fields=None, numbers=None):
        phrase = WORDS.get(status, HTTPStatus(status).phrase)
        explains = body is None and numbers is None
        self.status, self.numbers = status, numbers
        self.body = f"<h1>{status} {phrase}</h1>".encode() if explains else body or b""
        self.fields = {**({"Content-Type": HTML} if explains else {}), **(fields or {})}


def html(text):
    return Page(200, text.encode(), {"Content-Type": HTML})


def is_form(request):
    return (request.one("content-type") or "").split(";")[0].strip().lower() == FORM


def respond(request, body):
    target = request.target
    if address := re.fullmatch(r"([A-Za-z][\w+.-]*)://([^/?]*)(.*)", target):
        scheme, host, target = address.groups()
        if not host or not HOST.fullmatch(host):
            return Page(400)
        if scheme.lower() != "http":
            return Page(421)
        target = target or ("*" if request.method == "OPTIONS" else "/")
    if not target.startswith(("/", "?")) and target != "*" or "#" in target:
        return Page(400)
    path, _, query = target.partition("?")
    methods = ["GET", "HEAD", *["POST"] * (path == "/guestbook"), "OPTIONS"]
    allow = {"Allow": ", ".join(methods)}
    if request.method not in KNOWN:
        return Page(501)
    if request.method not in methods:
        return Page(405, fields=allow)
    match request.method, path:
        case "OPTIONS", _:
            return Page(204, b"", allow)
        case "POST", _:
            return sign(request, body.decode(errors="replace"))
        case _, "/hello":
            return html("<h1>Hello, User!</h1>")
        case _, "/query":
            shown = escape(str(parse_qs(query, max_num_fields=1000)), quote=False)
            return html(f"<h1>Query Parameters</h1><pre>{shown}</pre>")
        case _, "/guestbook":
            page = (PAGES / "guestbook.html").read_text()
            shown = "".join(f"<dt>{name}</dt>\n<dd>{message}</dd>\n" for name, message in entries)
            nobody = "<p>Nobody has written anything yet.</p>"
            return html(page.replace(nobody, f"<dl>\n{shown}</dl>") if entries else page)
        case _, "/numbers":
            last = parse_qs(query).get("to", [""])[0]
            if not re.fullmatch("[0-9]{1,10}", last) or int(last) > 1_000_000_000:
                return Page(400)
            return Page(200, fields={"Content-Type": "text/plain; charset=utf-8"}, numbers=int(last))
    return file(request, "/pages/index.html" if path in ("", "/") else unquote(path))


def sign(request, body):
    if not is_form(request):
        return Page(415)
    form = parse_qs(body)
    name, message = (form.get(key, [""])[0].strip() for key in ("name", "message"))
    if not name or not message or len(name + message) > 1000:
        return Page(422)
    entries.insert(0, (escape(name), escape(message)))
    del entries[100:]
    return Page(303, b"", {"Location": "/guestbook"})


def file(request, path):
    found = (PAGES.parent / path.lstrip("/")).resolve() if "\0" not in path else PAGES
    if not found.is_relative_to(PAGES) or not found.is_file():
        return Page(404)
    whole, modified = found.read_bytes(), int(found.stat().st_mtime)
    kind = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
    kind += "; charset=utf-8" * kind.startswith("text/")
    tag = f'"{len(whole):x}-{modified:x}"'
    keeps = {"ETag": tag, "Cache-Control": "no-cache"}
    fields = {"Content-Type": kind, "Last-Modified": formatdate(modified, usegmt=True),
              "Accept-Ranges": "bytes", **keeps}
    tags = {name: re.findall(r'(?:W/)?"[^"]*"|\*', request.all(name))
            for name in ("if-match", "if-none-match")}
    if "if-match" in request.fields:
        if not {"*", tag} & set(tags["if-match"]):
            return Page(412)
    elif (date := when(request.one("if-unmodified-since"))) is not None and modified > date:
        return Page(412)
    if "if-none-match" in request.fields:
        if any(one.removeprefix("W/") in ("*", tag) for one in tags["if-none-match"]):
            return Page(304, b"", keeps)
    elif (date := when(request.one("if-modified-since"))) is not None and modified <= date:
        return Page(304, b"", keeps)
    given = re.fullmatch(r"bytes=(\d*)-(\d*)", request.one("range") or "", re.ASCII)
    condition = request.one("if-range")
    fits = "if-range" not in request.fields or condition == tag or when(condition) == modified
    if request.method != "GET" or not given or not fits or given[1] + given[2] == "":
        return Page(200, whole, fields)
    first, last = given.groups()
    if first and last and int(first) > int(last):
        return Page(200, whole, fields)
    start = int(first) if first else max(0, len(whole) - int(last))
    end = min(int(last), len(whole) - 1) if first and last else len(whole) - 1
    if start >= len(whole):
        return Page(416, fields={"Content-Range": f"bytes */{len(whole)}"})
    fields["Content-Range"] = f"bytes {start}-{end}/{len(whole)}"
    return Page(206, whole[start:end + 1], fields)


def when(text):
    """A date in one of its three forms (RFC 9110 section 5.6.7), in seconds."""
    for form in ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"):
        try:
            given = strptime(text or "", form)
        except ValueError:
            continue
        century = 100 * ("-" in text and given.tm_year < 1977)
        seconds = timegm((given.tm_year + century, *given[1:]))
        is_far = "-" in text and given.tm_year + century > datetime.now(timezone.utc).year + 50
        return timegm((given.tm_year + century - 100, *given[1:])) if is_far else seconds
    return None


async def connected(reader, writer):
    connection = Connection(reader, writer)
    connections.add(connection)
    try:
        await connection.serve()
    except OSError:
        pass
    finally:
        connections.discard(connection)
        writer.close()


async def main():
    host, port = (sys.argv[1:] or ["127.0.0.1:8080"])[0].rsplit(":", 1)
    server = await asyncio.start_server(connected, host, int(port), limit=2 * MOST_BODY, backlog=512)
    print(f"Listening on port {server.sockets[0].getsockname()[1]}...", flush=True)
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    await asked.wait()
    global stopping
    stopping = True
    # Who came before the signal may not be accepted yet, or not be read.
    for _ in range(10):
        await asyncio.sleep(0)
    server.close()
    for connection in list(connections):
        if connection.is_idle and not connection.reader._buffer:
            connection.task.cancel()
    until = time() + 10
    while connections and time() < until:
        await asyncio.sleep(0.01)


asyncio.run(main())
