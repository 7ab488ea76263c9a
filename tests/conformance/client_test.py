#!/usr/bin/env python3
"""Our WebSocket clients (agents' sockets; with --mode connect-beast the emulator's) against RFC 6455. The server is made
by hand here; a case is judged on what the client sent, the close code it answered with, and what it reports."""

import socket
import struct
import sys
import threading

from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Gone, Wire, close_payload, frame, server_answer
from suite import case, main, same

LIMIT = 65536  # message_bytes of websocket_peer


class Visit:
    """One connection of the client: `serve(wire)` plays the server. Keeps the client's report and what `serve`
    returned."""

    def __init__(self, peer, serve):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(4)
            listener.settimeout(5)
            self.result, self.problem = None, None

            def run():
                try:
                    accepted, _ = listener.accept()
                    wire = Wire(accepted, 5)
                    try:
                        self.result = serve(wire)
                    finally:
                        wire.close()
                except (AssertionError, OSError, Gone) as problem:
                    self.problem = problem

            thread = threading.Thread(target=run)
            thread.start()
            self.report = peer.visit(f"ws://127.0.0.1:{listener.getsockname()[1]}/stream")
            thread.join(10)
            assert not thread.is_alive(), "the server still runs"
        if self.problem:
            raise AssertionError(f"{type(self.problem).__name__} at the server: {self.problem}; {self.report}")


def handshake(wire):
    status, fields, answer = server_answer(wire)
    assert status == "GET /stream HTTP/1.1", status
    assert fields.get("sec-websocket-version") == "13", fields
    wire.send(answer)


def outcome(wire):
    """All that the client sent until it ended: (texts, pongs, close code or None)."""
    texts, pongs, code = [], [], None
    try:
        while True:
            opcode, payload, fin, rsv, masked = wire.frame()
            assert masked and rsv == 0 and fin, "a client sends masked, final frames without reserved bits"
            if opcode == CLOSE:
                code = struct.unpack("!H", payload[:2])[0] if payload else 1005
                try:
                    wire.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # the client has hung up on what it did not read
            elif opcode == PONG:
                pongs.append(payload)
            else:
                texts.append(payload)
    except Gone:
        return texts, pongs, code


def told(group, name, *sends, got=(), pongs=(), code=None, closes=True):
    """The server sends; then, if the client is not expected to close with `code`, a close frame of 1000."""
    @case(group, name)
    def run(peer):
        def serve(wire):
            handshake(wire)
            wire.send(b"".join(sends))
            if code is None and closes:
                wire.send(frame(CLOSE, close_payload(1000), mask=None))
            return outcome(wire)

        visit = Visit(peer, serve)
        same("connected", True, visit.report["connected"])
        same("received", list(got), visit.report["received"])
        texts, heard, seen = visit.result
        same("what the client said", [b"hello"], texts)
        same("pongs", list(pongs), heard)
        expected = code if isinstance(code, tuple) else (code or 1000,)
        assert seen in expected, f"close code: expected one of {expected}, got {seen}"


def plain(opcode, payload=b"", **more):
    return frame(opcode, payload, mask=None, **more)


# --- messages
for size in (0, 1, 125, 126, 127, 65535, LIMIT):
    told("messages", f"a text of {size} bytes", plain(TEXT, b"a" * size), got=["text:" + "a" * size])
for size in (0, 125, 126, 65536):
    told("messages", f"a binary message of {size} bytes", plain(BINARY, b"\xfe" * size), got=["bin:" + "fe" * size])
told("messages", "two fragments", plain(TEXT, b"frag", fin=False), plain(CONTINUATION, b"ment"), got=["text:fragment"])
told("messages", "a hundred fragments", plain(TEXT, b"0", fin=False), *[plain(CONTINUATION, b"1", fin=False)] * 98,
     plain(CONTINUATION, b"2"), got=["text:0" + "1" * 98 + "2"])
told("messages", "empty fragments", plain(TEXT, b"", fin=False), plain(CONTINUATION, b""), got=["text:"])
told("messages", "a ping between fragments", plain(TEXT, b"a", fin=False), plain(PING, b"p"),
     plain(CONTINUATION, b"b"), got=["text:ab"], pongs=[b"p"])
