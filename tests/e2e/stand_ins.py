"""Stand-ins for what lies between this machine and Twilio: the internet's way to a public https address (a
proxy that knows names, with TLS), ngrok, its local API, and cloudflared.

Public names need no DNS here: the program is given `https_proxy`, and the proxy decides where a name leads. The
emulator uses no proxy; names that end in .localhost it finds by itself (curl knows them), at the port `front`.
"""

import http.server
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

from harness import free_port


def make_certificate(folder, names):
    """A self-signed certificate for `names`; returns (certificate, key) as paths."""
    certificate, key = folder / "public.pem", folder / "public.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=stand-in",
                    "-addext", "subjectAltName=" + ",".join("DNS:" + name for name in names),
                    "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a peer that goes away is no news


def serve(handler, port=0):
    server = Server(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


class NgrokApi:
    """GET /api/tunnels of an ngrok agent. `tunnels` is a list of (public url, config.addr)."""

    def __init__(self, tunnels=(), port=0):
        self.tunnels = list(tunnels)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({"tunnels": [
                    {"name": f"t{i}", "ID": "x", "uri": f"/api/tunnels/t{i}", "public_url": url,
                     "proto": url.split(":")[0], "config": {"addr": addr, "inspect": True}, "metrics": {}}
                    for i, (url, addr) in enumerate(outer.tunnels)], "uri": "/api/tunnels"}).encode()
                self.send_response(200 if self.path == "/api/tunnels" else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = serve(Handler, port)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Internet:
    """The way from a public https address to a local port: an HTTP proxy (CONNECT), TLS, and a forwarder.

    `names[name]` says where a name leads: a port; or one of the words
      offline     ngrok's page for an address without a tunnel
      silent      takes the connection and never says anything
      stranger    some other web server
      no-upgrade  forwards, but drops the headers of a WebSocket upgrade (with `ports`)
    A name that is not there does not exist. `rewrite` changes a request's bytes on their way.
    """

    def __init__(self, folder, names):
        self.names = dict(names)
        self.rewrite = None
        self.requests = []
        self.certificate, key = make_certificate(folder, names)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.tls_listener = socket.create_server(("127.0.0.1", 0))
        self.front = self.tls_listener.getsockname()[1]
        self.context.sni_callback = lambda connection, name, _: setattr(connection, "asked_for", name)
        self.open = []
        for listener, handler in ((self.listener, self._proxied), (self.tls_listener, self._public)):
            threading.Thread(target=self._accept, args=(listener, handler), daemon=True).start()

    def environment(self):
        return {"https_proxy": self.url, "AGENTBRIDGE_CA_FILE": str(self.certificate)}

    def close(self):
        self.listener.close()
        self.tls_listener.close()
        for connection in self.open:
            connection.close()

    def _accept(self, listener, handler):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self._guarded, args=(connection, handler), daemon=True).start()

    def _guarded(self, connection, handler):
        try:
            handler(connection)
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            connection.close()

    @staticmethod
    def _head(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                raise OSError("closed")
            data += more
        return data

    def _proxied(self, connection):
        name = self._head(connection).split()[1].decode().split(":")[0]
        target = self.names.get(name)
        if target is None:
            connection.sendall(b"HTTP/1.1 502 No such host\r\nContent-Length: 0\r\n\r\n")
            return
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if target == "silent":
            connection.recv(65536)
            threading.Event().wait(30)
            return
        self._public(connection)

    def _public(self, connection):
        with self.context.wrap_socket(connection, server_side=True) as public:
            name = getattr(public, "asked_for", None)
            target = self.names.get(name)
            data = self._head(public)
            head, _, body = data.partition(b"\r\n\r\n")
            length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                           if line.lower().startswith(b"content-length:")), 0)
            while len(body) < length:
                body += public.recv(65536)
            self.requests.append((name, head.split(b"\r\n")[0].decode()))
            if target == "offline":
                page = b"<html>The endpoint is offline. ERR_NGROK_3200</html>"
                public.sendall(b"HTTP/1.1 404 Not Found\r\nNgrok-Error-Code: ERR_NGROK_3200\r\n"
                               b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(page) + page)
                return
            if target == "stranger":
                public.sendall(b"HTTP/1.1 200 OK\r\nServer: Apache\r\nContent-Length: 5\r\n\r\nhello")
                return
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection: keep")]
            if isinstance(target, tuple):
                word, target = target
                if word == "no-upgrade":
                    lines = [line for line in lines
                             if line.split(b":")[0].lower() not in (b"upgrade", b"connection")]
            message = b"\r\n".join(lines) + b"\r\n\r\n" + body
            if self.rewrite:
                message = self.rewrite(message)
            try:
                local = socket.create_connection(("127.0.0.1", target), 5)
            except OSError:
                public.sendall(b"HTTP/1.1 502 Bad Gateway\r\nNgrok-Error-Code: ERR_NGROK_8012\r\n"
                               b"Content-Length: 0\r\nConnection: close\r\n\r\n")
                return
            with local:
                local.sendall(message)
                back = threading.Thread(target=self._pump, args=(public, local), daemon=True)
                back.start()
                self._pump(local, public)

    @staticmethod
    def _pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except (OSError, ssl.SSLError, ValueError):
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


