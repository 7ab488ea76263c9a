#!/usr/bin/env python3
"""A second opinion: Debian's python3-websockets as the client of our server, and as the server of our client.
Skipped, saying so, where it is not installed (with CI=true that is a failure)."""

import asyncio
import os
import sys
import threading

from suite import case, main, same

try:
    import websockets
except ImportError:
    print("skipped: the Python module 'websockets' is missing (Debian: python3-websockets)")
    sys.exit(1 if os.environ.get("CI") == "true" else 77)


def client(name, code=1000, **options):
    """`steps(socket)` talks to our server; then it closes, and the server must say `code`."""
    def add(steps):
        @case("library", f"client: {name}")
        def run(peer):
            path = peer.new_path()

            async def talk():
                options.setdefault("compression", None)
                socket = await asyncio.wait_for(
                    websockets.connect(f"ws://127.0.0.1:{peer.port}{path}", **options), 5)
                try:
                    await asyncio.wait_for(steps(socket), 5)
                finally:
                    await asyncio.wait_for(socket.close(), 5)
            asyncio.run(talk())
            same("the server's code", code, peer.end_of(path)["code"])
        return steps
    return add


@client("text and binary, back as they were")
async def _(socket):
    for payload in ("", "hello", "κόσμε " * 500, "x" * 60000):
        await socket.send(payload)
        same("text", "text:" + payload, await socket.recv())
    for payload in (b"", b"\0\xff", bytes(range(256)) * 100):
        await socket.send(payload)
        same("binary", "bin:" + payload.hex(), await socket.recv())


@client("fragments")
async def _(socket):
    await socket.send(["frag", "men", "", "ted"])
    same("text", "text:fragmented", await socket.recv())
    await socket.send([b"\1", b"\2"])
    same("binary", "bin:0102", await socket.recv())


@client("ping and pong")
async def _(socket):
    for payload in (b"", b"one", b"p" * 125):
        await asyncio.wait_for(await socket.ping(payload), 3)
    await socket.send("!ping")
    await socket.send("after")
    same("text", "text:after", await socket.recv())


@client("five hundred messages at once")
async def _(socket):
    for i in range(500):
        await socket.send(str(i))
    for i in range(500):
        same("text", f"text:{i}", await socket.recv())


@client("compression is offered and not taken", compression="deflate")
async def _(socket):
    same("extensions", [], list(socket.extensions))
    await socket.send("plain")
    same("text", "text:plain", await socket.recv())


@client("a close code and reason of the client's", code=4123)
async def _(socket):
    await socket.close(4123, "enough")
    same("code", 4123, socket.close_code)


@client("a close code and reason of the server's", code=4321)
async def _(socket):
    await socket.send("!close 4321 that is all")
    try:
        await socket.recv()
        raise AssertionError("not closed")
    except websockets.ConnectionClosed:
        same("code and reason", (4321, "that is all"), (socket.close_code, socket.close_reason))


@client("a message that is too long", code=1009)
async def _(socket):
    await socket.send("x" * 70000)
    try:
        await socket.recv()
        raise AssertionError("not closed")
    except websockets.ConnectionClosed:
        same("code", 1009, socket.close_code)


def server(name):
    """`steps(socket)` plays the server; what it returns and our client's report go to the returned check."""
    def add(steps):
        @case("library", f"server: {name}")
        def run(peer):
            ready, stop = threading.Event(), None
            result = {}

            def loop():
                async def handle(socket, *_):
                    result["value"] = await steps(socket)

                async def serve():
                    nonlocal stop
                    stop = asyncio.get_running_loop().create_future()
                    async with websockets.serve(handle, "127.0.0.1", 0) as listening:
                        result["port"] = listening.sockets[0].getsockname()[1]
                        result["loop"] = asyncio.get_running_loop()
                        ready.set()
                        await stop
                asyncio.run(serve())

            with_peer = type(peer)(peer.process.args[0], "connect")
            thread = threading.Thread(target=loop)
            thread.start()
            ready.wait(5)
            try:
                result["report"] = with_peer.visit(f"ws://127.0.0.1:{result['port']}/x")
            finally:
                result["loop"].call_soon_threadsafe(stop.set_result, None)
                thread.join(5)
                with_peer.stop()
            steps.check(result["report"], result.get("value"))
        return run
    return add


def checked(check):
    def add(steps):
        steps.check = check
        return steps
    return add


def got_everything(report, value):
    same("received", ["text:one", "bin:02", "text:" + "3" * 60000, "text:fragments"], report["received"])
    same("code", (1000, True), (report["code"], report["by_peer"]))
    same("said", "hello", value)


@server("messages of all kinds, then a close")
@checked(got_everything)
async def _(socket):
    hello = await socket.recv()
    await socket.send("one")
    await socket.send(b"\2")
    await socket.send("3" * 60000)
    await socket.send(["frag", "ments"])
    return hello


def closed_by_client(report, value):
    same("code", (4002, False), (report["code"], report["by_peer"]))
    same("the server saw", 4002, value)


@server("the client closes")
@checked(closed_by_client)
async def _(socket):
    await socket.send("close-4002")
    await socket.wait_closed()
    return socket.close_code


def answered_pings(report, value):
    same("pings answered", 3, value)


@server("pings")
@checked(answered_pings)
async def _(socket):
    count = 0
    for payload in (b"", b"a", b"b" * 125):
        await asyncio.wait_for(await socket.ping(payload), 3)
        count += 1
    return count


if __name__ == "__main__":
    sys.exit(main("serve"))
