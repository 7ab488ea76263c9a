"""The sound server dies in the middle of a call and comes back: the call goes on, the user is told in two lines, and
sound is there again within two seconds. The real programs, the real PulseAudio."""

import time

from harness import Emulator, find_key, json_objects, main, wait_for
from sound_server import Recorder, WithSoundServer

TARGET = "+12025550102"
GONE = "the sound card is gone"
BACK = "sound is back"
BACK_WITHIN_S = 2.0


class SoundRecovery(WithSoundServer):
    def record(self, name):
        recorder = Recorder(self.sound, self.folder / f"{name}.raw")
        self.addCleanup(recorder.stop)
        return recorder

    def start_call(self, emulator, **more):
        environment = self.bridge_environment(emulator)
        environment.update(self.sound)
        environment.update(AGENTBRIDGE_SPEAKER="default", **more)
        return self.start(["--json", "call", "--target", TARGET, "--yes"], environment, name="call")

    def assert_ended_well(self, call, emulator):
        call.code = call.wait(30)
        self.assert_code(call, 0)
        summary = json_objects(call.out)
        self.assertEqual(find_key(summary, "lost_ms"), 0, str(call))
        self.assertEqual(find_key(summary, "stalls"), 0, str(call))
        self.assertLess(find_key(summary, "dropped_ms"), 1000, str(call))
        self.assert_nothing_left_open(emulator)
        self.assertEqual(emulator.stop(), 0)
        return summary

    def test_a_call_outlives_the_sound_server(self):
        emulator = Emulator(self, "--persona", f"{TARGET}=tone:440,repeat=yes,max=9s")
        recorder = self.record("before")
        call = self.start_call(emulator)
        wait_for("the call is heard", recorder.hears, 20)
        self.kill_audio()
        wait_for("the loss is told", lambda: GONE in call.err, BACK_WITHIN_S)
        self.start_audio()
        began = time.monotonic()
        recorder = self.record("after")
        wait_for("the call is heard again", recorder.hears, BACK_WITHIN_S)
        print(f"heard {time.monotonic() - began:.2f} s after the sound server's return", flush=True)
        wait_for("the return is told", lambda: BACK in call.err, BACK_WITHIN_S)
        summary = self.assert_ended_well(call, emulator)
        # Once each, and nothing of what the sound libraries have to say about it.
        self.assertEqual([GONE in line or BACK in line for line in call.err.splitlines()].count(True), 2, str(call))
        self.assertNotIn("Expression", call.err)
        self.assertNotIn("ALSA lib", call.err)
        self.assertEqual(find_key(summary, "losses"), 1, str(call))

    def test_a_call_that_began_without_a_sound_server_is_heard_once_there_is_one(self):
        self.kill_audio()
        emulator = Emulator(self, "--persona", f"{TARGET}=tone:440,repeat=yes,max=8s")
        call = self.start_call(emulator)
        wait_for("the stream is up", lambda: "stream_opened" in str(emulator.ledger()), 20)
        self.start_audio()
        recorder = self.record("after")
        wait_for("the call is heard", recorder.hears, BACK_WITHIN_S)
        wait_for("it is told", lambda: "there is a sound card now" in call.err, BACK_WITHIN_S)
        self.assert_ended_well(call, emulator)

    def test_a_named_device_that_is_missing_is_told_with_what_there_is(self):
        emulator = Emulator(self)
        environment = self.bridge_environment(emulator)
        environment.update(self.sound)
        environment["AGENTBRIDGE_SPEAKER"] = "hdmi-from-mars"
        call = self.run_to_end(["call", "--target", TARGET, "--yes"], environment, name="call")
        self.assert_code(call, 8)
        self.assertIn("test_speaker", call.err)
        self.assertEqual(emulator.ledger(), [])

    def test_an_alsa_configuration_that_is_missing_is_one_line_not_an_abort(self):
        listed = self.run_to_end(["devices", "list"], {"ALSA_CONFIG_PATH": "/nonexistent/asound.conf"})
        self.assert_code(listed, 1)
        self.assertEqual(len(listed.err.strip().splitlines()), 1, str(listed))
        self.assertIn("/nonexistent/asound.conf", listed.err)


if __name__ == "__main__":
    main()
