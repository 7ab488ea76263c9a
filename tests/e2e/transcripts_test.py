"""What is said, taken down: in a sound file by `agentbridge transcribe`, and in calls by every engine, to subtitles and
search. The recognizers are stand-ins as strict as their services: a Whisper server written here, which knows what it is
about to hear, and tests/support/speech_server, which understands a language of its own: a word is a level that is held."""

import array
import email.parser
import http.server
import io
import json
import math
import re
import threading
import urllib.parse
import wave

from harness import EndToEnd, Emulator, json_objects, main, wait_for
from services import Service

CALLER = "+12025550109"


def voice(seconds):
    """The simplest sound that a detector takes for a voice: a buzz whose pitch moves."""
    out, phase = array.array("h"), 0.0
    for i in range(int(seconds * 8000)):
        phase = (phase + (130 + 25 * math.sin(6.28 * 2.5 * i / 8000)) / 8000) % 1
        out.append(int(8000 * math.exp(-6 * phase) * math.cos(6.28 * 5 * phase)))
    return out


def silence(seconds):
    return array.array("h", bytes(2 * int(seconds * 8000)))


class Whisper(http.server.ThreadingHTTPServer):
    """Answers each utterance with the next sentence, where it would be taken: whisper.cpp's server at /inference, or, with
    a key, OpenAI's /v1/audio/transcriptions."""

    daemon_threads = True

    def __init__(self, sentences, key="", stumbles=0):
        super().__init__(("127.0.0.1", 0), WhisperHandler)
        self.sentences, self.key, self.stumbles = list(sentences), key, stumbles
        self.complaints = []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}" + ("/v1/audio/transcriptions" if self.key else "/inference")

    def next(self):
        with self.lock:
            return self.sentences.pop(0) if self.sentences else ""

    def judge(self, path, headers, body):
        """What the service would not have taken of a request; empty: nothing."""
        wrong = []
        if path != urllib.parse.urlsplit(self.url).path:
            wrong.append(f"path {path}")
        if headers.get("Authorization", "") != ("Bearer " + self.key if self.key else ""):
            wrong.append("authorization")
        kind = headers["Content-Type"]
        form = email.parser.BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
        if not form.is_multipart() or form.get_content_subtype() != "form-data" or form.defects:
            return [*wrong, f"no form: {kind} {form.defects}"]
        parts = {part.get_param("name", header="Content-Disposition"): part for part in form.get_payload()}
        fields = {name: part.get_payload(decode=True).decode() for name, part in parts.items() if name != "file"}
        wanted = {"response_format": "verbose_json", "temperature": "0"}
        if self.key:
            wanted |= {"model": "whisper-1", "timestamp_granularities[]": "word"}
        if fields != wanted:
            wrong.append(f"fields {fields}")
        if "file" not in parts or not parts["file"].get_filename("").endswith(".wav"):
            return [*wrong, "no sound file"]
        data = parts["file"].get_payload(decode=True)
        try:
            with wave.open(io.BytesIO(data)) as sound:
                told = sound.getframerate(), sound.getnchannels(), sound.getsampwidth()
                if told != (16000, 1, 2) or len(data) != 44 + 2 * sound.getnframes() or sound.getnframes() < 1600:
                    wrong.append(f"sound {told}, {sound.getnframes()} samples in {len(data)} bytes")
        except (wave.Error, EOFError) as error:
            wrong.append(f"sound: {error}")
        return wrong


class WhisperHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        wrong = self.server.judge(self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"])))
        if wrong:
            self.server.complaints += wrong
            return self.reply(400, {"error": wrong})
        with self.server.lock:
            stumbles, self.server.stumbles = self.server.stumbles > 0, self.server.stumbles - 1
        if stumbles:
            return self.reply(500, {"error": "it stumbles"})
        words = self.server.next().split()
        space = "" if self.server.key else " "
        told = [{"word": space + word, "start": 0.3 + i * 0.2, "end": 0.5 + i * 0.2, "probability": 0.9}
                for i, word in enumerate(words)]
        if self.server.key:
            for word in told:
                del word["probability"]
        self.reply(200, {"text": space + " ".join(words), **({"words": told} if self.server.key else {"segments": [{"words": told}]})})


class Transcripts(EndToEnd):
    def engine(self, sentences):
        server = self.whisper(sentences)
        return {"AGENTBRIDGE_TRANSCRIBER": "whisper-server", "AGENTBRIDGE_TRANSCRIBER_URL": server.url}

    def whisper(self, sentences, **more):
        server = Whisper(sentences, **more)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.addCleanup(lambda: self.assertEqual(server.complaints, []))
        return server

    def sound_file(self):
        """The far end speaks, then the near end, then the far end again."""
        far = silence(1) + voice(1) + silence(4) + voice(1) + silence(2)
        near = silence(3) + voice(1) + silence(5)
        path = str(self.folder / "call.wav")
        with wave.open(path, "wb") as out:
            out.setnchannels(2)
            out.setsampwidth(2)
            out.setframerate(8000)
            both = array.array("h", (0,)) * (2 * len(far))
            both[0::2], both[1::2] = far, near
            out.writeframes(both.tobytes())
        return path

    def transcribe(self, form, sentences):
        done = self.run_to_end(["transcribe", self.sound_file(), "--format", form], self.engine(sentences))
        self.assert_code(done, 0)
        return done.out

    def test_a_sound_file_becomes_subtitles(self):
        out = self.transcribe("srt", ["Hello there."] * 3)
        cues = out.strip().split("\n\n")
        self.assertEqual(len(cues), 3, out)
        for cue, speaker, second in zip(cues, ("Far", "Near", "Far"), ("01", "03", "06")):
            self.assertIn(f"{speaker}: Hello there.", cue)
            self.assertTrue(cue.splitlines()[1].startswith(f"00:00:{second},"), cue)

    def test_card_numbers_stay_out_of_every_form(self):
        for form in ("text", "json", "srt", "vtt"):
            out = self.transcribe(form, ["My card is 4111 1111 1111 1111 thanks", "yes", "and 5555555555554444 too"])
            self.assertGreaterEqual(out.count("[redacted]"), 2, out)
            for digits in ("4111", "5555"):
                self.assertNotIn(digits, out)

    def test_without_an_engine_one_line_says_how_to_get_one(self):
        done = self.run_to_end(["transcribe", self.sound_file()])
        self.assert_code(done, 3)
        self.assertEqual(len(done.err.strip().splitlines()), 1, done.err)
        self.assertIn("AGENTBRIDGE_TRANSCRIBER", done.err)

    def test_a_missing_file_is_named(self):
        done = self.run_to_end(["transcribe", "/no/such.wav"], self.engine([]))
        self.assert_code(done, 2)
        self.assertIn("/no/such.wav", done.err)

    def test_a_server_that_is_away_is_named(self):
        done = self.run_to_end(["transcribe", self.sound_file()], {
            "AGENTBRIDGE_TRANSCRIBER": "whisper-server",
            "AGENTBRIDGE_TRANSCRIBER_URL": "http://127.0.0.1:9/inference"}, seconds=90)
        self.assert_code(done, 1)
        self.assertIn("AGENTBRIDGE_TRANSCRIBER_URL", done.err)

    def test_a_server_of_the_other_form_is_understood_too(self):
        server = self.whisper(["Hello there."] * 3, key="k3y")
        done = self.run_to_end(["transcribe", self.sound_file(), "--format", "json"], {
            "AGENTBRIDGE_TRANSCRIBER": "whisper-server", "AGENTBRIDGE_TRANSCRIBER_URL": server.url,
            "AGENTBRIDGE_TRANSCRIBER_KEY": "k3y"})
        self.assert_code(done, 0)
        pieces = json_objects(done.out)[0]["pieces"]
        self.assertEqual([piece["text"] for piece in pieces], ["Hello there."] * 3)
        self.assertEqual([len(piece["words"]) for piece in pieces], [2, 2, 2])


KEY = "k3y-of-the-recognizer"

# word: its level in thousands, milliseconds it is held, milliseconds of silence behind it
SAID = [("five", 5, 300, 0), ("two", 2, 400, 1500), ("seven", 7, 500, 1500), ("three", 3, 300, 0), ("nine", 9, 400, 1500)]


class EveryEngine(EndToEnd):
    def speech(self):
        """A second of silence, and then what is said. Returns the file and when each word begins, in ms."""
        sound, begins = array.array("h", [0]) * 8000, []
        for _, level, held, quiet in SAID:
            begins.append(len(sound) // 8)
            sound.extend(array.array("h", [level * 1000]) * (held * 8))
            sound.extend(array.array("h", [0]) * (quiet * 8))
        return self.write(sound), begins

    def write(self, samples):
        path = self.folder / "said.wav"
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(8000)
            out.writeframes(samples.tobytes())
        return path

    def take_down(self, file, settings, during=lambda: None):
        """A call in which the phone plays the file. Returns its subtitles as (begin in ms, text), and the settings."""
        emulator = Emulator(self, "--persona", f"default=wav:{file},hangup=no")
        settings = self.bridge_environment(emulator, AGENTBRIDGE_CONTROL_PORT="0", AGENTBRIDGE_TRANSCRIBE="on", **settings)
        serve = self.start(["serve"], settings, name="serve")
        wait_for("it can be asked", lambda: self.request("GET", "/calls")[0] == 200, 20)
        call = json.loads(self.request("POST", "/calls", {"to": "+12025550142"})[2])["call"]
        wait_for("it talks", lambda: json.loads(self.request("GET", f"/calls/{call}")[2]).get("frames"), 20)
        during()
        wait_for("all was said", lambda: json.loads(self.request("GET", f"/calls/{call}")[2])["frames"] > self.frames + 75, 30)
        self.request("DELETE", f"/calls/{call}")
        wait_for("it is over", lambda: json.loads(self.request("GET", "/calls")[2])["calls"] == [], 30)
        srt = self.run_to_end(["transcript", call, "--format", "srt"], settings)
        self.assert_code(srt, 0)
        cues = []
        for cue in srt.out.strip().split("\n\n"):
            _, times, text = cue.split("\n", 2)
            hours, minutes, seconds, ms = map(int, re.match(r"(\d+):(\d+):(\d+),(\d+) --> ", times).groups())
            cues.append((((hours * 60 + minutes) * 60 + seconds) * 1000 + ms, text))
        self.search = lambda *words: json_objects(self.run_to_end(["--json", "history", "search", *words], settings).out)[0]["calls"]
        self.end = lambda: (serve.signal(2), self.assertEqual(serve.wait(20), 0), self.assert_nothing_left_open(emulator))
        return call, cues

    def understood(self, engine, settings, cut=False):
        recognizer = Service(self, "speech_server", "--engine", engine, "--key", KEY, ready="url")
        file, begins = self.speech()
        self.frames = (begins[-1] + 2000) // 20

        def during():
            if cut:
                wait_for("something was understood", lambda: self.words_so_far(), 20)
                recognizer.write("cut")

        call, cues = self.take_down(file, {"AGENTBRIDGE_TRANSCRIBER": engine, "AGENTBRIDGE_TRANSCRIBER_URL": recognizer.url, **settings},
                                    during)
        self.assertEqual([text for _, text in cues], ["Far: five two", "Far: seven", "Far: three nine"])
        first = cues[0][0] - begins[0]
        # Each as much later as it was said later. (The file begins when the phone is answered, the timeline with the stream.)
        for (begin, _), at in zip(cues, (0, 2, 3)):
            self.assertAlmostEqual(begin - first, begins[at], delta=60)
        wait_for("the history has it", lambda: self.search("seven"))
        for words, there in ((["seven"], True), (["five", "nine"], True), (["eight"], False)):
            found = [one["call"] for one in self.search(*words)]
            self.assertEqual(found, [call] if there else [], words)
        match = self.search("seven")[0]["matches"][0]
        self.assertEqual((match["where"], match["speaker"]), ("transcript", "far"))
        self.assertAlmostEqual(match["begin_ms"], cues[1][0], delta=1)
        self.end()
        report = recognizer.report()
        self.assertEqual(report["complaints"], [])
        self.assertEqual(report["sessions"], 2 if cut else 1)

    def words_so_far(self):
        calls = json.loads(self.request("GET", "/calls")[2])["calls"]
        return json.loads(self.request("GET", f"/calls/{calls[0]['call']}/transcript")[2]).get("pieces") if calls else None

    def test_vosk(self):
        self.understood("vosk", {})

    def test_deepgram(self):
        self.understood("deepgram", {"DEEPGRAM_API_KEY": KEY})

    def test_openai(self):
        self.understood("openai", {"OPENAI_API_KEY": KEY})

    def test_a_connection_that_breaks_loses_no_word(self):
        self.understood("deepgram", {"DEEPGRAM_API_KEY": KEY}, cut=True)

    def test_whisper_server(self):
        sound = silence(1) + voice(1) + silence(2) + voice(1) + silence(2)
        server = Whisper(["Good morning.", "I want a refund."], stumbles=1)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.frames = 7000 // 20
        call, cues = self.take_down(self.write(sound), {"AGENTBRIDGE_TRANSCRIBER": "whisper-server",
                                                        "AGENTBRIDGE_TRANSCRIBER_URL": server.url})
        self.assertEqual([text for _, text in cues], ["Far: Good morning.", "Far: I want a refund."])
        self.assertAlmostEqual(cues[1][0] - cues[0][0], 3000, delta=100)
        found = wait_for("the history has it", lambda: self.search("refund"))
        self.assertEqual([one["call"] for one in found], [call])
        self.assertEqual(self.search("goodbye"), [])
        self.assertEqual(server.complaints, [])
        self.end()


if __name__ == "__main__":
    main()