NGROK = r'''#!/usr/bin/env python3
# Behaves like ngrok 3: JSON lines on stdout, an ERROR on stderr when it gives up.
import json, os, pathlib, signal, sys, time
state = pathlib.Path(os.environ["STAND_IN"])
with open(state / "ngrok.starts", "a") as file:
    file.write(json.dumps({"pid": os.getpid(), "argv": sys.argv, "names": sorted(os.environ)}) + "\n")
def say(**fields):
    print(json.dumps({"lvl": "info", "t": "2026-01-01T00:00:00Z", **fields}), flush=True)
if (state / "unauthenticated").exists():
    why = ("authentication failed: Usage of ngrok requires a verified account and authtoken.\n\n"
           "Sign up for an account: https://dashboard.ngrok.com/signup\nERR_NGROK_4018")
    say(lvl="eror", msg="failed to reconnect session", err=why)
    print("ERROR:  " + why.replace("\n", "\nERROR:  "), file=sys.stderr, flush=True)
    sys.exit(1)
if (state / "ignore-term").exists():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
urls = (state / "urls").read_text().split()
starts = len((state / "ngrok.starts").read_text().splitlines())
say(msg="no configuration paths supplied")
say(msg="starting web service", obj="web", addr="127.0.0.1:" + (state / "api-port").read_text().strip())
say(msg="started tunnel", obj="tunnels", name="command_line", addr=sys.argv[2], url=urls[min(starts, len(urls)) - 1])
while True:
    time.sleep(0.05)
'''

CLOUDFLARED = r'''#!/usr/bin/env python3
# Behaves like cloudflared's quick tunnels: text on stderr.
import json, os, pathlib, sys, time
state = pathlib.Path(os.environ["STAND_IN"])
with open(state / "cloudflared.starts", "a") as file:
    file.write(json.dumps({"pid": os.getpid(), "argv": sys.argv}) + "\n")
def say(level, text):
    print(f"2026-01-01T00:00:00Z {level} {text}", file=sys.stderr, flush=True)
say("INF", "Thank you for trying Cloudflare Tunnel. Doing so ... (https://developers.cloudflare.com/cloudflare-one)")
say("INF", "Requesting new quick Tunnel on trycloudflare.com...")
if (state / "offline").exists():
    print('failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": dial tcp: no such host',
          file=sys.stderr, flush=True)
    sys.exit(1)
say("INF", "+-----------------------------------------------------+")
say("INF", "|  Your quick Tunnel has been created! Visit it at:   |")
say("INF", "|  " + (state / "urls").read_text().split()[0] + "   |")
say("INF", "+-----------------------------------------------------+")
time.sleep(0.1)
say("INF", "Registered tunnel connection connIndex=0")
while True:
    time.sleep(0.05)
'''


class Programs:
    """A folder for PATH with ngrok and cloudflared in it."""

    def __init__(self, folder, urls, which=("ngrok", "cloudflared")):
        self.state = folder / "stand-in"
        self.bin = folder / "bin"
        self.state.mkdir()
        self.bin.mkdir()
        for name, text in (("ngrok", NGROK), ("cloudflared", CLOUDFLARED)):
            if name in which:
                (self.bin / name).write_text(text)
                (self.bin / name).chmod(0o755)
        (self.state / "urls").write_text("\n".join(urls))
        (self.state / "api-port").write_text(str(free_port()))

    def environment(self, environment):
        return {"STAND_IN": str(self.state), "PATH": f"{self.bin}:{environment['PATH']}"}

    def set(self, name):
        (self.state / name).write_text("")

    def starts(self, name):
        path = self.state / f"{name}.starts"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def alive(pid):
    """Runs and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = pathlib.Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


class RestFront:
    """In front of the emulator's REST API: passes requests on, and changes what comes back as a test says.

    `account` and `number` are fields to overwrite; `clock_ahead` seconds is what the Date header is off by.
    """

    def __init__(self, emulator, voice_url=""):
        self.account, self.number, self.clock_ahead = {}, {"voice_url": voice_url}, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def date_time_string(self, timestamp=None):
                return super().date_time_string(time.time() + outer.clock_ahead)

            def do_GET(self):
                request = urllib.request.Request(emulator.url + self.path)
                if "Authorization" in self.headers:
                    request.add_header("Authorization", self.headers["Authorization"])
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                try:
                    with opener.open(request, timeout=5) as answer:
                        status, body = answer.status, answer.read()
                except urllib.error.HTTPError as answer:
                    status, body = answer.code, answer.read()
                try:
                    value = json.loads(body)
                    if value.get("friendly_name") == "agentbridge emulator":
                        value.update(outer.account)
                    for number in value.get("incoming_phone_numbers", []):
                        number.update(outer.number)
                    body = json.dumps(value).encode()
                except ValueError:
                    pass
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = serve(Handler)
        self.port = self.server.server_port

    def close(self):
        self.server.shutdown()
        self.server.server_close()
