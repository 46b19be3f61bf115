"""Makes two classes of thirty, with what real ones hand in: right answers, wrong ones, and
all that has nothing to do with HTTP.

    python3 tests/course/measure/classes.py ../classes
    cargo course class all ../classes/in --trust --roster ../classes/roster.csv \
        --points core=60,lesson=20,robust=20

Nothing in it does harm: what forks is a Python that sleeps.
"""

import io
import json
import pathlib
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
CRATE = """[package]
name = "my-server"
version = "0.1.0"
edition = "2024"

[dependencies]
anyhow.workspace = true
common = {{ {common}, features = ["ch17"] }}
"""
PYTHON = '''import html, socket, sys
host, port = {address}.rsplit(":", 1)
listener = socket.socket()
{reuse}listener.bind((host, int(port)))
listener.listen()
{says}
while True:
    stream, _ = listener.accept()
    stream.settimeout(10)
    try:
        data = b""
        while b"\\r\\n\\r\\n" not in data:
            more = stream.recv(4096)
            if not more:
                raise EOFError
            data += more
        head, body = data.split(b"\\r\\n\\r\\n", 1)
        length = 0
        for line in head.lower().split(b"\\r\\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            more = stream.recv(4096)
            if not more:
                break
            body += more
        page = b"<h1>Welcome to the Home Page</h1>"
        if head.startswith(b"POST"):
            text = html.escape(body.decode(errors="replace"))
            page = b"<h1>POST Data Received:</h1><p>" + text.encode() + b"</p>"
        stream.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Type: text/html\\r\\n\\r\\n" + page)
    except Exception:
        pass
    stream.close()
'''
NODE = """const [host, port] = (process.argv[2] || '127.0.0.1:8080').split(':');
require('http').createServer((request, response) => {
  let body = '';
  request.on('data', (data) => { body += data; });
  request.on('end', () => {
    response.setHeader('Content-Type', 'text/html');
    const text = body.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
      .replace(/"/g, '&quot;').replace(/'/g, '&#x27;');
    response.end(request.method === 'POST'
      ? `<h1>POST Data Received:</h1><p>${text}</p>` : '<h1>Welcome to the Home Page</h1>');
  });
}).listen(Number(port), host);
"""
DAEMON = '''import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True)
os.execvp({program!r}, {words!r} + sys.argv[1:])
'''


def python(address="sys.argv[1]", reuse=True, says='print("ready", flush=True)'):
    option = "listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
    return PYTHON.format(address=address, reuse=option if reuse else "", says=says)


def packed(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def bomb():
    return packed({"server.py": python(), "zeros": bytes(200 * 1024 * 1024)})


def crate(main, common="workspace = true"):
    return {"Cargo.toml": CRATE.format(common=common), "src/main.rs": main}


def class_of(chapter, lesson):
    main = (ROOT / f"chapters/{chapter}/src/main.rs").read_text()
    site = {
        suffix: (ROOT / f"tests/course/servers/site.{suffix}").read_text().replace(
            "Path(__file__).resolve().parents[3]", "Path.cwd()").replace(
            "__dirname, '../../../pages'", "process.cwd(), 'pages'")
        for suffix in ("py", "js")
    }
    is_site = chapter != "ch06-post"
    in_python = site["py"] if is_site else python()
    in_node = site["js"] if is_site else NODE
    moodle = "assignsubmission_file_"
    # What one person hands in, and as what.
    yield "ada", crate(main)
    yield "ben.rs", main
    yield "cleo.zip", packed({f"my-server/{name}": text for name, text in crate(main).items()})
    yield f"Dan Dahl_4704_{moodle}", {"solution.zip": packed(crate(main))}
    yield f"Eve Eriks_4705_{moodle}", crate(main)
    yield "fay.py", in_python
    yield "gus", {"my first server.py": in_python}
    yield "hal.js", in_node
    yield "ida", {"package.json": json.dumps({"scripts": {"start": "node app.js"}}), "app.js": in_node}
    yield "jan", {"package.json": json.dumps({"main": "app.js"}), "app.js": in_node}
    yield "kim", {"command": b"\xef\xbb\xbfpython3 app.py ADDRESS\r\n", "app.py": in_python}
    yield "leo", {"command": "python3 app.py ADDRESS\n".encode("utf-16"), "app.py": in_python}
    yield "mia", {"server.py": python('"127.0.0.1:3000"', reuse=False, says="")}
    yield "noa", {"server.py": python('"127.0.0.1:8080"')}
    yield "ole", {"server.py": DAEMON.format(program="python3", words=["python3", "app.py"]), "app.py": in_python}
    yield "pia", {"server.py": DAEMON.format(program="python3", words=["python3", "app.py"]), "app.py": in_python}
    yield "quin", crate(main.replace("text/html", "text/plain").replace("fn handle", "fn  handle"))
    yield "rob", crate(main, 'path = "../../common"')
    yield "sue", crate(main.replace("fn main", "fn main2"))
    yield "tom", crate("fn main() { loop { std::thread::park(); } }")
    yield "uma", crate("fn main() {}")
    yield "vic", crate(main.replace("fn main() -> anyhow::Result<()> {", lesson, 1))
    yield "wes.zip", bomb()
    yield "xia.zip", packed({"server.py": in_python, "../../evil": "x"})
    yield "yan.zip", b"PK\x03\x04, and then the connection was lost"
    yield "zoe", {"notes.txt": "I was ill."}
    yield "abe", {"one.py": in_python, "two.py": in_python}
    yield "bea.rar", b"Rar!"
    yield "cy.zip", packed({"__MACOSX/._x": "x", "server/.DS_Store": "x", "server/server.py": in_python})


def write(path, content):
    if isinstance(content, dict):
        for name, text in content.items():
            write(path / name, text)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def main():
    folder = pathlib.Path(sys.argv[1])
    silent = "fn main() -> anyhow::Result<()> {\n    if true { let all = common::listen()?; loop { std::mem::forget(all.accept()?); } }"
    people = ["identifier,name,e-mail"]
    for number, chapter in enumerate(["ch06-post", "ch10-keepalive"]):
        for name, content in class_of(chapter, silent):
            write(folder / "in" / chapter / name, content)
            learner = name.split(".")[0].split("_")[0]
            identifier = name.split("_")[1] if "_" in name else learner
            if number == 0:
                people.append(f"{identifier},{learner.title()},{learner.lower().replace(' ', '.')}@example.org")
    # The thirtieth has handed in nothing.
    people.append("dee,Dee,dee@example.org")
    (folder / "roster.csv").write_text("\n".join(people) + "\n")


main()