told("messages", "three pings", plain(PING, b"1"), plain(PING), plain(PING, b"3" * 125), plain(TEXT, b"x"),
     got=["text:x"], pongs=[b"1", b"", b"3" * 125])
told("messages", "a pong nobody asked for", plain(PONG, b"x"), plain(TEXT, b"on"), got=["text:on"])
told("messages", "many in one segment", *[plain(TEXT, b"%d" % i) for i in range(50)],
     got=[f"text:{i}" for i in range(50)])
told("messages", "a character cut between fragments", plain(TEXT, b"\xe2\x82", fin=False), plain(CONTINUATION, b"\xac"),
     got=["text:€"])

# --- rules
for rsv in (1, 2, 4, 7):
    told("rules", f"reserved bits {rsv}", plain(TEXT, b"x", rsv=rsv), code=1002)
for opcode in (3, 7, 11, 15):
    told("rules", f"opcode {opcode}", plain(opcode, b"x"), code=1002)
told("rules", "a masked frame", frame(TEXT, b"x"), code=1002)
told("rules", "a masked ping", frame(PING, b"x"), code=1002)
told("rules", "a needless 16-bit length", plain(TEXT, b"x", length=16), code=1002)
told("rules", "a needless 64-bit length", plain(TEXT, b"x" * 200, length=64), code=1002)
told("rules", "a 64-bit length with its highest bit", plain(TEXT, b"", length=64, claim=1 << 63),
     code=(1002, 1009))
told("rules", "a message over the limit", plain(TEXT, b"x" * (LIMIT + 1)), code=1009)
told("rules", "fragments over the limit", plain(TEXT, b"x" * LIMIT, fin=False), plain(CONTINUATION, b"x"), code=1009)
told("rules", "a continuation without a beginning", plain(CONTINUATION, b"x"), code=1002)
told("rules", "a text inside a text", plain(TEXT, b"a", fin=False), plain(TEXT, b"b"), code=1002)
told("rules", "a ping of 126 bytes", plain(PING, b"x" * 126), code=1002)
told("rules", "a fragmented ping", plain(PING, b"x", fin=False), code=1002)
told("rules", "a good message before the fault is received", plain(TEXT, b"ok"), plain(3), got=["text:ok"], code=1002)
for word, payload in (("a lone continuation byte", b"\x80"), ("an overlong form", b"\xc0\xaf"),
                      ("a surrogate", b"\xed\xa0\x80"), ("too large a character", b"\xf4\x90\x80\x80"),
                      ("an unfinished character", b"abc\xe2\x82")):
    told("rules", f"not UTF-8: {word}", plain(TEXT, payload), code=1007)

# --- closing
for number in (1000, 1001, 1003, 1007, 1011, 3000, 4999):
    @case("closing", f"the server closes with {number}")
    def _(peer, number=number):
        def serve(wire):
            handshake(wire)
            wire.send(plain(CLOSE, close_payload(number, b"why")))
            return outcome(wire)
        visit = Visit(peer, serve)
        same("report", (number, "why", True), tuple(visit.report[key] for key in ("code", "reason", "by_peer")))
        same("the client's answer", number, visit.result[2])
for number in (0, 999, 1004, 1005, 1006, 1015, 2999):
    told("closing", f"the code {number} must not be sent", plain(CLOSE, close_payload(number)), code=1002)
told("closing", "half a code", plain(CLOSE, b"\x03"), code=1002)
told("closing", "a reason that is not UTF-8", plain(CLOSE, close_payload(1000, b"\xff")), code=(1002, 1007))


@case("closing", "without a code")
def _(peer):
    def serve(wire):
        handshake(wire)
        wire.send(plain(CLOSE))
        return outcome(wire)
    visit = Visit(peer, serve)
    same("report", 1005, visit.report["code"])
    assert visit.result[2] in (1000, 1005), visit.result


@case("closing", "the client closes")
def _(peer):
    def serve(wire):
        handshake(wire)
        wire.send(plain(TEXT, b"close-4001"))
        texts, _, code = outcome_and_answer(wire)
        return texts, code
    visit = Visit(peer, serve)
    same("what the server saw", ([b"hello"], 4001), visit.result)
    same("report", (4001, False), (visit.report["code"], visit.report["by_peer"]))


