"""A program that serves, and everything that is asked of its calls by `agentbridge calls …` in other processes. What
became of it is read from the built-in Twilio."""

import json
import signal

from harness import ACCOUNT, EndToEnd, Emulator, main, wait_for

ONE, TWO, THREE = "+12025550142", "+12025550143", "+12025550144"


class Calls(EndToEnd):
    def begin(self, *personas, arguments=(), **settings):
        given = [part for persona in personas for part in ("--persona", persona)]
        self.emulator = Emulator(self, *given)
        self.settings = self.bridge_environment(self.emulator, AGENTBRIDGE_CONTROL_PORT="0", **settings)
        self.serve = self.start(["serve", *arguments], self.settings, name="serve")
        wait_for("it can be asked", lambda: self.ask("list", code=None).code == 0, 20)

    def ask(self, *words, code=0):
        process = self.run_to_end(["--json", "calls", *words], self.settings)
        if code is not None:
            self.assert_code(process, code)
        return process

    def call(self, *words):
        return json.loads(self.ask(*words).out)

    def refused(self, *words, code, line):
        process = self.ask(*words, code=code)
        self.assertEqual(process.out, "")
        self.assertIn(line, process.err.splitlines()[0])

    def list(self, *words):
        return json.loads(self.ask("list", *words).out)["calls"]

    def dial(self, number):
        """Returns the CallId and the CallSid of a call that talks."""
        made = self.call("dial", number)["call"]
        wait_for(f"{number} talks", lambda: self.call("show", made)["frames"] > 0, 20)
        return made, self.call("show", made)["call_sid"]

    def local(self, call):
        return self.call("show", call)["local"]

    def phone(self, sid):
        return self.emulator.get(f"/emulator/v1/calls/{sid}")

    def transfer_is(self, call, status):
        wait_for(f"the transfer is {status}",
                 lambda: self.call("show", call).get("transfer", {}).get("status") == status, 20)

    def gone(self, *calls):
        wait_for("they are over", lambda: not set(calls) & {one["call"] for one in self.list()}, 20)

    def end(self):
        self.serve.signal(signal.SIGINT)
        self.serve.code = self.serve.wait(20)
        self.assert_code(self.serve, 0)
        self.assert_nothing_left_open(self.emulator)

    def test_calls_are_dialled_steered_and_hung_up(self):
        self.begin(f"{ONE}=silence", f"{TWO}=silence")
        self.refused("mute", code=1, line="there is no call")
        one, one_sid = self.dial(ONE)
        two, _ = self.dial(TWO)
        self.assertEqual({call["call"] for call in self.list("--state", "live")}, {one, two})
        self.assertTrue(self.local(two)["focus"])
        self.refused("mute", code=2, line="2 calls are meant")
        self.assertTrue(self.call("focus", one)["local"]["focus"])
        self.assertFalse(self.local(two)["focus"])
        self.assertTrue(self.call("mute", one)["local"]["muted"])
        self.assertFalse(self.call("unmute", one)["local"]["muted"])
        self.assertTrue(self.call("hold", two)["local"]["held"])
        self.assertFalse(self.call("resume", two)["local"]["held"])
        self.refused("accept", code=1, line="no call rings here")
        self.refused("join", code=1, line="no call is being transferred")
        self.ask("dtmf", one, "12#")
        wait_for("the phone has heard the keys", lambda: self.phone(one_sid)["digits_heard"] == "12#", 20)
        self.ask("hangup", one)
        self.gone(one)
        self.assertTrue(self.local(two)["focus"], "it is the next one's")
        self.end()

    def test_a_cold_transfer(self):
        self.begin(f"{ONE}=echo", f"{TWO}=echo", f"{THREE}=busy")
        one, sid = self.dial(ONE)
        self.ask("transfer", "--to", THREE)
        self.transfer_is(one, "failed: busy")
        wait_for("it is back", lambda: self.call("show", one)["streaming"], 20)
        self.ask("transfer", one, "--to", TWO)
        self.transfer_is(one, "connected")
        self.assertEqual(len(self.phone(sid)["legs"]), 2)
        self.hang_up(sid)
        self.gone(one)
        self.end()

    def hang_up(self, sid):
        self.emulator.request("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}.json", {"Status": "completed"})

    def test_a_warm_transfer(self):
        self.begin(f"{ONE}=echo", f"{TWO}=echo")
        far, far_sid = self.dial(ONE)
        target = self.call("transfer", "--to", TWO, "--warm", "--silence")["transfer"]["call"]
        self.transfer_is(far, "briefing")
        self.assertEqual(self.call("show", target)["parent"], far)
        self.assertTrue(self.local(target)["focus"])
        self.refused("transfer", far, "--to", THREE, code=5, line="being transferred already")
        self.ask("cancel-transfer")
        self.gone(target)
        self.assertFalse(self.local(far)["held"])
        target = self.call("transfer", "--to", TWO, "--warm")["transfer"]["call"]
        self.transfer_is(far, "briefing")
        target_sid = self.call("show", target)["call_sid"]
        self.ask("join")
        self.gone(far, target)
        rooms = [self.phone(sid)["conference"] for sid in (far_sid, target_sid)]
        self.assertIsNotNone(rooms[0])
        self.assertEqual(rooms[0]["sid"], rooms[1]["sid"])
        self.hang_up(far_sid)
        self.end()

    def test_calls_that_ring(self):
        self.begin(arguments=("--answer", "ring"))
        number = self.emulator.get(f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json")["incoming_phone_numbers"][0]
        self.emulator.request("POST", f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{number['sid']}.json",
                              {"VoiceUrl": self.settings["PUBLIC_URL"] + "/twilio/voice"})
        for verb in ("reject", "accept"):
            self.emulator.request("POST", "/emulator/v1/incoming-call",
                                  body=b'{"from": "+12025550199", "persona": "silence"}')
            wait_for("it rings", lambda: any(call["local"]["ringing"] for call in self.list()), 20)
            call = self.call(verb)["call"]
            if verb == "reject":
                self.gone(call)
            else:
                wait_for("it is taken", lambda: self.local(call)["focus"], 20)
        self.end()

    def test_which_program_is_asked(self):
        self.begin()
        second = self.bridge_environment(self.emulator, AGENTBRIDGE_CONTROL_PORT="0")
        other = self.start(["serve"], second, name="second")
        wait_for("there are two", lambda: self.ask("list", code=None).code == 2, 20)
        self.refused("list", code=2, line="several programs run; say which with --instance PID")
        wait_for("the second one answers",
                 lambda: self.ask("list", "--instance", str(other.pid), code=None).code == 0, 20)
        self.refused("list", "--instance", "1", code=2, line="no program 1 runs here")
        other.signal(signal.SIGINT)
        other.wait(20)
        self.assertEqual(self.list(), [])
        self.end()
        self.refused("list", code=1, line="no agentbridge runs here")


if __name__ == "__main__":
    main()
