"""`agentbridge emulator load` against `agentbridge serve --workers 2`, both as processes."""

import json
import signal

from harness import ACCOUNT, EndToEnd, Emulator, TOKEN, main, wait_for


class Load(EndToEnd):
    def serve(self):
        emulator = Emulator(self)
        environment = self.bridge_environment(emulator)
        environment["AGENTBRIDGE_SPEAKER"] = "null"
        environment["AGENTBRIDGE_WORKERS"] = "2"
        serve = self.start(["serve"], environment, name="serve")
        wait_for("it listens", lambda: environment["SERVER_PORT"] in serve.err + serve.out)
        return environment["PUBLIC_URL"]

    def load_environment(self, token=TOKEN):
        return {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": token}

    def test_every_call_is_carried(self):
        url = self.serve()
        load = self.run_to_end(["emulator", "load", "--calls", "20", "--for", "2s", "--to", url, "--json"],
                               self.load_environment(), name="load")
        self.assert_code(load, 0)
        result = json.loads(load.out)
        self.assertEqual((result["placed"], result["started"], result["failed"]), (20, 20, 0), result)
        self.assertGreaterEqual(result["frames_sent"], 20 * 90)
        self.assertGreater(result["connect_p50_ms"], 0)

    def test_a_token_that_is_not_the_bridges_fails_every_call(self):
        url = self.serve()
        load = self.run_to_end(["emulator", "load", "--calls", "2", "--for", "1s", "--to", url],
                               self.load_environment("f" * 32), name="load")
        self.assert_code(load, 1)
        self.assertIn("2 failed", load.out)
        self.assertIn("403", load.out)

    def test_ctrl_c_ends_the_calls(self):
        url = self.serve()
        load = self.start(["emulator", "load", "--calls", "3", "--for", "10m", "--to", url, "--json"],
                          self.load_environment(), name="load")
        wait_for("the calls are up", lambda: "3 up" in load.err)
        load.signal(signal.SIGINT)
        load.code = load.wait(10)
        self.assert_code(load, 0)
        result = json.loads(load.out)
        self.assertTrue(result["interrupted"])
        self.assertEqual(result["failed"], 0)


if __name__ == "__main__":
    main()
