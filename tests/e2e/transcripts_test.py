"""What is said in a sound file, taken down by `agentbridge transcribe`. The recognizer is a Whisper server written here,
which knows what it is about to hear."""

import array
import http.server
import json
import math
import threading
import wave

from harness import EndToEnd, main

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
    """Answers each utterance with the next sentence."""

    daemon_threads = True

    def __init__(self, sentences):
        super().__init__(("127.0.0.1", 0), WhisperHandler)
        self.sentences = list(sentences)
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/inference"

    def next(self):
        with self.lock:
            return self.sentences.pop(0) if self.sentences else ""


class WhisperHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"]))
        assert b"verbose_json" in form and b"RIFF" in form
        words = self.server.next().split()
        told = [{"word": " " + word, "start": 0.3 + i * 0.2, "end": 0.5 + i * 0.2, "probability": 0.9}
                for i, word in enumerate(words)]
        answer = json.dumps({"text": " " + " ".join(words), "segments": [{"words": told}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class Transcripts(EndToEnd):
    def engine(self, sentences):
        server = Whisper(sentences)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return {"AGENTBRIDGE_TRANSCRIBER": "whisper-server", "AGENTBRIDGE_TRANSCRIBER_URL": server.url}

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


if __name__ == "__main__":
    main()
