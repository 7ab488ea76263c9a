"""Calls of the past: found after a restart, searched and forgotten from the command line and through the API, and whatever was
told as ended is there after a kill."""

import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

from harness import EndToEnd, Emulator, main, wait_for

KILLS = int(os.environ.get("E2E_KILLS", "12"))
SEED = int(os.environ.get("E2E_SEED", "7"))


class PostgresServer:
    """A server of the test's own on a Unix socket; it never runs as root."""

    PROGRAMS = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    NOBODY = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}

    def __init__(self, test):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="abpg-"))
        test.addCleanup(shutil.rmtree, self.folder, True)
        if self.NOBODY:
            os.chown(self.folder, 65534, 65534)
        made = subprocess.run([self.PROGRAMS[0].parent / "initdb", "-D", self.folder / "data", "-U", "bridge", "-A", "trust",
                               "--no-sync", "-E", "UTF8", "--locale=C"], capture_output=True, text=True, cwd=self.folder,
                              **self.NOBODY)
        test.assertEqual(made.returncode, 0, made.stderr)
        self.url = f"postgresql://bridge@/postgres?host={self.folder}"
        test.addCleanup(self.stop)
        self.process = None
        self.run()

    def run(self):
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen([self.PROGRAMS[0], "-D", self.folder / "data", "-k", self.folder, "-c",
                                             "listen_addresses=", "-c", "fsync=off"], stdout=log, stderr=log, cwd=self.folder,
                                            **self.NOBODY)
        said = self.folder / "data" / "postmaster.pid"
        wait_for("PostgreSQL is ready", lambda: said.exists() and "\nready" in said.read_text(), 30)

    def stop(self):
        """Connections are cut off."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)


class History(EndToEnd):
    def begin(self, **more):
        self.emulator = Emulator(self, "--persona", "default=say:Good day.,ring=100ms")
        self.state = self.folder / "kept"
        self.settings = self.bridge_environment(self.emulator, AGENTBRIDGE_CONTROL_PORT="0",
                                                AGENTBRIDGE_STATE_DIR=str(self.state), **more)

    def serve(self, name="serve"):
        program = self.start(["serve", "--no-audio"], self.settings, name=name)
        wait_for("it can be asked", lambda: self.instance(program) and self.api("GET", "/calls")[0] == 200, 30)
        return program

    def api(self, method, path, body=None):
        """Status and JSON; 0 when nobody answers."""
        status, _, text = self.request(method, path, body)
        return status, json.loads(text) if text else None

    def history(self, *words, code=0):
        process = self.run_to_end(["--json", "history", *words], self.settings)
        self.assert_code(process, code)
        return process.out

    def one_call(self, number):
        """A call from its beginning to its end, as the API tells it."""
        status, call = self.api("POST", "/calls", {"to": number})
        self.assertEqual(status, 201, call)
        wait_for("it is over", lambda: self.api("GET", "/calls/" + call["call"])[1].get("ended"), 30)
        return call["call"]

    def test_the_calls_of_a_former_run_are_listed_shown_searched_and_forgotten(self):
        self.begin()
        first = self.serve()
        call = self.one_call("+12025550142")
        self.assertEqual(self.api("GET", "/calls?state=ended")[1]["calls"][0]["call"], call)
        first.signal(signal.SIGINT)
        self.assertEqual(first.wait(20), 0, str(first))
        self.assertEqual((self.state / "history.db").stat().st_mode & 0o777, 0o600)
        self.find_show_search_and_forget(call)

    def find_show_search_and_forget(self, call):
        listed = json.loads(self.history("list"))["calls"]
        self.assertEqual([one["call"] for one in listed], [call])
        shown = json.loads(self.history("show", call))
        self.assertEqual(shown["call"]["to"], "+12025550142")
        self.assertTrue(any(event["type"] == "state" for event in shown["events"]))
        self.assertTrue(shown["timeline"]["events"])
        found = json.loads(self.history("search", "12025550142"))["calls"]
        self.assertEqual(found[0]["matches"][0]["where"], "number")
        self.assertIn(call, self.run_to_end(["history", "list"], self.settings).out)

        second = self.serve("serve-again")
        status, again = self.api("GET", "/calls/" + call)
        self.assertEqual((status, again["state"]), (200, "completed"))
        self.assertEqual(self.api("GET", f"/calls/{call}/timeline")[0], 200)
        self.assertEqual(self.api("GET", "/calls?q=12025550142")[1]["calls"][0]["call"], call)
        self.assertEqual(self.api("DELETE", f"/calls/{call}/history")[0], 204)
        self.assertEqual(self.api("GET", "/calls/" + call)[0], 404)
        self.assertEqual(json.loads(self.history("list"))["calls"], [])
        other = self.one_call("+12025550143")
        second.signal(signal.SIGINT)
        self.assertEqual(second.wait(20), 0, str(second))
        self.assertEqual(json.loads(self.history("export").splitlines()[0])["call"]["call"], other)
        self.history("delete", other)
        self.assertEqual(self.history("export"), "")
        self.history("show", other, code=1)
        self.assert_nothing_left_open(self.emulator)

    @unittest.skipUnless(PostgresServer.PROGRAMS, "PostgreSQL is not installed")
    def test_the_same_on_a_postgresql_server_which_may_go_away(self):
        database = PostgresServer(self)
        self.begin(DATABASE_URL=database.url)
        program = self.serve()
        call = self.one_call("+12025550142")
        self.assertEqual(self.api("GET", "/calls?state=ended")[1]["calls"][0]["call"], call)
        # The database goes; a call does not notice, and is written down when it is back.
        database.stop()
        meanwhile = self.one_call("+12025550144")
        database.run()
        wait_for("both are in the database", lambda: {one["call"] for one in json.loads(self.history("list"))["calls"]} ==
                 {call, meanwhile}, 60)
        program.signal(signal.SIGINT)
        self.assertEqual(program.wait(20), 0, str(program))
        self.assertFalse((self.state / "history.db").exists())
        self.history("delete", meanwhile)
        self.find_show_search_and_forget(call)

    def test_what_is_old_is_forgotten_at_the_start(self):
        self.begin(AGENTBRIDGE_RETAIN="1h")
        program = self.serve()
        old, new = self.one_call("+12025550142"), self.one_call("+12025550143")
        program.signal(signal.SIGINT)
        self.assertEqual(program.wait(20), 0, str(program))
        with sqlite3.connect(self.state / "history.db") as database:
            day = 24 * 3600 * 1000000
            # As if it had been yesterday.
            row = database.execute("SELECT number FROM calls WHERE call_id = ?", (old,)).fetchone()[0]
            database.execute("PRAGMA foreign_keys = OFF")
            for table, column in (("calls", "number"), ("documents", "number"), ("timelines", "number"), ("call_texts", "number"),
                                  ("events", "call")):
                database.execute(f"UPDATE {table} SET {column} = {column} - ? WHERE {column} = ?", (day, row))
            database.execute("UPDATE calls SET ended_us = ended_us - ? WHERE call_id = ?", (day, old))
        database.close()
        program = self.serve("serve-again")
        wait_for("the old one is gone", lambda: self.api("GET", "/calls/" + old)[0] == 404, 20)
        self.assertEqual(self.api("GET", "/calls/" + new)[0], 200)
        program.signal(signal.SIGINT)
        self.assertEqual(program.wait(20), 0, str(program))

    def test_what_was_told_as_ended_is_there_after_a_kill(self):
        self.begin()
        print(f"seed {SEED}, {KILLS} kills", flush=True)
        chance = random.Random(SEED)
        told = {}  # call: when it was first told as ended
        for turn in range(KILLS):
            program = self.serve(f"serve-{turn}")
            known = {one["call"] for one in self.all_ended()}
            lost = {call for call, when in told.items() if call not in known}
            self.assertEqual(lost, set(), f"turn {turn}")
            for _ in range(3):
                self.api("POST", "/calls", {"to": f"+1202555{chance.randrange(1000, 9999)}"})
            until = time.monotonic() + chance.uniform(0.3, 2.5)
            while time.monotonic() < until:  # the moment of the kill, not a wait for something
                status, body = self.api("GET", "/calls?state=ended&limit=200")
                if status == 200:
                    for one in body["calls"]:
                        told.setdefault(one["call"], time.monotonic())
                time.sleep(0.02)
            program.signal(signal.SIGKILL)
            died = time.monotonic()
            program.wait(5)
            # A second is what the program has to write down what it told.
            told = {call: when for call, when in told.items() if died - when >= 1}
        self.serve("serve-last")
        known = {one["call"]: one for one in self.all_ended()}
        self.assertEqual(set(told) - set(known), set())
        self.assertTrue(known, "no call ended at all")
        live = [one for one in self.api("GET", "/calls?state=all&limit=200")[1]["calls"] if "ended" not in one]
        print(f"{len(told)} calls told as ended and found, {len(known)} in the history", flush=True)
        self.assertEqual(live, [], "a call of a program that died has no end")
        with sqlite3.connect(self.state / "history.db") as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone()[0], "ok")

    def all_ended(self):
        calls, cursor = [], ""
        while cursor is not None:
            body = self.api("GET", "/calls?state=ended&limit=200" + cursor)[1]
            calls += body["calls"]
            cursor = "&cursor=" + body["next"] if body["next"] else None
        return calls


if __name__ == "__main__":
    main()
