"""What a transcript leaves out is silence in the recording: while the call goes on, after it, in the form it is kept in, after
a kill, and when it is taken down later. The recognizer is a Vosk server written here from alphacep/vosk-server, strict about
what it is sent. It understands a language of levels: a word is a level that is held, so that a test knows to 10 ms where it
lies."""

import array
import base64
import hashlib
import json
import shutil
import signal
import socketserver
import struct
import threading
import wave

from harness import EndToEnd, Emulator, main, wait_for

ONE = "+12025550142"
RATE = 8000
DIGITS = {1000: "one", 4000: "four"}
WORDS = {**DIGITS, 6000: "hello", 7000: "thanks"}
MARGIN = 100  # ms on either side of a word
CARD = [4000] + [1000] * 15
LEAST_QUIET = 300  # ms that end an utterance


def level(number, ms):
    return array.array("h", [number]) * (ms * RATE // 1000)


def quiet(ms):
    return level(0, ms)


def spoken_card():
    """"hello", the sixteen digits and "thanks", without a pause between them."""
    digits = quiet(0)
    for number in CARD:
        digits += level(number, 60) + quiet(20)
    return level(6000, 600) + quiet(20) + digits + level(7000, 600)


def write_wav(path, *channels):
    both = array.array("h", bytes(2 * len(channels) * len(channels[0])))
    for i, channel in enumerate(channels):
        both[i::len(channels)] = channel
    with wave.open(str(path), "wb") as out:
        out.setnchannels(len(channels))
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(both.tobytes())
    return path


def sides(path):
    """Both channels of a WAV that may still be written."""
    with wave.open(str(path)) as file:
        samples = array.array("h", file.readframes(file.getnframes()))
    return samples[0::2], samples[1::2]


def nearest_word(value):
    found = min(WORDS, key=lambda one: abs(one - value))
    return found if abs(found - value) < found / 10 else 0


class Vosk(socketserver.ThreadingTCPServer):
    """`late`: the words are told at the end of the session only."""
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, late=False):
        super().__init__(("127.0.0.1", 0), VoskSession)
        self.late = late
        self.complaints = []
        self.may_end = threading.Event()
        self.may_end.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.server_address[1]}"


