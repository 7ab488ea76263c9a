"""What both scripts of the suite share: cases with names, the program under test, the report.

    server_test.py --peer PROGRAM GROUP        one group of cases; "all": every one; --list: their names
"""

import argparse
import json
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request

CASES = []  # (group, name, function)


def case(group, name):
    def add(function):
        CASES.append((group, name, function))
        return function
    return add


class Peer:
    """websocket_peer, in one of its modes."""

    def __init__(self, program, mode):
        self.process = subprocess.Popen([program, mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline()) if mode == "serve" else None
        self.count = 0

    def new_path(self):
        self.count += 1
        return f"/c{self.count}"

    def end_of(self, path, seconds=3.0):
        """How the server says the connection of that path ended."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        until = time.monotonic() + seconds
        while True:
            try:
                with opener.open(f"http://127.0.0.1:{self.port}/end{path}", timeout=2) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError:
                if time.monotonic() > until:
                    raise AssertionError(f"the server did not tell of an end of {path}") from None
                time.sleep(0.005)

    def visit(self, url):
        """What the client says of its visit to `url`. The server must answer meanwhile."""
        self.process.stdin.write(url + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("websocket_peer did not end") from None
        self.process.stdout.close()
        assert code == 0, f"websocket_peer ended with {code}"


def same(what, expected, got):
    assert expected == got, f"{what}: expected {shorten(expected)}, got {shorten(got)}"


def shorten(value):
    text = repr(value)
    return text if len(text) < 300 else f"{text[:200]}… ({len(text)} characters)"


def main(mode):
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer")
    parser.add_argument("--mode", default=mode, help="of the program, if it has more than one for these cases")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("group", nargs="?", default="all")
    arguments = parser.parse_args()
    chosen = [one for one in CASES if arguments.group in ("all", one[0])]
    if arguments.list:
        for group, name, _ in chosen:
            print(f"{group}: {name}")
        print(f"{len(chosen)} cases")
        return 0
    names = [(group, name) for group, name, _ in CASES]
    assert len(names) == len(set(names)), "two cases have one name"
    if not chosen:
        print(f"no group '{arguments.group}'; there are: {', '.join(sorted({one[0] for one in CASES}))}")
        return 2
    peer = Peer(arguments.peer, arguments.mode)
    failed = 0
    began = time.monotonic()
    for group, name, function in chosen:
        try:
            function(peer)
        except Exception as problem:  # a case that fails must not keep the others from running
            failed += 1
            print(f"FAILED  {group}: {name}\n        {type(problem).__name__}: {problem}")
            if not isinstance(problem, AssertionError):
                traceback.print_exc(file=sys.stdout)
            if peer.process.poll() is not None:
                print(f"        websocket_peer has ended with {peer.process.returncode}; a new one is started")
                peer = Peer(arguments.peer, arguments.mode)
    peer.stop()
    print(f"{len(chosen) - failed} of {len(chosen)} cases passed in {time.monotonic() - began:.1f} s")
    return 1 if failed else 0
