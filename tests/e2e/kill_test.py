"""Nobody pays for a call that nobody holds: the bridge is killed without warning in every state of a call, and
the emulator's ledger says what that cost.

    kill_test.py [--kills N] [--seed S]     more of the random kills (the default is small), or the same again
"""

import json
import random
import signal
import sys
import threading
import time

from harness import ACCOUNT, EndToEnd, Emulator, OUR_NUMBER, free_port, main, wait_for

KILLS = 12
SEED = 20260101
AT_ONCE = 2


class Killed(EndToEnd):
    def setUp(self):
        super().setUp()
        self.lock = threading.Lock()

    def emulator(self):
        return Emulator(self, "--persona", "default=silence,ring=300ms,max=120s",
                        "--persona", "+12025550170=silence,ring=20s,max=120s")

    def home(self, emulator, name, **more):
        """The settings of a bridge with a memory of its own."""
        return self.bridge_environment(emulator, AGENTBRIDGE_STATE_DIR=str(self.folder / f"state-{name}"), **more)

    def calls_to(self, emulator, number):
        return [event["sid"] for event in emulator.ledger() if event["event"] == "created" and event["to"] == number]

    def seen(self, emulator, sid, event, **fields):
        return any(one["event"] == event and one["sid"] == sid and all(one.get(k) == v for k, v in fields.items())
                   for one in emulator.ledger())

    def wait_for_call(self, emulator, number):
        return wait_for(f"a call to {number}", lambda: self.calls_to(emulator, number))[0]

    def reap(self, environment, name, code=0):
        began = time.monotonic()
        reap = self.run_to_end(["reap", "--json"], environment, name=name)
        self.assertEqual(reap.code, code, str(reap))
        self.assertLess(time.monotonic() - began, 5, str(reap))
        return json.loads(reap.out)

    def test_a_streaming_call_ends_by_itself(self):
        emulator = self.emulator()
        environment = self.home(emulator, "a")
        bridge = self.start(["call", "--target", "+12025550171"], environment)
        sid = self.wait_for_call(emulator, "+12025550171")
        wait_for("the stream", lambda: self.seen(emulator, sid, "stream_opened"))
        bridge.signal(signal.SIGKILL)
        wait_for("the call has ended by itself", lambda: sid not in emulator.ledger_open(), 5)
        found = self.reap(environment, "reap")
        self.assertEqual([one["call_sid"] for one in found], [sid])
        self.assertEqual(found[0]["outcome"], "already over")
        self.assertEqual(self.reap(environment, "reap-again"), [], "an end that is known is not looked for again")

    def test_a_ringing_call_is_ended_by_reap(self):
        emulator = self.emulator()
        environment = self.home(emulator, "a")
        bridge = self.start(["call", "--target", "+12025550170"], environment)
        sid = self.wait_for_call(emulator, "+12025550170")
        wait_for("it rings", lambda: self.seen(emulator, sid, "state", status="ringing"))
        bridge.signal(signal.SIGKILL)
        bridge.wait(5)
        looked = self.run_to_end(["reap", "--dry-run"], environment, name="look")
        self.assert_code(looked, 0)
        self.assertIn(sid, looked.out)
        self.assertIn(sid, emulator.ledger_open())
        self.assertEqual(self.reap(environment, "reap")[0]["outcome"], "ended")
        self.assert_nothing_left_open(emulator)

    def test_a_listen_only_call_is_ended_by_the_next_start(self):
        emulator = self.emulator()
        environment = self.home(emulator, "a")
        bridge = self.start(["call", "--target", "+12025550172", "--listen-only"], environment)
        sid = self.wait_for_call(emulator, "+12025550172")
        wait_for("the stream", lambda: self.seen(emulator, sid, "stream_opened"))
        bridge.signal(signal.SIGKILL)
        bridge.wait(5)
        self.assertIn(sid, emulator.ledger_open(), "Twilio goes on with it")
        serve = self.start(["serve"], environment, name="serve")
        wait_for("the next start has ended it", lambda: sid not in emulator.ledger_open(), 5)
        serve.signal(signal.SIGINT)
        self.assertEqual(serve.wait(10), 0, str(serve))
        self.assertIn(sid, serve.err)

    def test_serve_takes_over_a_ringing_call(self):
        emulator = Emulator(self, "--persona", "default=silence,ring=4s,max=120s")
        environment = self.home(emulator, "a")
        bridge = self.start(["call", "--target", "+12025550173"], environment)
        sid = self.wait_for_call(emulator, "+12025550173")
        wait_for("it rings", lambda: self.seen(emulator, sid, "state", status="ringing"))
        bridge.signal(signal.SIGKILL)
        bridge.wait(5)
        serve = self.start(["serve"], environment, name="serve")
        wait_for("its stream reaches the new program", lambda: self.seen(emulator, sid, "stream_opened"), 10)
        self.assertIn(sid, emulator.ledger_open())
        serve.signal(signal.SIGINT)
        self.assertEqual(serve.wait(15), 0, str(serve))
        self.assert_nothing_left_open(emulator)
        self.assertEqual(len(self.calls_to(emulator, "+12025550173")), 1)

    def test_a_call_that_a_running_program_holds_is_left_alone(self):
        emulator = self.emulator()
        environment = self.home(emulator, "a")
        bridge = self.start(["call", "--target", "+12025550174"], environment)
        sid = self.wait_for_call(emulator, "+12025550174")
        wait_for("the stream", lambda: self.seen(emulator, sid, "stream_opened"))
        found = self.reap(environment, "reap")
        self.assertEqual([(one["call_sid"], one["outcome"]) for one in found], [(sid, "held")])
        self.assertIn(sid, emulator.ledger_open())
        bridge.signal(signal.SIGINT)
        self.assertEqual(bridge.wait(15), 0, str(bridge))
        self.assert_nothing_left_open(emulator)

    def test_reap_says_9_and_names_the_call_when_the_carrier_is_away(self):
        emulator = self.emulator()
        environment = self.home(emulator, "a")
        bridge = self.start(["call", "--target", "+12025550175", "--listen-only"], environment)
        sid = self.wait_for_call(emulator, "+12025550175")
        wait_for("the stream", lambda: self.seen(emulator, sid, "stream_opened"))
        bridge.signal(signal.SIGKILL)
        bridge.wait(5)
        elsewhere = dict(environment)
        emulator.process.signal(signal.SIGSTOP)
        try:
            reap = self.start(["reap"], elsewhere, name="reap-away")
            self.assertEqual(reap.wait(25), 9, str(reap))
            self.assertIn(sid, reap.out)
        finally:
            emulator.process.signal(signal.SIGCONT)
        self.assertEqual(self.reap(environment, "reap")[0]["outcome"], "ended")
        self.assert_nothing_left_open(emulator)

    def test_a_lost_create_whose_webhook_comes_goes_on(self):
        emulator = Emulator(self, "--persona", "default=say:Good day.,ring=100ms")
        self.fault(emulator, create="500_after")
        call = self.run_to_end(["call", "--target", "+12025550176"], self.home(emulator, "a"), name="lost")
        self.assert_code(call, 0)
        self.assert_nothing_left_open(emulator)
        self.assertEqual(len(self.calls_to(emulator, "+12025550176")), 1, "never asked for twice")

    def test_a_lost_create_that_nothing_is_heard_of_is_found_and_ended(self):
        emulator = self.emulator()
        environment = self.home(emulator, "a", PUBLIC_URL=f"http://127.0.0.1:{free_port()}")  # nobody is there
        self.fault(emulator, create="500_after")
        call = self.run_to_end(["call", "--target", "+12025550170"], environment, name="lost")
        self.assert_code(call, 1)
        sid = self.calls_to(emulator, "+12025550170")[0]
        self.assertIn(sid, call.err)
        self.assert_nothing_left_open(emulator)
        self.assertEqual(len(self.calls_to(emulator, "+12025550170")), 1, "never asked for twice")

    def test_a_create_that_was_never_carried_out_leaves_no_doubt(self):
        emulator = self.emulator()
        self.fault(emulator, create="500_before")
        call = self.run_to_end(["call", "--target", "+12025550170"], self.home(emulator, "a"), name="lost")
        self.assert_code(call, 5)
        self.assertIn("lists no such call", call.err)
        self.assertEqual(self.calls_to(emulator, "+12025550170"), [])

    def test_of_two_calls_that_may_be_it_none_is_ended(self):
        emulator = self.emulator()
        environment = self.home(emulator, "a", PUBLIC_URL=f"http://127.0.0.1:{free_port()}")
        self.fault(emulator, create="500_after")
        call = self.start(["call", "--target", "+12025550170"], environment, name="lost")
        sid = self.wait_for_call(emulator, "+12025550170")
        self.fault(emulator, create="ok")
        emulator.request("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json",
                         {"To": "+12025550170", "From": OUR_NUMBER, "Url": "http://127.0.0.1:1/"})
        self.assertEqual(call.wait(30), 9, str(call))
        both = self.calls_to(emulator, "+12025550170")
        self.assertEqual(len(both), 2)
        for one in both:
            self.assertIn(one, call.err)
            self.assertIn(one, emulator.ledger_open())
        self.assertIn(sid, both)

    def fault(self, emulator, **switches):
        emulator.request("PUT", "/emulator/v1/faults", body=json.dumps(switches).encode())

    # --- at random moments

    def kill_once(self, emulator, index, seed):
        chance = random.Random(seed)
        state = ("dialling", "ringing", "connecting", "streaming", "listening", "any")[index % 6]
        number = f"+1202556{index:04d}"
        environment = self.home(emulator, f"kill-{index}")
        arguments = ["call", "--target", number] + (["--listen-only"] if state == "listening" else [])
        with self.lock:
            bridge = self.start(arguments, environment, name=f"kill-{index}")
        if state == "any":
            time.sleep(chance.uniform(0, 1.2))  # the moment of the kill, not a wait for something
        else:
            wait_for("the program is up", lambda: "listening on" in bridge.err or not bridge.running(), 20)
        if state == "dialling":
            time.sleep(chance.uniform(0, 0.06))
        if state in ("ringing", "connecting", "streaming", "listening"):
            sid = self.wait_for_call(emulator, number)
        if state == "ringing":
            wait_for("it rings", lambda: self.seen(emulator, sid, "state", status="ringing"))
            time.sleep(chance.uniform(0, 0.2))
        if state == "connecting":
            wait_for("it is answered", lambda: self.seen(emulator, sid, "answered"))
        if state in ("streaming", "listening"):
            wait_for("it streams", lambda: self.seen(emulator, sid, "stream_opened"))
            time.sleep(chance.uniform(0, 0.2))
        bridge.signal(signal.SIGKILL)
        bridge.wait(5)
        if state == "streaming":
            wait_for("a streaming call ends by itself", lambda: sid not in emulator.ledger_open(), 5)
        with self.lock:
            reap = self.start(["reap", "--json"], environment, name=f"reap-{index}")
        began = time.monotonic()
        self.assertEqual(reap.wait(20), 0, f"{state}\n{reap}")
        took = time.monotonic() - began
        left = [one for one in self.calls_to(emulator, number) if one in emulator.ledger_open()]
        self.assertEqual(left, [], f"still open after a kill while {state} and a reap of {took:.1f} s\n{bridge}\n{reap}")
        self.assertLessEqual(len(self.calls_to(emulator, number)), 1, "dialled twice")
        self.assertLess(took, 8 if state in ("dialling", "any") else 5, f"{state}\n{reap}")
        return state

    def test_at_random_moments(self):
        print(f"seed {SEED}, {KILLS} kills", flush=True)
        emulator = self.emulator()
        indexes = list(range(KILLS))
        done, failed = {}, []

        def work():
            while True:
                with self.lock:
                    if not indexes or failed:
                        return
                    index = indexes.pop(0)
                try:
                    state = self.kill_once(emulator, index, SEED * 1000 + index)
                    with self.lock:
                        done[state] = done.get(state, 0) + 1
                except BaseException as error:  # told by the main thread
                    with self.lock:
                        failed.append((index, error))

        threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise AssertionError(f"kill {failed[0][0]} (seed {SEED}): {failed[0][1]}")
        self.assertEqual(emulator.ledger_open(), [])
        print("killed while", ", ".join(f"{state}: {count}" for state, count in sorted(done.items())), flush=True)


if __name__ == "__main__":
    for flag in ("--kills", "--seed"):
        if flag in sys.argv:
            at = sys.argv.index(flag)
            value = int(sys.argv[at + 1])
            KILLS, SEED = (value, SEED) if flag == "--kills" else (KILLS, value)
            del sys.argv[at:at + 2]
    main()