class VoskSession(socketserver.StreamRequestHandler):
    def handle(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        key = next(line.split(b":", 1)[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        self.words, self.now, self.begun, self.still, self.at = [], 0, 0, 0, 0
        self.done = []
        try:
            while self.frame():
                pass
        except (OSError, struct.error):
            pass

    def read(self, count):
        data = self.rfile.read(count)
        if len(data) < count:
            raise OSError("it hung up")
        return data

    def frame(self):
        first, second = self.read(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack("!H", self.read(2))[0]
        elif length == 127:
            length = struct.unpack("!Q", self.read(8))[0]
        mask = self.read(4)
        data = self.read(length)
        data = (int.from_bytes(data, "big") ^ int.from_bytes((mask * (length // 4 + 1))[:length], "big")).to_bytes(length, "big")
        code = first & 0x0F
        if code == 8:
            self.send(8, data[:2])
            return False
        if code == 9:
            self.send(10, data)
        elif code == 2:
            self.hear(data)
        elif code == 1 and data == b'{"eof" : 1}':
            self.end()
        elif code == 1 and self.at == 0:
            config = json.loads(data)["config"]
            if config != {"sample_rate": RATE, "words": True}:
                self.server.complaints.append(f"config {config}")
        elif code != 10:
            self.server.complaints.append(f"frame {code}: {data[:80]}")
        return True

    def send(self, code, data):
        head = bytes([0x80 | code]) + (bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack("!H", len(data)))
        self.wfile.write(head + data)

    def say(self, answer):
        self.send(1, json.dumps(answer).encode())

    def hear(self, data):
        if len(data) % 2:
            self.server.complaints.append("half a sample")
        samples = array.array("h", data)
        for begin in range(0, len(samples) - 79, 80):
            self.block(nearest_word(sorted(samples[begin:begin + 80])[40]))
        if self.done and not self.server.late:
            self.say(self.done.pop(0))
        else:
            self.say({"partial": "" if self.server.late else " ".join(word["word"] for word in self.words)})

    def block(self, number):
        """10 ms."""
        if number != self.now:
            self.close_word()
            self.now, self.begun = number, self.at
        self.at += 10
        self.still = 0 if number else self.still + 10
        if self.still == LEAST_QUIET:
            self.close_utterance()

    def close_word(self):
        if self.now:
            self.words.append({"word": WORDS[self.now], "start": self.begun / 1000, "end": self.at / 1000, "conf": 0.9})
        self.now = 0

    def close_utterance(self):
        self.close_word()
        if self.words:
            self.done.append({"result": self.words, "text": " ".join(word["word"] for word in self.words)})
        self.words = []

    def end(self):
        self.close_utterance()
        self.server.may_end.wait(8)
        words = [word for one in self.done for word in one["result"]]
        self.say({"result": words, "text": " ".join(word["word"] for word in words)} if words else {"text": ""})


class Redaction(EndToEnd):
    def begin(self, late=False, transcribe=True, **settings):
        self.vosk = Vosk(late)
        self.addCleanup(self.vosk.server_close)
        self.addCleanup(self.vosk.shutdown)
        phone = write_wav(self.folder / "phone.wav", quiet(1500) + spoken_card() + quiet(6000))
        self.emulator = Emulator(self, "--persona", f"{ONE}=wav:{phone},hangup=no,repeat=no")
        self.settings = self.bridge_environment(
            self.emulator, AGENTBRIDGE_CONTROL_PORT="0", AGENTBRIDGE_TRANSCRIBER="vosk",
            AGENTBRIDGE_TRANSCRIBER_URL=self.vosk.url, AGENTBRIDGE_RECORD_FORMAT="flac", **settings)
        if transcribe:
            self.settings["AGENTBRIDGE_TRANSCRIBE"] = "on"
        self.serve("--record")

    def serve(self, *arguments):
        self.program = self.start(["serve", "--no-audio", *arguments], self.settings, name="serve")
        wait_for("it can be asked", lambda: self.run_to_end(["--json", "calls", "list"], self.settings).code == 0, 30)

    def api(self, method, path, body=None):
        status, _, text = self.request(method, path, body)
        return status, text

    def dial(self):
        """A call into which something is said all the time."""
        call = json.loads(self.api("POST", "/calls", {"to": ONE})[1])["call"]
        wait_for("it talks", lambda: json.loads(self.api("GET", f"/calls/{call}")[1])["frames"] > 0, 30)
        sound = array.array("h", (3000 if i // 8 % 2 else -3000 for i in range(20 * RATE)))
        tone = write_wav(self.folder / "tone.wav", sound)
        self.assert_code(self.run_to_end(["calls", "play", call, str(tone)], self.settings), 0)
        return call

    def hang_up(self, call):
        self.api("DELETE", f"/calls/{call}")

    def transcript(self, call):
        status, body = self.api("GET", f"/calls/{call}/transcript")
        return " ".join(piece["text"] for piece in json.loads(body)["pieces"] if piece["final"]) if status == 200 else ""

    def files(self):
        return sorted((self.state / "recordings").iterdir())

    def exported(self, call, name="copy.wav"):
        path = self.folder / name
        path.unlink(missing_ok=True)
        self.assert_code(self.run_to_end(["recordings", "export", call, "--to", str(path)], self.settings), 0)
        return path

    def heard_words(self, samples):
        """Where in a side each word lies: [(word, begin, end)], in ms."""
        out, before = [], 0
        for at in range(0, len(samples) - 8, 8):
            word = nearest_word(sorted(samples[at:at + 8])[4])
            if word and word == before:
                out[-1][2] = at // 8 + 1
            elif word:
                out.append([WORDS[word], at // 8, at // 8 + 1])
            before = word
        return [tuple(word) for word in out if word[2] - word[1] >= 10]

    def recorded_whole(self):
        """The recording once the phone has said all of it."""
        for path in self.files():
            far, _ = sides(path)
            words = self.heard_words(far)
            if words and words[-1][0] == "thanks" and words[-1][2] * 8 + 4 * RATE // 10 < len(far):
                return path
        return None

    def assert_silent(self, path):
        """The number and the margin, to some milliseconds, and nothing else; the other side all the time."""
        far, near = sides(path)
        words = self.heard_words(far)
        self.assertEqual([word for word, _, _ in words], ["hello", "thanks"], path)
        (_, hello, hello_end), (_, thanks, thanks_end) = words
        self.assertAlmostEqual(hello_end - hello, 600 + 20 - MARGIN, delta=15)
        self.assertAlmostEqual(thanks_end - thanks, 600 + 20 - MARGIN, delta=15)
        self.assertAlmostEqual(thanks - hello_end, len(CARD) * 80 - 20 + 2 * MARGIN, delta=30)
        self.assertEqual(max(map(abs, far[hello_end * 8 + 8:thanks * 8 - 8])), 0)
        cut = near[hello_end * 8:thanks * 8]
        self.assertGreater(min(map(abs, cut)), 2000, "the other side is silent too")

    def test_the_number_is_silent_while_the_call_goes_on_and_afterwards(self):
        self.begin()
        call = self.dial()
        wait_for("it is taken down", lambda: "[redacted]" in self.transcript(call), 30)
        live = self.folder / "live.wav"
        wait_for("the disk has done it", lambda: "one" not in [word for word, _, _ in self.heard_words(sides(self.files()[0])[0])], 1)
        wait_for("the card is recorded", self.recorded_whole, 30)
        live.write_bytes(self.api("GET", f"/calls/{call}/recording.wav")[1])
        self.assert_silent(live)
        self.assertEqual(self.transcript(call), "hello [redacted] thanks")
        self.hang_up(call)
        wait_for("it is kept as FLAC", lambda: [path.suffix for path in self.files()] == [".flac"], 30)
        self.assert_silent(self.exported(call))
        self.assertEqual(self.vosk.complaints, [])
        self.program.signal(signal.SIGINT)
        self.assertEqual(self.program.wait(30), 0)

    def test_words_that_come_after_the_call_are_waited_for(self):
        self.begin(late=True)
        call = self.dial()
        wav = wait_for("the card is recorded", self.recorded_whole, 30)
        self.assertIn("one", [word for word, _, _ in self.heard_words(sides(wav)[0])], "nobody knows yet what it is")
        self.vosk.may_end.clear()
        self.hang_up(call)
        wait_for("the phone has hung up", lambda: not self.emulator.live_calls(), 20)
        self.assertEqual([path.suffix for path in self.files()], [".wav"])
        self.vosk.may_end.set()
        wait_for("it is taken down", lambda: "[redacted]" in self.transcript(call), 30)
        wait_for("it is kept as FLAC", lambda: [path.suffix for path in self.files()] == [".flac"], 30)
        self.assert_silent(self.exported(call))
        self.program.signal(signal.SIGINT)
        self.assertEqual(self.program.wait(30), 0)

    def test_a_kill_brings_nothing_back(self):
        self.begin()
        call = self.dial()
        wait_for("it is taken down", lambda: "[redacted]" in self.transcript(call), 30)
        wait_for("it is silent", lambda: "one" not in [word for word, _, _ in self.heard_words(sides(self.files()[0])[0])], 5)
        wait_for("the card is recorded", self.recorded_whole, 30)
        self.program.signal(signal.SIGKILL)
        self.program.wait(10)
        self.assert_silent(self.files()[0])
        self.serve()
        wait_for("it is kept as FLAC", lambda: [path.suffix for path in self.files()] == [".flac"], 30)
        self.assert_silent(self.exported(call))

    def test_a_recording_that_is_taken_down_later_is_silent_then(self):
        self.begin(transcribe=False)
        call = self.dial()
        wait_for("the card is recorded", self.recorded_whole, 30)
        self.hang_up(call)
        wait_for("it is kept as FLAC", lambda: [path.suffix for path in self.files()] == [".flac"], 30)
        copy = self.exported(call, "before.wav")
        before = copy.read_bytes()
        self.assertIn("one", [word for word, _, _ in self.heard_words(sides(copy)[0])])
        kept = self.folder / "kept.flac"
        shutil.copy(self.files()[0], kept)

        done = self.run_to_end(["transcribe", str(copy)], self.settings)
        self.assert_code(done, 0)
        self.assertIn("[redacted]", done.out)
        self.assertEqual(copy.read_bytes(), before, "a file that is not ours was changed")
        self.assertIn("one", [word for word, _, _ in self.heard_words(sides(self.exported(call))[0])])

        done = self.run_to_end(["transcribe", call], self.settings)
        self.assert_code(done, 0)
        self.assertIn("hello [redacted] thanks", done.out)
        self.assertIn("is silent now", done.err)
        self.assert_silent(self.exported(call))

        shutil.copy(kept, self.files()[0])  # as it was; now by the program that runs
        self.assertEqual(self.api("POST", f"/calls/{call}/transcript", {})[0], 202)
        wait_for("it is taken down", lambda: "[redacted]" in self.transcript(call), 30)
        self.assert_silent(self.exported(call))
        self.assertEqual([path.suffix for path in self.files()], [".flac"])


if __name__ == "__main__":
    main()
