"""The control API of a running program, asked by somebody who has only its description: every documented operation is
tried, and every answer, the refusals too, is held against the document that the program itself hands out."""

import http.client
import io
import json
import re
import signal
import socket
import time
import unittest
import wave

from harness import EndToEnd, Emulator, SOURCE, main, skip, wait_for
from openapi_check import Description, WrongAnswer

try:
    import jsonschema
except ImportError:
    skip("python3-jsonschema is not installed")

PREFIX = "/api/v1"
ONE, TWO = "+12025550142", "+12025550143"


class TheCheckItself(unittest.TestCase):
    """What is not as it is described is found, or nothing below would mean anything."""

    REFUSED = {"type": "about:blank", "title": "Not Found", "status": 404, "code": "no_such_call", "detail": "There is none."}
    SESSION = {"version": "0.1.0", "pid": 4711, "started": "2026-03-04T05:06:07.089Z", "instance": "7q", "carrier": "emulator",
               "port": 8080}

    def setUp(self):
        self.description = Description(json.loads((SOURCE / "src/web/openapi.json").read_text(encoding="utf-8")))

    def check(self, route, status, value, type_="application/json", **headers):
        headers = {"content-type": type_, "cache-control": "no-store", "x-content-type-options": "nosniff",
                   **{name.replace("_", "-"): text for name, text in headers.items()}}
        body = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
        return self.description.check(*route.split(), status, headers, body)

    def wrong(self, why, *answer, **headers):
        with self.assertRaisesRegex(WrongAnswer, why):
            self.check(*answer, **headers)

    def test_what_is_right_passes(self):
        self.assertEqual(self.check("GET /session", 200, self.SESSION), "GET /session")
        self.assertEqual(self.check("HEAD /session", 200, b""), "HEAD /session")
        self.assertEqual(self.check("DELETE /session", 204, b"", ""), "DELETE /session")
        self.assertEqual(self.check("GET /calls/c_1", 404, self.REFUSED, "application/problem+json"), "GET /calls/{id}")
        self.assertIsNone(self.check("GET /nothing", 404, self.REFUSED, "application/problem+json"))
        self.assertEqual(self.check("GET /session", 200, None), "GET /session", "what came is not known, its type is")

    def test_what_is_wrong_is_found(self):
        self.wrong("'mood' was unexpected", "GET /session", 200, {**self.SESSION, "mood": "good"})
        self.wrong("'pid' is a required property", "GET /session", 200, {k: v for k, v in self.SESSION.items() if k != "pid"})
        self.wrong("'4711' is not of type .* at pid", "GET /session", 200, {**self.SESSION, "pid": "4711"})
        self.wrong("the status is not described", "GET /session", 202, self.SESSION)
        self.wrong("nothing of the kind is described", "GET /nothing", 200, self.SESSION)
        self.wrong("nothing of the kind is described", "PATCH /session", 200, self.SESSION)
        self.wrong("the type is text/html", "GET /session", 200, self.SESSION, "text/html")
        self.wrong("the type is application/json", "GET /calls/c_1", 404, self.REFUSED)
        self.wrong("None is not of type 'string' at code", "GET /calls/c_1", 500, {**self.REFUSED, "code": None}, "application/problem+json")
        self.wrong("no JSON", "GET /session", 200, b"{")
        self.wrong("no JSON", "GET /session", 200, b"")
        self.wrong("it has a body", "DELETE /session", 204, b"gone", "")
        self.wrong("to HEAD has a body", "HEAD /session", 200, self.SESSION)
        self.wrong("Cache-Control is public", "GET /session", 200, self.SESSION, cache_control="public")
        self.wrong("X-Content-Type-Options is none", "GET /session", 200, self.SESSION, x_content_type_options="none")


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def type(self):
        return self.headers.get("content-type", "").split(";")[0]

    def json(self):
        return json.loads(self.body)