def outcome_and_answer(wire):
    texts = []
    while True:
        opcode, payload, *_ = wire.frame()
        if opcode == CLOSE:
            wire.send(plain(CLOSE, payload[:2]))
            return texts, [], struct.unpack("!H", payload[:2])[0]
        texts.append(payload)


@case("closing", "the server hangs up without a close frame")
def _(peer):
    def serve(wire):
        handshake(wire)
        wire.send(plain(TEXT, b"last"))
        same("hello", b"hello", wire.frame()[1])
    visit = Visit(peer, serve)
    same("received", ["text:last"], visit.report["received"])
    same("code", 1006, visit.report["code"])


@case("closing", "the server hangs up inside a frame")
def _(peer):
    def serve(wire):
        handshake(wire)
        wire.send(plain(TEXT, b"unfinished")[:-2])
        same("hello", b"hello", wire.frame()[1])
    visit = Visit(peer, serve)
    same("report", ([], 1006), (visit.report["received"], visit.report["code"]))


@case("closing", "what the client echoes arrives masked and whole")
def _(peer):
    text = b"echo-" + b"m" * 300

    def serve(wire):
        handshake(wire)
        wire.send(plain(TEXT, text) + plain(CLOSE, close_payload(1000)))
        return outcome(wire)[0]
    assert Visit(peer, serve).result in ([b"hello", text], [b"hello"])  # the close may overtake the echo


# --- handshake
def refused(name, change, status=None):
    """`change(answer, key field)` makes of the right answer what the server says instead."""
    @case("handshake", name)
    def run(peer):
        def serve(wire):
            _, _, answer = server_answer(wire)
            wire.send(change(answer))
            try:
                while True:
                    wire.more()
            except (Gone, AssertionError):
                return None
        visit = Visit(peer, serve)
        same("connected", False, visit.report["connected"])
        assert visit.report["message"], "no word about why"
        if status is not None:
            same("status", status, visit.report["status"])


def answer_with(line, body=b""):
    return lambda _: f"HTTP/1.1 {line}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


refused("status 200", answer_with("200 OK", b"hello"), 200)
refused("status 301", lambda _: b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 301)
refused("status 401", answer_with("401 Unauthorized"), 401)
refused("status 403", answer_with("403 Forbidden", b"no"), 403)
refused("status 500", answer_with("500 Internal Server Error"), 500)
refused("the wrong accept key", lambda a: a.replace(b"Sec-WebSocket-Accept: ", b"Sec-WebSocket-Accept: x"))
refused("no accept key", lambda a: a.replace(b"Sec-WebSocket-Accept", b"X-Something"))
refused("no Upgrade", lambda a: a.replace(b"Upgrade: websocket\r\n", b""))
refused("no Connection", lambda a: a.replace(b"Connection: Upgrade\r\n", b""))
refused("an upgrade to something else", lambda a: a.replace(b"Upgrade: websocket", b"Upgrade: h2c"))
refused("an answer that is not HTTP", lambda _: b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 0)
refused("a head of 100 kB", lambda a: a[:-2] + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n")


@case("handshake", "the server hangs up")
def _(peer):
    same("connected", False, Visit(peer, lambda wire: wire.head() and None).report["connected"])


@case("handshake", "the server never answers")
def _(peer):
    def serve(wire):
        wire.head()
        try:
            while True:
                wire.more()
        except Gone:
            return None
    same("connected", False, Visit(peer, serve).report["connected"])


@case("handshake", "the answer byte by byte, with a first message at its end")
def _(peer):
    def serve(wire):
        _, _, answer = server_answer(wire)
        for byte in answer + plain(TEXT, b"first") + plain(CLOSE, close_payload(1000)):
            wire.send(bytes([byte]))
        return outcome(wire)
    same("received", ["text:first"], Visit(peer, serve).report["received"])


@case("handshake", "names and values in other letters")
def _(peer):
    def serve(wire):
        _, _, answer = server_answer(wire)
        wire.send(answer.replace(b"Upgrade: websocket", b"UPGRADE: WebSocket")
                  .replace(b"Connection: Upgrade", b"connection: upgrade"))
        wire.send(plain(CLOSE, close_payload(1000)))
        return outcome(wire)
    same("connected", True, Visit(peer, serve).report["connected"])


if __name__ == "__main__":
    sys.exit(main("connect"))
