"""Attacks on the public port while a call streams: each is refused, and the call loses no frame. The call is the
emulator's; the attacker is another client, which knows the account's token only where the attack needs it."""

import os
import pathlib
import resource
import secrets
import socket
import time
import unittest

from by_hand import CLOSE, TEXT, Answer, Gone, Twilio, close_code, close_payload, frame, media, new_sid
from harness import ACCOUNT, Emulator, EndToEnd, json_objects, main, wait_for

FRAGMENT, PING = 0, 9


class Attack(EndToEnd):
    def setUp(self):
        super().setUp()
        self.emulator = Emulator(self, "--persona", "+12025550111=tone:440,repeat=yes,hangup=no,delay=0,max=90s")
        environment = self.bridge_environment(self.emulator)
        self.port = int(environment["SERVER_PORT"])
        self.bridge = self.start(["--json", "--target", "+12025550111"], environment, name="bridge")
        wait_for("the call streams", lambda: any(e["event"] == "stream_opened" for e in self.emulator.ledger()), 15)
        self.began = time.monotonic()
        self.twilio = Twilio(self.port)
        self.ours = []

    def finish(self):
        """The call is ended by its carrier; it must have got everything."""
        self.assertTrue(self.bridge.running(), str(self.bridge))
        self.assertEqual(self.twilio.end(new_sid()), 204, "a signed webhook is answered as ever")
        for sid in self.ours:
            self.twilio.end(sid)
        wait_for("a second of the call", lambda: time.monotonic() - self.began > 1)
        live = self.emulator.live_calls()
        self.assertEqual(len(live), 1, "the call is still there")
        seconds = time.monotonic() - self.began
        self.emulator.request("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{live[0]['sid']}.json",
                              {"Status": "completed"})
        self.assertEqual(self.bridge.wait(15), 0, str(self.bridge))
        summary = [one for one in json_objects(self.bridge.out) if one.get("to") == "+12025550111"][0]
        print(f"{self.id()}: {seconds:.1f} s, frames={summary['frames']} lost_ms={summary['lost_ms']} "
              f"stalls={summary['stalls']}", flush=True)
        self.assertEqual(summary["lost_ms"], 0, summary)
        self.assertEqual((summary["malformed"], summary["duplicates"]), (0, 0), summary)
        self.assertGreater(summary["frames"], 40 * seconds, summary)

    def stream(self):
        wire, sid, stream_sid = self.twilio.stream()
        self.ours.append(sid)
        return wire, sid, stream_sid

    def refused(self, request, *statuses):
        """The answer has one of the statuses and ends the connection: what follows is not read as a request."""
        wire = self.twilio.connect()
        wire.send(request)
        answer = Answer(wire)
        self.assertIn(answer.status, statuses, (request[:200], answer.body))
        try:
            while True:
                wire.more()
        except Gone:
            pass
        self.assertNotIn(b"HTTP/1.1", wire.unread, request[:200])
        wire.close()

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.bridge.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # --- HTTP

    def test_requests_that_two_servers_would_read_differently(self):
        head = b"POST /twilio/status HTTP/1.1\r\nHost: x\r\n"
        inner = b"GET /twilio/voice HTTP/1.1\r\nHost: x\r\n\r\n"
        shapes = {
            "two lengths": head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + inner,
            "two equal lengths": head + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" + inner,
            "a list of lengths": head + b"Content-Length: 5, 5\r\n\r\nhello" + inner,
            "chunked and a length": head + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
            "a length and chunked": head + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + inner,
            "a negative length": head + b"Content-Length: -5\r\n\r\nhello" + inner,
            "a length with a sign": head + b"Content-Length: +5\r\n\r\nhello" + inner,
            "a length in hex": head + b"Content-Length: 0x5\r\n\r\nhello" + inner,
            "an enormous length": head + b"Content-Length: 99999999999999999999\r\n\r\n" + inner,
            "a blank before the colon": head + b"Content-Length : 5\r\n\r\nhello" + inner,
            "a bare line feed": b"POST /twilio/status HTTP/1.1\nHost: x\nContent-Length: 5\n\nhello" + inner,
            "a nul in a field": head + b"X-A: \0\r\n\r\n" + inner,
            "a chunk size that is none": head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + inner,
            "a chunk size beyond 64 bits": head + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n" + inner,
            "no version": b"GET /\r\n\r\n" + inner,
            "version 2": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n" + inner,
            "HTTP/2 itself": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        }
        for name, shape in shapes.items():
            with self.subTest(name):
                self.refused(shape, 400, 413, 431, 501, 505)
        self.finish()

    def test_paths_methods_and_many_requests_at_once(self):
        expect = {
            b"GET / HTTP/1.1": 404, b"GET /api/v1/calls HTTP/1.1": 404, b"GET /metrics HTTP/1.1": 404,
            b"POST /twilio/voice/../voice HTTP/1.1": 404, b"GET /twilio/media/ HTTP/1.1": 404,
            b"POST /twilio/nothing HTTP/1.1": 404, b"GET //twilio/voice HTTP/1.1": 404,
            b"DELETE /twilio/voice HTTP/1.1": 405, b"BREW /twilio/voice HTTP/1.1": 405,
            b"OPTIONS * HTTP/1.1": 404, b"TRACE /twilio/voice HTTP/1.1": 405,
            b"POST /twilio/voice HTTP/1.1": 400, b"GET /twilio/voice?call=1 HTTP/1.1": 400,
        }
        wire = self.twilio.connect()
        wire.send(b"".join(line + b"\r\nHost: x\r\n\r\n" for line in expect))
        for line, status in expect.items():
            answer = Answer(wire)
            self.assertEqual(answer.status, status, line)
        many = 3000
        wire.send(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" * many)
        for _ in range(many):
            self.assertEqual(Answer(wire).status, 404)
        wire.close()
        self.finish()

    def test_heads_and_bodies_that_are_too_large(self):
        self.refused(b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431, 414)
        self.refused(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 4000 + b"\r\n", 431)
        self.refused(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"b" * 20000 + b"\r\n\r\n", 431)
        self.refused(b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n", 413)
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        self.refused(b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 10, 413)
        many = "&".join(f"a{i}=b" for i in range(30000)).encode()[:250_000]
        answer = self.twilio.exchange(b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: x\r\n"
                                      b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s"
                                      % (len(many), many))
        self.assertIn(answer.status, (403, 413))
        self.finish()

    def test_slow_heads_slow_bodies_and_silence(self):
        slow = [self.twilio.connect() for _ in range(60)]
        for index, wire in enumerate(slow):
            if index % 3 == 0:
                wire.send(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            elif index % 3 == 1:
                wire.send(b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        began = time.monotonic()
        while time.monotonic() - began < 8:  # a byte now and then does not lengthen the limit of 10 s
            for index, wire in enumerate(slow):
                if index % 3 != 2:
                    wire.send(b"a")
            self.assertEqual(self.twilio.end(new_sid()), 204)
            time.sleep(0.5)
        for index, wire in enumerate(slow):
            if index % 3 == 2:
                self.assertRaises(Gone, wire.more)
            else:
                self.assertEqual(Answer(wire).status, 408)
            wire.close()
        self.assertLess(time.monotonic() - began, 14)
        self.finish()

    def test_connections_that_come_and_go_and_stay(self):
        for _ in range(1500):
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        silent = [socket.create_connection(("127.0.0.1", self.port), 5) for _ in range(400)]
        self.assertEqual(self.twilio.end(new_sid()), 204)
        for one in silent:
            one.close()
        self.finish()

    @unittest.skipUnless(hasattr(resource, "prlimit"), "needs prlimit, a call of Linux")
    def test_no_descriptors_are_left(self):
        used = len(os.listdir(f"/proc/{self.bridge.pid}/fd"))
        before = resource.prlimit(self.bridge.pid, resource.RLIMIT_NOFILE)
        hard = before[1]
        resource.prlimit(self.bridge.pid, resource.RLIMIT_NOFILE, (used + 20, hard))
        waiting = [socket.create_connection(("127.0.0.1", self.port), 5) for _ in range(100)]
        wait_for("the bridge is out of descriptors",
                 lambda: len(os.listdir(f"/proc/{self.bridge.pid}/fd")) >= used + 20)
        cpu, began = self.cpu_seconds(), time.monotonic()
        time.sleep(1.5)  # a time to measure over
        share = (self.cpu_seconds() - cpu) / (time.monotonic() - began)
        self.assertLess(share, 0.3, "accepting spins")
        for one in waiting:
            one.close()
        wait_for("a webhook is answered again", lambda: self.twilio.end(new_sid()) == 204)
        self.assertIn("cannot accept", self.bridge.err)
        self.assertLess(self.bridge.err.count("cannot accept"), 5, "said again and again")
        resource.prlimit(self.bridge.pid, resource.RLIMIT_NOFILE, before)
        self.finish()

    # --- who may open a media socket

    def test_tokens_and_signatures(self):
        def status(path, sign=True):
            wire, code = self.twilio.upgrade(path, sign)
            wire.close()
            return code

        for _ in range(100):
            self.assertEqual(status("/twilio/media/" + secrets.token_urlsafe(27)), 403, "a guessed token")
        self.assertEqual(status("/twilio/media/" + "x" * 500), 404)
        sid = new_sid()
        self.ours.append(sid)
        path = self.twilio.voice(sid)
        self.assertEqual(status(path, False), 403, "no signature")
        self.assertEqual(status(path, "bm90IGEgc2lnbmF0dXJlIGF0IGFsbA=="), 403, "a wrong signature")
        self.assertEqual(status(path + "?x=1", False), 403)
        first, code = self.twilio.upgrade(path)
        self.assertEqual(code, 101, "those cost the token nothing")
        self.assertEqual(status(path), 403, "a token used twice")
        self.assertEqual(status(self.twilio.voice(sid)), 409, "a second socket for a live stream")
        first.send(frame(TEXT, b'{"event":"connected","protocol":"Call","version":"1.0.0"}'), frame(PING, b"still?"))
        self.assertEqual(first.frame()[1], b"still?", "the first one never noticed")
        first.close()
        wire, sid, _ = self.twilio.stream(start_sid=new_sid())
        self.ours.append(sid)
        self.assertEqual(close_code(wire), 1008, "a start that names another call")
        self.assertEqual(self.twilio.post("/twilio/voice", {"CallSid": new_sid()}, sign=False).status, 400)
        self.assertEqual(self.twilio.post("/twilio/voice", {"CallSid": new_sid()}, sign="AAAA").status, 403)
        self.finish()

    # --- what an open media socket may send

    def test_messages_that_are_too_large_too_deep_or_nonsense(self):
        wire, _, _ = self.stream()
        wire.send(frame(TEXT, b'{"event":"media","media":{"payload":"' + b"A" * 300_000))
        self.assertEqual(close_code(wire), 1009)
        wire, _, _ = self.stream()
        wire.send(frame(TEXT, b"", length=64, claim=1 << 40))
        self.assertEqual(close_code(wire), 1009)
        wire, _, _ = self.stream()
        wire.send(frame(TEXT, b"x" * 60_000, fin=False), *[frame(FRAGMENT, b"x" * 60_000, fin=False)] * 8)
        self.assertEqual(close_code(wire), 1009)
        wire, _, _ = self.stream()
        for depth in (20, 200, 2000, 30_000):
            wire.send(frame(TEXT, b'{"event":"start","start":' + b'{"a":' * depth + b"1" + b"}" * (depth + 1)))
        wire.send(frame(TEXT, b"[" * 200_000))
        wire.send(frame(PING, b"alive"))
        self.assertEqual(wire.frame()[1], b"alive")
        for index in range(100):
            wire.send(frame(TEXT, (b"{", b"null", b'{"event":7}', b"{}", b'"x"')[index % 5]))
        self.assertEqual(close_code(wire), 1008, "a hundred messages that cannot be used")
        self.finish()

    def flood(self, what, seconds=5):
        """Sends `what` again and again, reading nothing, until the socket is closed; how many bytes went."""
        wire, _, stream_sid = self.stream()
        data = what(stream_sid)
        wire.socket.settimeout(0.5)
        until, count, slowest = time.monotonic() + seconds, 0, 0
        while wire.send(data):
            count += len(data)
            began = time.monotonic()
            self.assertLess(began, until, "still taken")
            self.assertEqual(self.twilio.end(new_sid()), 204)
            slowest = max(slowest, time.monotonic() - began)
        wire.close()
        self.assertLess(slowest, 1, "others are served meanwhile")
        return count

    def test_floods_on_one_socket(self):
        floods = {
            "pings": lambda _: frame(PING, b"p" * 125) * 400,
            "empty pings": lambda _: frame(PING) * 5000,
            "empty fragments": lambda _: frame(TEXT, b"", fin=False) + frame(FRAGMENT, b"", fin=False) * 12000,
            "events nobody knows": lambda _: frame(TEXT, b'{"event":"novelty"}') * 2000,
            "media, far faster than real time": lambda sid: b"".join(media(sid, i) for i in range(2000)),
            "large frames": lambda _: frame(TEXT, b'{"event":"novelty","x":"' + b"x" * 200_000 + b'"}') * 5,
        }
        for name, what in floods.items():
            with self.subTest(name):
                print(f"{name}: {self.flood(what) / 1e6:.1f} MB taken", flush=True)
        self.assertEqual(self.bridge.err.count("more than a peer may send within a second; "), len(floods))
        self.finish()

    def test_readers_that_do_not_read(self):
        wire = self.twilio.connect()
        wire.socket.settimeout(0.3)
        taken = 0
        for _ in range(200):
            if not wire.send(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" * 1000):
                break
            taken += 1000
        memory = int(pathlib.Path(f"/proc/{self.bridge.pid}/statm").read_text().split()[1]) * 4 \
            if os.path.isdir(f"/proc/{self.bridge.pid}") else 0
        self.assertLess(memory, 200_000, "kB of memory")
        self.assertLess(taken, 200_000, "requests were taken without end")
        self.assertEqual(self.twilio.end(new_sid()), 204)
        wire.close()
        self.finish()


if __name__ == "__main__":
    main()