class Events:
    """A reader of the event stream."""

    def __init__(self, test, query="", headers=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", test.port, timeout=10)
        self.connection.request("GET", f"{PREFIX}/events{query}", headers={**test.token, **(headers or {})})
        self.response = self.connection.getresponse()
        test.assertEqual(self.response.status, 200)
        test.assertEqual(self.response.getheader("Content-Type"), "text/event-stream")
        self.last_id = None

    def next(self):
        """(type, id, data); a comment has no type."""
        fields = {}
        while True:
            line = self.response.readline().decode()
            if not line:
                raise EOFError
            if line == "\n":
                data = fields.get("data")
                self.last_id = fields.get("id", self.last_id)
                return fields.get("event"), fields.get("id"), json.loads(data) if data else None
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value

    def until(self, type_, is_it=lambda data: True, seconds=20):
        """Everything up to the first such event."""
        seen, limit = [], time.monotonic() + seconds
        while time.monotonic() < limit:
            seen.append(self.next())
            if seen[-1][0] == type_ and is_it(seen[-1][2]):
                return seen
        raise AssertionError(f"no {type_}: {seen}")

    def close(self):
        self.response.close()
        self.connection.close()


class Api(EndToEnd):
    description = None

    def begin(self, *personas):
        given = [part for persona in personas for part in ("--persona", persona)]
        self.emulator = Emulator(self, *given)
        self.settings = self.bridge_environment(self.emulator, AGENTBRIDGE_CONTROL_PORT="0")
        self.serve = self.start(["serve"], self.settings, name="serve")
        self.find_instance()
        self.asked = set()
        self.description = Description(self.ask("GET", "/openapi.json", headers={}).json())

    def find_instance(self):
        self.known = wait_for("the program says where it is", lambda: self.instance(self.serve), 20)
        self.port = int(self.known["control_url"].rsplit(":", 1)[1])
        self.token = {"Authorization": f"Bearer {self.known['token']}"}

    def ask(self, method, path, body=None, headers=None, prefix=PREFIX):
        """One request; its answer fits the description."""
        headers = dict(self.token if headers is None else headers)
        data = None
        if body is not None:
            data = body if isinstance(body, (bytes, str)) else json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, prefix + path, body=data, headers=headers)
        answer = Answer(connection.getresponse())
        connection.close()
        if prefix == PREFIX and self.description:
            self.check(method, path.split("?")[0], answer)
        return answer

    def check(self, method, path, answer):
        route = self.description.check(method, path, answer.status, answer.headers, answer.body)
        if route:
            self.asked.add(route)

    def refused(self, status, code, *request, **more):
        answer = self.ask(*request, **more)
        self.assertEqual((answer.status, answer.json()["code"]), (status, code), answer.body)
        return answer

    def dial(self, number):
        call = self.ask("POST", "/calls", {"to": number, "time_limit_s": 60}).json()["call"]
        wait_for(f"{number} talks", lambda: self.ask("GET", f"/calls/{call}").json()["frames"] > 0, 20)
        return call

    def gone(self, call):
        wait_for("it is over", lambda: not [one for one in self.ask("GET", "/calls").json()["calls"] if one["call"] == call], 20)

    def end(self):
        self.serve.signal(signal.SIGINT)
        self.serve.code = self.serve.wait(20)
        self.assert_code(self.serve, 0)
        self.assert_nothing_left_open(self.emulator)

    def keep(self, call):
        """Recorded, with a pause; nobody takes it down, for no transcriber is set up."""
        for state in ("recording", "paused", "recording"):
            recording = self.ask("PUT", f"/calls/{call}/recording", {"state": state}).json()["recording"]
            self.assertEqual(recording["status"], state)
        self.refused(422, "bad_field", "PUT", f"/calls/{call}/recording", {"state": "maybe"})
        self.refused(409, "bad_config", "PUT", f"/calls/{call}/transcription", {"state": "on"})

    def look_into_what_is_kept(self, call):
        """Of a call that is over: its recording in every form, until it is deleted, and then the call itself."""
        def made():
            answer = self.ask("GET", f"/calls/{call}/recording")
            return answer.status == 200 and not answer.json()["recording"]["live"] and answer.json()["recording"]
        recording = wait_for("the recording is complete", made, 20)
        for form, begin in (("wav", b"RIFF"), ("flac", b"fLaC"), ("opus", b"OggS")):
            sound = self.ask("GET", f"/calls/{call}/recording.{form}")
            self.assertEqual((sound.status, sound.body[:4]), (200, begin), form)
        self.assertEqual(len(self.ask("GET", f"/calls/{call}/recording/peaks?buckets=50").json()["far"]), 50)
        self.assertEqual([one["name"] for one in self.ask("GET", f"/recordings?call={call}").json()["recordings"]], [recording["name"]])
        for form in ("", ".json", ".txt", ".srt", ".vtt"):
            self.refused(404, "no_transcript", "GET", f"/calls/{call}/transcript{form}")
        # It lives until its last sound is played, a moment longer than its recording.
        wait_for("the call is over", lambda: self.ask("POST", f"/calls/{call}/transcript", {}).json()["code"] != "wrong_state", 20)
        self.refused(409, "bad_config", "POST", f"/calls/{call}/transcript", {})
        self.refused(404, "no_capture", "GET", f"/calls/{call}/capture")
        self.refused(404, "no_capture", "GET", f"/calls/{call}/capture/report")
        self.assertEqual(self.ask("DELETE", f"/recordings/{recording['name']}").status, 204)
        self.refused(404, "no_recording", "GET", f"/calls/{call}/recording")
        self.assertEqual(self.ask("DELETE", f"/calls/{call}/history").status, 204)
        self.refused(404, "no_such_call", "GET", f"/calls/{call}")

    def test_every_operation_answers_as_described(self):
        self.begin(f"{ONE}=silence", f"{TWO}=silence")
        jsonschema.Draft202012Validator.check_schema(self.description.document["components"]["schemas"]["Call"])
        self.refused(409, "wrong_state", "POST", "/calls", {"to": ONE, "mic": True})
        muted = self.ask("POST", "/calls", {"to": ONE, "mic": False, "focus": False}).json()["call"]
        wait_for("it begins muted", lambda: self.ask("GET", f"/calls/{muted}").json()["local"]["muted"], 10)
        self.ask("DELETE", f"/calls/{muted}")
        self.gone(muted)
        one = self.dial(ONE)
        two = self.dial(TWO)
        self.assertEqual([call["call"] for call in self.ask("GET", "/calls").json()["calls"]], [one, two])
        for verb, body, status in (
                ("focus", None, 200), ("mute", {}, 200), ("unmute", None, 200), ("hold", {"sound": "silence"}, 200),
                ("resume", None, 200), ("solo", None, 200), ("unsolo", None, 200), ("volume", {"percent": 30}, 200),
                ("clear", None, 200), ("dtmf", {"keys": "1", "in_band": True}, 202)):
            self.assertEqual(self.ask("POST", f"/calls/{one}/{verb}", body).status, status, verb)
        self.keep(one)
        said = self.ask("POST", f"/calls/{one}/say", {"text": "One, two.", "interrupt": True})
        self.assertEqual(said.status, 202, said.body)
        self.assertGreater(said.json()["length_ms"], 300)
        sound = io.BytesIO()
        with wave.open(sound, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(bytes(16000))
        played = self.ask("POST", f"/calls/{one}/play", sound.getvalue(), {**self.token, "Content-Type": "audio/wav"})
        self.assertEqual((played.status, played.json()["length_ms"]), (202, 500))
        self.refused(415, "not_wav", "POST", f"/calls/{one}/play", {"text": "no sound"})
        self.assertTrue(self.ask("GET", f"/calls/{one}/timeline").json()["events"])
        self.refused(426, "upgrade_required", "GET", f"/calls/{one}/audio")
        for verb in ("accept", "reject", "transfer/join", "transfer/cancel"):
            self.refused(409, "wrong_state", "POST", f"/calls/{one}/{verb}")
        self.assertEqual(self.ask("PUT", f"/calls/{one}/agent", {"agent": "echo"}).json()["agent"]["name"], "echo")
        self.assertEqual(self.ask("DELETE", f"/calls/{one}/agent").status, 200)
        # Somebody who is busy: one who answers would have the call, and it would go on without us.
        self.assertEqual(self.ask("POST", f"/calls/{two}/transfer", {"to": "+12025550103"}).status, 202)
        wait_for("it comes back", lambda: self.ask("GET", f"/calls/{two}").json().get("transfer", {}).get("status", "").startswith("failed"), 20)
        for path in ("/session", "/agents", "/devices", "/doctor", "/config", "/numbers", "/emulator", "/emulator/ledger"):
            self.assertEqual(self.ask("GET", path).status, 200, path)
            self.assertEqual(self.ask("HEAD", path).status, 200, path)
        number = self.ask("GET", "/numbers").json()["numbers"][0]["number"]
        self.assertEqual(self.ask("POST", "/numbers/use", {"number": number}).status, 200)
        self.assertTrue([row for row in self.ask("GET", "/numbers").json()["numbers"] if row["here"]])
        self.assertEqual(self.ask("POST", "/numbers/restore").status, 200)
        self.assertEqual(self.ask("PUT", "/emulator/faults", {"create": "429*1"}).json()["create"], "429*1")
        self.refused(422, "bad_field", "PUT", "/emulator/faults", {"create": "nonsense"})
        self.assertEqual(self.ask("PUT", "/emulator/faults", {"create": "ok"}).status, 200)
        answer = self.ask("POST", "/emulator/incoming-call", {"from": "+12025550199", "to": number, "persona": "silence"})
        self.assertEqual(answer.status, 201, answer.body)
        sid = answer.json()["call_sid"]
        wait_for("it has come in", lambda: self.ask("GET", f"/calls/{sid}").status == 200, 10)
        for call in (one, two, sid):
            self.assertIn(self.ask("DELETE", f"/calls/{call}").status, (202, 404))
        self.gone(one)
        ended = self.ask("GET", "/calls?state=ended&limit=1").json()
        self.assertEqual(len(ended["calls"]), 1)
        self.assertIn("ended", self.ask("GET", f"/calls/{one}").json())
        # Until its last sound is played it is known as over, then as nobody.
        self.assertIn(self.ask("POST", f"/calls/{one}/mute").json()["code"], ("wrong_state", "no_such_call"))
        if ended["next"]:
            self.assertEqual(self.ask("GET", f"/calls?state=ended&limit=1&cursor={ended['next']}").status, 200)
        self.look_into_what_is_kept(one)
        # Asked for elsewhere, or not over a plain request.
        self.ask("POST", "/session", {"token": self.known["token"]}, headers={})
        self.ask("DELETE", "/session")
        self.asked |= {"GET /openapi.json", "GET /events"}
        self.assertEqual(self.description.routes() - self.asked, set(), "described, and not tried here")
        self.assertTrue(all(setting["value"] in (None, "***") or "…" in setting["value"] or "*" in setting["value"]
                            for setting in self.ask("GET", "/config").json()["settings"] if setting["secret"]))
        self.end()

    def test_what_is_wrong_is_said_in_one_form(self):
        self.begin()
        self.refused(404, "not_found", "GET", "/nothing")
        self.refused(404, "no_such_call", "GET", "/calls/c_nobody")
        answer = self.refused(405, "method_not_allowed", "PATCH", "/calls")
        self.assertEqual(answer.headers["allow"], "GET, HEAD, POST")
        self.refused(400, "bad_json", "POST", "/calls", "{")
        self.refused(415, "not_json", "POST", "/calls", "to=+1", headers={**self.token, "Content-Type": "text/plain"})
        self.refused(413, "too_large", "POST", "/calls", {"to": "x" * 20000})
        self.refused(422, "bad_field", "POST", "/calls", {"to": "5551234"})
        self.refused(422, "bad_field", "POST", "/calls", {"to": ONE, "speed": 1})
        self.refused(422, "bad_field", "GET", "/calls?limit=1000")
        self.refused(401, "unauthorized", "GET", "/calls", headers={})
        self.refused(401, "unauthorized", "GET", "/nothing", headers={"Authorization": "Bearer x"})
        self.refused(401, "unauthorized", "POST", "/session", {"token": "x"}, headers={})
        self.refused(403, "wrong_origin", "GET", "/calls", headers={**self.token, "Origin": "http://127.0.0.1:1"})
        self.refused(421, "wrong_host", "GET", "/calls", headers={**self.token, "Host": "evil.example"})
        self.refused(404, "no_such_call", "GET", "/events?call=c_nobody")
        self.end()

    def test_a_key_places_one_call(self):
        self.begin(f"{ONE}=silence")
        keyed = {**self.token, "Idempotency-Key": "once"}
        first = self.ask("POST", "/calls", {"to": ONE}, headers=keyed)
        again = self.ask("POST", "/calls", {"to": ONE}, headers=keyed)
        self.assertEqual(first.json()["call"], again.json()["call"])
        self.assertEqual(first.headers["location"], again.headers["location"])
        self.refused(422, "key_reused", "POST", "/calls", {"to": TWO}, headers=keyed)
        self.ask("DELETE", f"/calls/{first.json()['call']}")
        self.gone(first.json()["call"])
        self.refused(409, "call_over", "POST", "/calls", {"to": ONE}, headers=keyed)
        self.end()

    def test_a_browser_has_a_session(self):
        self.begin()
        own = {"Origin": f"http://127.0.0.1:{self.port}"}
        answer = self.ask("POST", "/session", {"token": self.known["token"]}, headers=own)
        self.assertEqual(answer.status, 204)
        cookie = answer.headers["set-cookie"]
        self.assertRegex(cookie, rf"^agentbridge_{self.port}=[0-9a-z]+; HttpOnly; SameSite=Strict; Path=/$")
        self.assertNotIn(self.known["token"], cookie)
        cookie = {"Cookie": cookie.split(";")[0]}
        session = self.ask("GET", "/session", headers=cookie).json()
        self.assertEqual((session["pid"], session["port"], session["carrier"]),
                         (self.serve.process.pid, self.port, "emulator"))
        self.refused(403, "wrong_origin", "POST", "/calls", {"to": ONE}, headers=cookie)
        self.refused(403, "wrong_origin", "GET", "/calls", headers={**cookie, "Sec-Fetch-Site": "same-site"})
        self.refused(422, "bad_field", "POST", "/calls", {"to": "x"}, headers={**cookie, **own})
        ended = self.ask("DELETE", "/session", headers={**cookie, **own})
        self.assertIn("Max-Age=0", ended.headers["set-cookie"])
        page = self.ask("GET", "/", headers={"Accept": "text/html"}, prefix="")
        self.assertEqual((page.status, page.type), (200, "text/html"))
        self.assertIn("script-src 'self';", page.headers["content-security-policy"])
        script = re.search(r'src="(/assets/[^"]+\.js)"', page.body.decode()).group(1)
        plain = self.ask("GET", script, headers={}, prefix="")
        zipped = self.ask("GET", script, headers={"Accept-Encoding": "gzip"}, prefix="")
        self.assertEqual(zipped.headers["content-encoding"], "gzip")
        self.assertLess(len(zipped.body), len(plain.body))
        self.assertIn("immutable", plain.headers["cache-control"])
        self.assertEqual(self.ask("GET", script, headers={"If-None-Match": plain.headers["etag"]}, prefix="").status, 304)
        self.assertEqual(self.ask("GET", "/calls/c_1", headers={"Accept": "text/html"}, prefix="").body, page.body)
        self.end()

    def test_events_come_in_order_and_again_after_a_break(self):
        self.begin(f"{ONE}=tone:440,hangup=no")
        events = Events(self, "?levels=1")
        hello = events.next()
        self.assertEqual((hello[0], hello[1], hello[2]["pid"]), ("hello", None, self.serve.process.pid))
        call = self.ask("POST", "/calls", {"to": ONE}).json()["call"]
        seen = events.until("first_audio", lambda data: data["call"] == call)
        numbers = [int(id_.rsplit("-", 1)[1]) for _, id_, _ in seen if id_]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "none is missing or out of order")
        states = [data["state"] for type_, _, data in seen if type_ == "state"]
        self.assertEqual(states[-1], "in-progress")
        loud = lambda data: any(one["call"] == call and max(one["far"]) > 0.05 for one in data["calls"])
        events.until("levels", loud)
        figures = events.until("statistics", lambda data: data["call"] == call)[-1][2]
        self.assertEqual(figures["snapshot"]["call"], call)
        last = events.last_id
        events.close()
        self.ask("DELETE", f"/calls/{call}")
        self.gone(call)
        back = Events(self, headers={"Last-Event-ID": last})
        missed = back.until("ended", lambda data: data["call"] == call)
        self.assertEqual(missed[0][0], "hello")
        self.assertNotIn("reset", [type_ for type_, _, _ in missed])
        self.assertEqual(int(missed[1][1].rsplit("-", 1)[1]), int(last.rsplit("-", 1)[1]) + 1)
        self.assertTrue(missed[-1][2]["snapshot"]["end_confirmed"])
        began = time.monotonic()
        self.assertEqual(back.next(), (None, None, None), "a comment, when nothing happens")
        self.assertLess(time.monotonic() - began, 3)
        back.close()
        # The program is another one afterwards, and says so.
        self.end()
        self.serve = self.start(["serve"], self.settings, name="serve-again")
        self.find_instance()
        anew = Events(self, headers={"Last-Event-ID": last})
        self.assertEqual([anew.next()[0], anew.next()[0]], ["hello", "reset"])
        anew.close()
        self.end()

    def test_who_does_not_read_is_cut_off_and_costs_a_call_nothing(self):
        self.begin(f"{ONE}=tone:440,hangup=no,repeat=yes")
        call = self.dial(ONE)
        before = self.ask("GET", f"/calls/{call}").json()
        slow = []
        for _ in range(20):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            one.connect(("127.0.0.1", self.port))
            one.sendall(f"GET {PREFIX}/events?levels=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                        f"Authorization: {self.token['Authorization']}\r\n\r\n".encode())
            slow.append(one)
        def clients():
            text = self.ask("GET", "/metrics", prefix="").body.decode()
            return int(re.search(r"^agentbridge_event_clients (\d+)", text, re.M).group(1))
        wait_for("they listen", lambda: clients() == 20, 10)
        # Levels alone fill a socket's buffers in a while; many events do at once.
        for _ in range(300):
            self.ask("POST", f"/calls/{call}/volume", {"percent": 50})
            self.ask("POST", f"/calls/{call}/volume", {"percent": 60})
        wait_for("they are cut off", lambda: clients() == 0, 60)
        after = self.ask("GET", f"/calls/{call}").json()
        self.assertEqual(after["lost_ms"], before["lost_ms"])
        self.assertEqual(after["stalls"], before["stalls"])
        for one in slow:
            one.close()
        self.ask("DELETE", f"/calls/{call}")
        self.gone(call)
        self.end()


if __name__ == "__main__":
    main()
