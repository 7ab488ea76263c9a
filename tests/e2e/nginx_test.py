"""The bridge behind nginx with the configuration of docs/deployment.md: TLS ends at the proxy, signatures are made
for the public address, an idle timeout shorter than a silence, and a reload in mid-call."""

import os
import pathlib
import re
import shutil
import signal
import ssl
import time
import urllib.error
import urllib.request

from by_hand import Twilio, frame, media, new_sid
from certificates import Authority, need_openssl
from harness import ACCOUNT, SOURCE, Emulator, EndToEnd, free_port, json_objects, main, skip, wait_for


def find_nginx():
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not found:
        if os.environ.get("CI") == "true":
            raise AssertionError("nginx is missing")
        skip("nginx is missing (Debian: nginx or nginx-light)")
    return found


class Nginx(EndToEnd):
    """The emulator and the attacker's Twilio talk to nginx; nginx talks to the bridge."""

    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder)
        self.certificate, self.key = self.authority.issue("proxy")
        self.front, self.back = free_port(), free_port()
        self.start_nginx()

    def start_nginx(self):
        """As documented, with the paths, ports and the timeout of a test."""
        page = (SOURCE / "docs" / "deployment.md").read_text()
        server = re.search(r"```nginx\n(.*?)```", page, re.S).group(1)
        changes = {"listen 443 ssl;": f"listen 127.0.0.1:{self.front} ssl;", "server_name bridge.example.net;":
                   "server_name 127.0.0.1;", "/etc/letsencrypt/live/bridge.example.net/fullchain.pem":
                   str(self.certificate), "/etc/letsencrypt/live/bridge.example.net/privkey.pem": str(self.key),
                   "http://127.0.0.1:8000": f"http://127.0.0.1:{self.back}", "proxy_read_timeout 120s;":
                   "proxy_read_timeout 3s;"}
        for old, new in changes.items():
            self.assertIn(old, server, "the page and the test have grown apart")
            server = server.replace(old, new)
        run = self.folder / "nginx"
        run.mkdir()
        temporary = "".join(f"    {name}_temp_path {run};\n" for name in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;\n" if os.geteuid() == 0 else ""  # the test's folder is its owner's alone
        (run / "nginx.conf").write_text(
            f"{user}worker_processes 1;\nerror_log {run}/error.log info;\npid {run}/nginx.pid;\n"
            f"events {{ worker_connections 256; }}\nhttp {{\n    access_log {run}/access.log;\n{temporary}\n{server}\n}}\n")
        self.nginx = self.start_program([find_nginx(), "-p", str(run), "-e", f"{run}/error.log", "-c",
                                         f"{run}/nginx.conf", "-g", "daemon off;"], name="nginx-process")
        wait_for("nginx listens", lambda: (run / "nginx.pid").exists() and self.answers(), 10)

    def answers(self):
        self.assertTrue(self.nginx.running(), str(self.nginx))
        context = ssl.create_default_context(cafile=str(self.authority.file))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                             urllib.request.HTTPSHandler(context=context))
        try:
            opener.open(f"https://127.0.0.1:{self.front}/", timeout=5)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def tearDown(self):
        self.nginx.signal(signal.SIGTERM)
        try:
            self.nginx.wait(5)
        finally:
            super().tearDown()

    def environment_behind(self, emulator, **more):
        environment = self.bridge_environment(emulator, SERVER_PORT=str(self.back), AGENTBRIDGE_PING_INTERVAL="1",
                                              **more)
        environment["PUBLIC_URL"] = f"https://127.0.0.1:{self.front}"
        return environment

    def workers(self):
        """The process ids of nginx's workers. Linux only."""
        path = pathlib.Path(f"/proc/{self.nginx.pid}/task/{self.nginx.pid}/children")
        return set(path.read_text().split()) if path.exists() else set()

    def test_a_call_outlives_a_reload(self):
        emulator = Emulator(self, "--ca", str(self.authority.file), "--persona",
                            "+12025550111=silence,hangup=no,max=60s")
        bridge = self.start(["--json", "--target", "+12025550111"], self.environment_behind(emulator), name="bridge")
        wait_for("the call streams", lambda: any(e["event"] == "stream_opened" for e in emulator.ledger()), 15)
        began = time.monotonic()
        before = self.workers()
        self.nginx.signal(signal.SIGHUP)
        wait_for("nginx has new workers", lambda: not before or self.workers() - before)
        # The frames go on through a worker that the reload has sent into retirement.
        wait_for("three seconds of the call", lambda: time.monotonic() - began > 3 or not bridge.running())
        self.assertTrue(bridge.running(), str(bridge))
        self.assertTrue(self.answers(), "new connections meanwhile")
        live = emulator.live_calls()
        self.assertEqual(len(live), 1, str(bridge))
        emulator.request("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{live[0]['sid']}.json", {"Status": "completed"})
        self.assertEqual(bridge.wait(15), 0, str(bridge))
        summary = json_objects(bridge.out)[0]
        print(summary["frames"], "frames,", summary["lost_ms"], "ms lost", flush=True)
        self.assertEqual((summary["state"], summary["lost_ms"]), ("completed", 0), str(bridge))
        self.assertGreater(summary["frames"], 120)
        self.assert_nothing_left_open(emulator)

    def test_a_silence_longer_than_the_idle_timeout(self):
        emulator = Emulator(self)
        bridge = self.start(["serve"], self.environment_behind(emulator))
        wait_for("it listens", lambda: "listening" in bridge.out + bridge.err)
        twilio = Twilio(self.front, tls=self.authority.file)
        wire, sid, stream_sid = twilio.stream()
        wire.send(media(stream_sid, 0))
        began, pings = time.monotonic(), 0
        while time.monotonic() - began < 5:  # proxy_read_timeout is 3 s
            opcode, _, *_ = wire.frame()
            self.assertEqual(opcode, 9, "a ping of the bridge")
            pings += 1
        self.assertGreaterEqual(pings, 3)
        wire.send(media(stream_sid, 1), frame(9, b"after the silence"))
        answer = wire.frame()
        while answer[0] == 9:  # pings that were on their way
            answer = wire.frame()
        self.assertEqual(answer[1], b"after the silence")
        wire.close()
        self.assertEqual(twilio.end(sid), 204)
        wait_for("the stream's end is told", lambda: "stream ended" in bridge.err)
        self.assertIn("frames=2 lost_ms=0", bridge.err)
        bridge.signal(2)
        self.assertEqual(bridge.wait(15), 0, str(bridge))

    def test_signatures_are_checked_against_the_public_address(self):
        emulator = Emulator(self)
        bridge = self.start(["serve"], self.environment_behind(emulator))
        wait_for("it listens", lambda: "listening" in bridge.out + bridge.err)
        twilio = Twilio(self.front, tls=self.authority.file)
        wire, sid, stream_sid = twilio.stream()
        for number in range(20):
            wire.send(media(stream_sid, number))
        wire.send(frame(9, b"through the proxy"))
        self.assertEqual(wire.frame()[1], b"through the proxy")
        wire.close()
        self.assertEqual(twilio.end(sid), 204)
        # Signed for where the bridge listens, or for what a client claims in X-Forwarded-*: refused.
        for public in (f"http://127.0.0.1:{self.back}", "https://evil.example"):
            wrong = Twilio(self.front, public=public, tls=self.authority.file)
            extra = ["X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Original-Host: evil.example"]
            answer = wrong.post("/twilio/status", {"CallSid": new_sid()}, extra=extra)
            self.assertEqual(answer.status, 403, public)
        answer = twilio.exchange(b"GET /api/v1/calls HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        self.assertEqual(answer.status, 404, "nothing but Twilio's paths is passed on")
        large = twilio.exchange(b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n")
        self.assertEqual(large.status, 413)
        bridge.signal(2)
        self.assertEqual(bridge.wait(15), 0, str(bridge))


if __name__ == "__main__":
    need_openssl()
    find_nginx()
    main()
