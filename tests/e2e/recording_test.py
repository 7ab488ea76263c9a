"""Calls that are recorded: both sides where the phone said and heard them, held against the built-in Twilio's own
recording; through the API and the command line; and what a kill leaves."""

import array
import json
import os
import random
import signal
import time
import urllib.request
import wave

from harness import ACCOUNT, EndToEnd, Emulator, main, wait_for

ONE = "+12025550142"
RATE = 8000
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def sides(path):
    """Both channels of a WAV that may still be written."""
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 2 and file.getframerate() == RATE
        samples = array.array("h", file.readframes(file.getnframes()))
    return samples[0::2], samples[1::2]


def mono(file):
    """The samples of a WAV of one channel; mu-law or 16 bits."""
    data = file[file.index(b"data") + 8:]
    if int.from_bytes(file[20:22], "little") == 7:
        return array.array("h", [MULAW[byte] for byte in data])
    return array.array("h", data[:len(data) // 2 * 2])


def mulaw(byte):
    byte = ~byte & 0xFF
    value = (((byte & 0x0F) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84
    return -value if byte & 0x80 else value


MULAW = [mulaw(byte) for byte in range(256)]


def loudness(samples):
    """Of each millisecond, in steps that mu-law does not blur."""
    out = []
    for at in range(0, len(samples) - 8, 8):
        out.append(sum(abs(sample) for sample in samples[at:at + 8]) / 8)
    return out


def offset_of(part, whole, around, reach):
    """Where the loudness `part` is found in `whole`, nearest to `around`; in ms."""
    best, where = None, None
    for at in range(max(0, around - reach), min(len(whole) - len(part), around + reach)):
        error = sum(abs(a - b) for a, b in zip(part, whole[at:at + len(part)]))
        if best is None or error < best:
            best, where = error, at
    return where, best / max(1, len(part))


def offsets(recorded, true, window=400, reach=None, every=1000):
    """How many ms after its place in `recorded` each loud stretch lies in `true`. The first one is looked for everywhere,
    those after it near where it was."""
    out = []
    mine, theirs = loudness(recorded), loudness(true)
    for at in range(0, len(mine) - window, every):
        part = mine[at:at + window]
        mean = sum(part) / window
        if mean < 200 or max(part) < 3 * min(part) + 100:
            continue  # silence, or nothing to hold on to
        begin = out[-1] if out else 0
        where, error = offset_of(part, theirs, at + begin, reach or (200 if out else 4000))
        if where is not None and error < mean / 4:
            out.append(where - at)
    return out


class Recordings(EndToEnd):
    def begin(self, *arguments, persona="echo", **settings):
        self.emulator = Emulator(self, "--persona", f"{ONE}={persona}")
        self.settings = self.bridge_environment(self.emulator, AGENTBRIDGE_CONTROL_PORT="0", **settings)
        self.serve(*arguments)

    def serve(self, *arguments):
        self.program = self.start(["serve", "--no-audio", *arguments], self.settings, name="serve")
        wait_for("it can be asked", lambda: self.ask("calls", "list", code=None).code == 0, 30)

    def ask(self, *words, code=0):
        process = self.run_to_end(["--json", *words], self.settings)
        if code is not None:
            self.assert_code(process, code)
        return process

    def call(self, *words):
        return json.loads(self.ask("calls", *words).out)

    def api(self, method, path, body=None, **headers):
        return self.request(method, path, body, headers)

    def dial(self):
        made = json.loads(self.api("POST", "/calls", {"to": ONE})[2])["call"]
        wait_for("it talks", lambda: self.shown(made)["frames"] > 0, 30)
        return made, self.shown(made)["call_sid"]

    def shown(self, call):
        return json.loads(self.api("GET", f"/calls/{call}")[2])

    def hang_up(self, call):
        self.api("DELETE", f"/calls/{call}")
        wait_for("it is over", lambda: self.shown(call)["state"] == "completed", 30)

    def end(self):
        self.program.signal(signal.SIGINT)
        self.program.code = self.program.wait(30)
        self.assert_code(self.program, 0)
        self.assert_nothing_left_open(self.emulator)

    def files(self, end=""):
        return sorted((self.state / "recordings").glob(f"*{end}"))

    def phones(self, sid, which):
        """What the built-in Twilio has of a side: "said" or "heard"."""
        with OPENER.open(f"{self.emulator.url}/emulator/v1/calls/{sid}/{which}.wav", timeout=20) as answer:
            return mono(answer.read())

    def test_both_sides_lie_where_the_phone_said_and_heard_them(self):
        length = float(os.environ.get("E2E_RECORD_SECONDS", "45"))
        self.begin("--record")
        call, sid = self.dial()
        self.assertEqual(self.shown(call)["recording"]["status"], "recording")
        end, number = time.monotonic() + length, 0
        while time.monotonic() < end:
            number += 1
            said = json.loads(self.api("POST", f"/calls/{call}/say", {
                "text": f"Sentence number {number}. The quick brown fox jumps over the lazy dog {number} times."})[2])
            seconds = said["length_ms"] / 1000
            if number % 5 == 2:  # cut off in the middle
                time.sleep(seconds / 2)
                self.api("POST", f"/calls/{call}/clear")
                time.sleep(0.5)
            elif number % 5 == 3:  # the program stands still
                time.sleep(seconds / 3)
                self.program.signal(signal.SIGSTOP)
                time.sleep(0.7)
                self.program.signal(signal.SIGCONT)
                time.sleep(seconds)
            elif number % 5 == 4:  # a pause of the recording
                self.assertEqual(self.api("PUT", f"/calls/{call}/recording", {"state": "paused"})[0], 200)
                time.sleep(seconds + 0.5)
                self.assertEqual(self.api("PUT", f"/calls/{call}/recording", {"state": "recording"})[0], 200)
            elif number == 5:  # the stream ends, and another one begins
                time.sleep(seconds)
                self.api("POST", f"/calls/{call}/dtmf", {"keys": "1"})
                time.sleep(3)
            else:
                time.sleep(seconds + 0.3)
        said, heard = self.phones(sid, "said"), self.phones(sid, "heard")
        self.hang_up(call)
        wait_for("it is written", lambda: not json.loads(
            self.api("GET", f"/calls/{call}/recording")[2])["recording"]["live"], 20)
        far, near = sides(self.files(".wav")[0])
        far_off, near_off = offsets(far, said), offsets(near, heard)
        print(f"{len(far) / RATE:.0f} s, {len(far_off)} and {len(near_off)} stretches: the far end lies "
              f"{min(far_off)} to {max(far_off)} ms, the near end {min(near_off)} to {max(near_off)} ms after the phone's "
              f"own recording", flush=True)
        self.assertGreater(len(far_off), length / 8)
        self.assertGreater(len(near_off), length / 8)
        base = sorted(far_off)[len(far_off) // 2]
        for off in far_off + near_off:
            self.assertLessEqual(abs(off - base), 20)
        self.end()

    def test_a_recording_is_listed_heard_copied_and_deleted(self):
        self.begin(AGENTBRIDGE_RECORD_FORMAT="flac")
        call, sid = self.dial()
        self.assertEqual(self.api("GET", f"/calls/{call}/recording")[0], 404)
        self.assertEqual(self.call("record", call)["recording"]["status"], "recording")
        self.api("POST", f"/calls/{call}/say", {"text": "This is what the recording holds."})
        time.sleep(4)
        status, headers, body = self.api("GET", f"/calls/{call}/recording.wav")
        self.assertEqual((status, headers["Content-Type"]), (200, "audio/wav"))
        self.assertGreater(len(body), 2 * RATE * 4)
        self.assertEqual(self.api("GET", f"/calls/{call}/recording.flac")[0], 404)
        self.assertEqual(self.call("record", call, "pause")["recording"]["status"], "paused")
        self.assertEqual(self.call("record", call, "resume")["recording"]["status"], "recording")
        self.assertEqual(self.call("record", call, "stop")["recording"]["status"], "stopped")
        self.hang_up(call)
        wait_for("it is kept as FLAC", lambda: [path.suffix for path in self.files()] == [".flac"], 20)
        self.assertEqual(self.files()[0].stat().st_mode & 0o777, 0o600)
        listed = json.loads(self.api("GET", f"/recordings?call={call}")[2])
        self.assertIsNone(listed["next"])
        entry = listed["recordings"][0]
        self.assertEqual((entry["call"], entry["call_sid"], entry["formats"], entry["live"], entry["to"]),
                         (call, sid, ["flac"], False, ONE))
        self.assertGreater(entry["duration_ms"], 3000)
        self.assertEqual(json.loads(self.api("GET", f"/calls/{sid}/recording")[2])["recording"], entry)
        peaks = json.loads(self.api("GET", f"/calls/{call}/recording/peaks?buckets=100")[2])
        self.assertEqual((len(peaks["far"]), len(peaks["near"])), (100, 100))
        self.assertGreater(max(peaks["near"]), 0.05)
        whole = self.files()[0].read_bytes()
        status, headers, body = self.api("GET", f"/calls/{call}/recording.flac", Range="bytes=4-99")
        self.assertEqual((status, headers["Content-Range"], body),
                         (206, f"bytes 4-99/{len(whole)}", whole[4:100]))
        self.assertEqual(self.api("GET", f"/calls/{call}/recording.flac")[2], whole)
        self.assertEqual(self.api("GET", f"/calls/{call}/recording.flac", Range=f"bytes={len(whole)}-")[0], 416)
        self.assertEqual(self.api("GET", f"/calls/{call}/recording.opus")[2][:4], b"OggS")
        self.end()
        copy = self.folder / "copy.wav"
        self.ask("recordings", "export", call, "--to", str(copy))
        self.assertGreater(len(sides(copy)[0]), 3 * RATE)
        self.assert_code(self.run_to_end(["recordings", "play", call, "--speaker", f"file:{self.folder}/played.wav"],
                                         self.settings), 0)
        self.assertEqual(len(json.loads(self.ask("recordings", "list").out)["recordings"]), 1)
        self.ask("recordings", "delete", call)
        self.assertEqual(self.files(), [])

    def test_twilio_records_and_its_file_is_fetched(self):
        self.begin("--record", AGENTBRIDGE_RECORD_BY="twilio", AGENTBRIDGE_RECORD_AT_TWILIO="delete")
        call, sid = self.dial()
        self.assertEqual(self.shown(call)["recording"]["status"], "recording")
        recordings = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings.json?CallSid={sid}"
        wait_for("Twilio records", lambda: self.emulator.get(recordings)["recordings"], 10)
        self.api("POST", f"/calls/{call}/say", {"text": "Twilio records both sides of this call."})
        time.sleep(3)
        self.assertEqual(self.api("PUT", f"/calls/{call}/recording", {"state": "paused"})[0], 200)
        wait_for("it pauses", lambda: self.emulator.get(recordings)["recordings"][0]["status"] == "paused", 10)
        self.assertEqual(self.api("PUT", f"/calls/{call}/recording", {"state": "recording"})[0], 200)
        wait_for("it goes on", lambda: self.emulator.get(recordings)["recordings"][0]["status"] == "in-progress", 10)
        time.sleep(1)
        said, heard = self.phones(sid, "said"), self.phones(sid, "heard")
        self.hang_up(call)
        wait_for("it is fetched", lambda: [path.suffix for path in self.files()] == [".wav"], 20)
        wait_for("Twilio's copy is gone", lambda: not self.emulator.get(recordings)["recordings"], 10)
        self.assertEqual(self.files()[0].stat().st_mode & 0o777, 0o600)
        far, near = sides(self.files()[0])
        off = offsets(far, said) + offsets(near, heard)
        self.assertTrue(off)
        self.assertLessEqual(max(off) - min(off), 20)
        entry = json.loads(self.api("GET", f"/calls/{call}/recording")[2])["recording"]
        self.assertEqual((entry["source"], entry["call"]), ("twilio", call))
        wait_for("the history has it", lambda: json.loads(self.api("GET", f"/calls/{call}")[2])["recorded"], 10)
        self.end()
        listed = json.loads(self.ask("recordings", "list").out)["recordings"]
        self.assertEqual([(one["source"], one["call"]) for one in listed], [("twilio", call)])
        self.ask("recordings", "delete", call)
        self.assertEqual(self.files(), [])

    def test_what_twilio_recorded_when_the_program_was_killed_is_fetched_by_the_next(self):
        self.begin("--record", AGENTBRIDGE_RECORD_BY="twilio", AGENTBRIDGE_RECORD_FORMAT="flac")
        call, sid = self.dial()
        folder = self.state / "recordings"
        wait_for("it is known what is to come", lambda: list(folder.glob("*.twilio")), 10)
        time.sleep(2)
        self.program.signal(signal.SIGKILL)
        self.program.wait(10)
        recordings = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings.json?CallSid={sid}"
        wait_for("Twilio is done", lambda: self.emulator.get(recordings)["recordings"][0]["status"] == "completed", 20)
        self.serve()
        wait_for("it is fetched", lambda: [path.suffix for path in self.files(".flac")] == [".flac"], 20)
        wait_for("nothing is left to be done", lambda: not list(folder.glob("*.twilio*")), 10)
        self.assertIn(call, self.files(".flac")[0].name)
        self.end()

    def test_the_history_knows_what_was_deleted(self):
        self.begin("--record")
        calls = []
        for _ in range(2):
            call, _ = self.dial()
            self.hang_up(call)
            wait_for("it is in the folder", lambda: [one for one in json.loads(self.api("GET", f"/recordings?call={call}")[2])[
                "recordings"] if not one["live"]], 20)
            wait_for("the history has it", lambda: self.kept(call)["recorded"], 10)
            calls.append(call)
        name = json.loads(self.api("GET", f"/calls/{calls[0]}/recording")[2])["recording"]["name"]
        self.assertEqual(self.api("DELETE", f"/recordings/{name}")[0], 204)
        self.assertFalse(self.kept(calls[0])["recorded"])
        self.assertTrue(self.kept(calls[1])["recorded"])
        self.ask("recordings", "delete", calls[1])
        self.assertFalse(self.kept(calls[1])["recorded"])
        self.assertEqual(self.files(), [])
        self.end()

    def kept(self, call):
        return json.loads(self.ask("history", "show", call).out)["call"]

    def test_a_kill_costs_a_second_at_most(self):
        kills = int(os.environ.get("E2E_RECORD_KILLS", "4"))
        self.begin("--record", persona="say:one two three four five six seven eight nine ten eleven twelve thirteen "
                                       "fourteen fifteen sixteen seventeen eighteen nineteen twenty")
        missing = []
        for number in range(kills):
            if number > 0:
                self.serve("--record")
            call, sid = self.dial()
            time.sleep(random.uniform(1.0, 3.5))
            said = self.phones(sid, "said")
            self.program.signal(signal.SIGKILL)
            self.program.wait(10)
            path = next(path for path in self.files(".wav") if call in path.name)
            far, _ = sides(path)
            off = offsets(far, said, window=300, reach=len(said) // 8, every=300)
            self.assertTrue(off, path)
            base = sorted(off)[len(off) // 2]
            missing.append(len(said) / 8 - base - len(far) / 8)
        print(f"{kills} kills: {max(missing):.0f} ms missing at most, {sum(missing) / kills:.0f} ms on average", flush=True)
        self.assertLess(max(missing), 1000)
        self.settings["AGENTBRIDGE_RECORD_FORMAT"] = "flac"
        self.serve()
        wait_for("all are FLAC", lambda: [path.suffix for path in self.files()] == [".flac"] * kills, 60)
        self.program.signal(signal.SIGINT)
        self.program.wait(30)


if __name__ == "__main__":
    main()
