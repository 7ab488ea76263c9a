"""A sound card made of software for end-to-end tests: a private PulseAudio with null sinks, and a recorder of what
its speaker plays."""

import array
import os
import signal
import subprocess
import threading
import time

from harness import EndToEnd, SOURCE, wait_for

HEADLESS_AUDIO = SOURCE / "tests/support/headless-audio.sh"


class Recorder:
    """parec on a sink's monitor. Knows the wall-clock time of its first sample: no chunk arrives before
    its last sample was played, so the earliest estimate over all chunks is the best."""

    def __init__(self, environment, path, source="speaker.monitor"):
        self.process = subprocess.Popen(
            ["parec", "-d", source, "--raw", "--format=s16le", "--rate=48000", "--channels=1",
             "--latency-msec=10"], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        self.path = path
        self.started_at = None
        self.samples = 0
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        with open(self.path, "wb") as file:
            while chunk := os.read(self.process.stdout.fileno(), 65536):
                now = time.time()
                file.write(chunk)
                file.flush()
                self.samples += len(chunk) // 2
                begin = now - self.samples / 48000
                if self.started_at is None or begin < self.started_at:
                    self.started_at = begin

    def hears(self, since=0):
        """Whether something was loud after the first `since` samples."""
        if self.samples <= since:
            return False
        with open(self.path, "rb") as file:
            file.seek(since * 2)
            data = file.read()
        samples = array.array("h", data[:len(data) // 2 * 2])
        return any(abs(x) > 1000 for x in samples)

    def last(self, seconds):
        """The samples of the last so many seconds; empty while there are fewer."""
        count = int(seconds * 48000)
        if self.samples < count:
            return []
        with open(self.path, "rb") as file:
            file.seek((self.samples - count) * 2)
            data = file.read(count * 2)
        return array.array("h", data[:len(data) // 2 * 2])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.thread.join(5)
        self.process.stdout.close()


def alive(pid):
    """Not for a process that has ended and waits for its parent to look."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class WithSoundServer(EndToEnd):
    """A test with a private PulseAudio, which it may kill and start again."""

    def setUp(self):
        super().setUp()
        self.audio = self.folder / "audio"
        self.audio.mkdir(mode=0o700)
        self.audio_pid = None
        self.addCleanup(self.stop_audio)
        self.start_audio()

    def start_audio(self):
        # The script is sourced: what it exports is how to reach the sound server.
        script = f'. "{HEADLESS_AUDIO}" start "{self.audio}" >/dev/null 2>&1 </dev/null; env -0'
        bare = {name: value for name, value in self.environment().items() if name not in ("PULSE_SERVER", "ALSA_CONFIG_PATH")}
        result = subprocess.run(["bash", "-c", script], env=bare, stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=30, check=True)
        self.audio_pid = int((self.audio / "pid").read_text())  # the folder is gone when the clean-up runs
        self.sound = dict(item.split("=", 1) for item in result.stdout.decode().split("\0") if "=" in item)
        wait_for("the sound server answers", self.sound_server_answers)

    def sound_server_answers(self):
        return subprocess.run(["pactl", "info"], env=self.sound, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=5, check=False).returncode == 0

    def stop_audio(self):
        pid = self.audio_pid
        if pid is None:
            return
        self.audio_pid = None
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not alive(pid):
                return
            os.kill(pid, number)
            deadline = time.monotonic() + 3
            while alive(pid) and time.monotonic() < deadline:
                time.sleep(0.05)

    def kill_audio(self):
        """As a crash would."""
        os.kill(self.audio_pid, signal.SIGKILL)
        wait_for("the sound server is gone", lambda: not alive(self.audio_pid), 3)
        self.audio_pid = None
