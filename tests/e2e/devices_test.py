"""`agentbridge devices`: what is there, a tone, the microphone as a call would send it, and the same played back.
The sound card is a private PulseAudio."""

import math
import os
import pty
import subprocess
import threading
import wave

from harness import EndToEnd, PROGRAM, json_objects, main, wait_for
from sound_server import Recorder, WithSoundServer


def write_tone(path, seconds, amplitude, swell=0):
    """500 Hz; `swell`: times a second that it grows from nothing and falls back."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(b"".join(
            max(-32768, min(32767, int(amplitude * abs(math.cos(math.pi * swell * i / 48000)) *
                                       math.sin(2 * math.pi * 500 * i / 48000)))).to_bytes(2, "little", signed=True)
            for i in range(int(48000 * seconds))))


class WithoutASoundCard(EndToEnd):
    def test_a_file_is_as_good_a_microphone(self):
        write_tone(self.folder / "tone.wav", 1, 8000)
        test = self.run_to_end(["devices", "test", "file:back.wav", "--microphone", "file:tone.wav,loop", "--json"],
                               {"AGENTBRIDGE_NOISE_SUPPRESSION": "off", "AGENTBRIDGE_AUTO_GAIN": "off",
                                "AGENTBRIDGE_ECHO_CANCELLATION": "off"})
        self.assert_code(test, 0)
        heard = json_objects(test.out)[0]["microphone"]
        self.assertEqual(heard["heard_ms"], 3000)
        self.assertAlmostEqual(heard["level_dbfs"], -15.3, delta=1)
        self.assertEqual(heard["clipped_samples"], 0)
        with wave.open(str(self.folder / "back.wav")) as back:
            self.assertGreater(back.getnframes() / back.getframerate(), 2 + 3 + 3)
        self.assertNotIn("\x1b", test.err)

    def test_a_microphone_that_is_missing_is_told_after_the_tones(self):
        listed = self.run_to_end(["devices", "list", "--json"])
        if any(device["default_input"] for device in json_objects(listed.out)[0]):
            self.skipTest("this machine has a microphone")
        test = self.run_to_end(["devices", "test", "null", "--json"])
        self.assert_code(test, 8)
        self.assertIn("microphone", test.err)
        said = json_objects(test.out)[0]
        self.assertGreater(said["callbacks"], 100)
        self.assertIsNone(said["microphone"]["device"])
        without = self.run_to_end(["devices", "test", "null", "--no-mic", "--json"])
        self.assert_code(without, 0)
        self.assertNotIn("microphone", json_objects(without.out)[0])

    def test_a_named_microphone_that_is_missing_is_told_at_once(self):
        test = self.run_to_end(["devices", "test", "null", "--microphone", "mars rover"])
        self.assert_code(test, 8)
        self.assertIn("mars rover", test.err)
        self.assertNotIn("rising tones", test.err)


class WithASoundCard(WithSoundServer):
    def speak(self, amplitude, swell=0):
        """Into the microphone, for longer than the test lasts."""
        write_tone(self.folder / "spoken.wav", 12, amplitude, swell)
        speaking = subprocess.Popen(["paplay", "-d", "micfeed", str(self.folder / "spoken.wav")], env=self.sound)
        self.addCleanup(speaking.wait)
        self.addCleanup(speaking.kill)

    def test_the_list_marks_the_defaults(self):
        listed = self.run_to_end(["devices", "list"], self.sound)
        self.assert_code(listed, 0)
        marked = [line for line in listed.out.splitlines() if line.startswith("*")]
        self.assertEqual(len(marked), 1, listed)
        self.assertIn("default", marked[0].split()[1])
        self.assertIn("speaker, microphone", marked[0])

    def test_what_is_spoken_is_metered_and_played_back(self):
        self.speak(8000)
        recorder = Recorder(self.sound, self.folder / "speaker.raw")
        self.addCleanup(recorder.stop)
        environment = {**self.sound, "AGENTBRIDGE_NOISE_SUPPRESSION": "off", "AGENTBRIDGE_AUTO_GAIN": "off"}
        test = self.start(["devices", "test", "--microphone", "test_mic", "--json"], environment, name="test")
        wait_for("it listens", lambda: "listening" in test.err, 20)
        wait_for("it plays back", lambda: "now the same" in test.err, 10)
        before = recorder.samples
        test.code = test.wait(20)
        self.assert_code(test, 0)
        self.assertTrue(recorder.hears(before), "nothing was played back")
        heard = json_objects(test.out)[0]["microphone"]
        print(heard, flush=True)
        self.assertIn("test_mic", heard["device"])
        self.assertAlmostEqual(heard["level_dbfs"], -15.3, delta=1.5)
        self.assertEqual(heard["clipped_samples"], 0)
        self.assertEqual(heard["gaps"], 0)
        self.assertGreater(heard["sample_rate"], 0)
        self.assertLess(heard["way_ms"], 80)

    def test_on_a_terminal_the_meter_moves_and_says_too_loud(self):
        self.speak(60000, swell=1)
        master, slave = pty.openpty()
        shown = bytearray()

        def read():
            try:
                while chunk := os.read(master, 65536):
                    shown.extend(chunk)
            except OSError:
                pass

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        environment = {**self.environment(self.sound), "TERM": "xterm"}
        process = subprocess.Popen([PROGRAM, "devices", "test", "null", "--microphone", "test_mic"], env=environment,
                                   stdin=slave, stdout=slave, stderr=slave, cwd=self.folder, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        os.close(slave)
        self.assertEqual(process.wait(30), 0, shown.decode(errors="replace"))
        reader.join(5)
        os.close(master)
        text = shown.decode(errors="replace")
        self.assertIn("say something", text)
        self.assertGreater(text.count("dBFS  peak"), 20, text)
        self.assertIn("too loud", text)


if __name__ == "__main__":
    main()
