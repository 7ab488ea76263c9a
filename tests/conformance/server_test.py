#!/usr/bin/env python3
"""Our media socket's server against RFC 6455. Every case is judged on what was delivered, on the close code
(what the client saw and what the server says), and on how the stream ended."""

import os
import socket
import struct
import sys
import time

from frames import (BINARY, CLOSE, CONTINUATION, KEY, PING, PONG, TEXT, Client, Gone, accept_of, close_payload, frame,
                    random_mask)
from suite import case, main, same

LIMIT = 65536  # message_bytes of websocket_peer


def talk(group, name, *sends, got=(), pongs=(), code=None, at_server=None, chop=None):
    """A case: sends bytes, then a close frame unless the server is expected to close with `code`; compares
    all that came back. `chop`: sends that many bytes at a time. `at_server`: the code the server tells."""
    @case(group, name)
    def run(peer):
        client = Client(peer.port, peer.new_path()).upgrade()
        stream = b"".join(sends)
        if code is None:
            stream += frame(CLOSE, close_payload(1000))
        if chop:
            for start in range(0, len(stream), chop):
                client.send(stream[start:start + chop])
        else:
            client.send(stream)
        messages, heard, seen, _, ending = client.outcome()
        client.close()
        same("messages", [one if isinstance(one, bytes) else one.encode() for one in got], messages)
        same("pongs", list(pongs), heard)
        same("close code", code or 1000, seen)
        same("the stream's end", "eof", ending)
        end = peer.end_of(client.path)
        same("the server's code", at_server or code or 1000, end["code"])
        same("the server says the peer broke the protocol", code in (1002, 1007, 1009) and at_server is None,
             bool(end["fault"]))


def text(payload):
    return b"text:" + (payload if isinstance(payload, bytes) else payload.encode())


def binary(payload):
    return b"bin:" + payload.hex().encode()


# --- framing
for size in (0, 1, 2, 7, 8, 9, 125, 126, 127, 128, 1000, 4095, 4096, 4097, 65535, LIMIT):
    talk("framing", f"a text of {size} bytes", frame(TEXT, b"a" * size), got=[text(b"a" * size)])
for size in (0, 1, 125, 126, 127, 65535):
    payload = bytes(i & 255 for i in range(size))
    talk("framing", f"a binary message of {size} bytes", frame(BINARY, payload), got=[binary(payload)])
for chop in (1, 2, 3, 5):
    talk("framing", f"two messages, {chop} bytes at a time", frame(TEXT, b"first"), frame(TEXT, b"b" * 200),
         got=[text("first"), text("b" * 200)], chop=chop)
talk("framing", "a hundred messages in one segment", *[frame(TEXT, b"%d" % i) for i in range(100)],
     got=[text(str(i)) for i in range(100)])
talk("framing", "a large message, then a small one", frame(TEXT, b"l" * 60000), frame(TEXT, b"s"),
     got=[text("l" * 60000), text("s")])
talk("framing", "text and binary in turns", frame(TEXT, b"a"), frame(BINARY, b"\0"), frame(TEXT, b"b"),
     got=[text("a"), binary(b"\0"), text("b")])

# --- reserved bits and opcodes
for rsv in range(1, 8):
    talk("reserved", f"reserved bits {rsv} in a text frame", frame(TEXT, b"x", rsv=rsv), code=1002)
talk("reserved", "reserved bit in an empty frame", frame(TEXT, b"", rsv=4), code=1002)
talk("reserved", "reserved bit after a good message", frame(TEXT, b"ok"), frame(TEXT, b"x", rsv=4),
     got=[text("ok")], code=1002)
talk("reserved", "reserved bit in a binary frame", frame(BINARY, b"x", rsv=2), code=1002)
talk("reserved", "reserved bit in a ping", frame(PING, b"x", rsv=4), code=1002)
talk("reserved", "reserved bit in a close frame", frame(CLOSE, close_payload(1000), rsv=1), code=1002)
talk("reserved", "reserved bit in a continuation", frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b", rsv=4),
     code=1002)
for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
    talk("reserved", f"opcode {opcode}", frame(opcode, b""), code=1002)
    talk("reserved", f"opcode {opcode} with a payload, after a message", frame(TEXT, b"ok"), frame(opcode, b"data"),
         got=[text("ok")], code=1002)
talk("reserved", "nothing that follows a fault is delivered", frame(3, b""), frame(TEXT, b"never"), code=1002)

# --- masking
for opcode, word in ((TEXT, "text"), (BINARY, "binary"), (PING, "ping"), (PONG, "pong")):
    talk("masking", f"an unmasked {word} frame", frame(opcode, b"hello", mask=None), code=1002)
talk("masking", "an unmasked close frame", frame(CLOSE, close_payload(1000), mask=None), code=1002)
talk("masking", "an unmasked empty frame", frame(TEXT, b"", mask=None), code=1002)
talk("masking", "an unmasked continuation", frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b", mask=None),
     code=1002)
talk("masking", "a key of zeros", frame(TEXT, b"plain", mask=b"\0\0\0\0"), got=[text("plain")])
talk("masking", "a key of ones", frame(TEXT, b"plain", mask=b"\xff\xff\xff\xff"), got=[text("plain")])
for size in range(1, 18):
    talk("masking", f"{size} bytes with a random key", frame(BINARY, bytes(range(size)), mask=random_mask()),
         got=[binary(bytes(range(size)))])
talk("masking", "another key for each fragment", frame(TEXT, b"one ", fin=False, mask=random_mask()),
     frame(CONTINUATION, b"two", mask=random_mask()), got=[text("one two")])

# --- lengths
for size in (0, 1, 125):
    talk("lengths", f"{size} bytes with a 16-bit length", frame(TEXT, b"a" * size, length=16), code=1002)
    talk("lengths", f"{size} bytes with a 64-bit length", frame(TEXT, b"a" * size, length=64), code=1002)
for size in (126, 127, 65535):
    talk("lengths", f"{size} bytes with a 64-bit length", frame(TEXT, b"a" * size, length=64), code=1002)
talk("lengths", "a 64-bit length with its highest bit", frame(BINARY, b"", length=64, claim=1 << 63), code=1002)
talk("lengths", "a 64-bit length of all ones", frame(TEXT, b"", length=64, claim=(1 << 64) - 1), code=1002)
talk("lengths", "2^63 - 1 bytes are announced", frame(TEXT, b"", length=64, claim=(1 << 63) - 1), code=1009)
talk("lengths", "4 GB are announced", frame(BINARY, b"", length=64, claim=1 << 32), code=1009)
talk("lengths", "one byte over the limit is announced, none sent", frame(TEXT, b"", length=64, claim=LIMIT + 1),
     code=1009)
talk("lengths", "a ping with a 16-bit length", frame(PING, b"x" * 126), code=1002)
talk("lengths", "a ping with a needless 16-bit length", frame(PING, b"x", length=16), code=1002)
talk("lengths", "a close frame with a 64-bit length", frame(CLOSE, close_payload(1000), length=64), code=1002)
talk("lengths", "a 16-bit length byte by byte", frame(TEXT, b"y" * 300), got=[text("y" * 300)], chop=1)

# --- fragmentation
talk("fragments", "two fragments", frame(TEXT, b"frag", fin=False), frame(CONTINUATION, b"ment"),
     got=[text("fragment")])
talk("fragments", "two binary fragments", frame(BINARY, b"\1", fin=False), frame(CONTINUATION, b"\2"),
     got=[binary(b"\1\2")])
talk("fragments", "a thousand fragments", frame(TEXT, b"x", fin=False),
     *[frame(CONTINUATION, b"x", fin=False)] * 998, frame(CONTINUATION, b"x"), got=[text("x" * 1000)])
talk("fragments", "empty fragments only", frame(TEXT, b"", fin=False), frame(CONTINUATION, b"", fin=False),
     frame(CONTINUATION, b""), got=[text("")])
talk("fragments", "an empty one in the middle", frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"", fin=False),
     frame(CONTINUATION, b"b"), got=[text("ab")])
talk("fragments", "an empty one at the end", frame(TEXT, b"a", fin=False), frame(CONTINUATION, b""), got=[text("a")])
talk("fragments", "fragments one byte at a time", frame(TEXT, b"ab", fin=False), frame(CONTINUATION, b"cd"),
     got=[text("abcd")], chop=1)
talk("fragments", "two fragmented messages", frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b"),
     frame(BINARY, b"c", fin=False), frame(CONTINUATION, b"d"), got=[text("ab"), binary(b"cd")])
talk("fragments", "a fragmented and a whole message in one segment", frame(TEXT, b"a", fin=False),
     frame(CONTINUATION, b"b"), frame(TEXT, b"whole"), got=[text("ab"), text("whole")])
talk("fragments", "a ping in between", frame(TEXT, b"a", fin=False), frame(PING, b"p"), frame(CONTINUATION, b"b"),
     got=[text("ab")], pongs=[b"p"])
talk("fragments", "pings and pongs between many", frame(TEXT, b"a", fin=False), frame(PING, b"1"), frame(PONG, b"x"),
     frame(CONTINUATION, b"b", fin=False), frame(PING, b"2"), frame(CONTINUATION, b"c"), got=[text("abc")],
     pongs=[b"1", b"2"])
talk("fragments", "a close frame in between: the message is not delivered", frame(TEXT, b"a", fin=False), got=[])
talk("fragments", "a continuation without a beginning", frame(CONTINUATION, b"x"), code=1002)
talk("fragments", "an unfinished continuation without a beginning", frame(CONTINUATION, b"x", fin=False), code=1002)
talk("fragments", "a continuation after a whole message", frame(TEXT, b"ok"), frame(CONTINUATION, b"x"),
     got=[text("ok")], code=1002)
talk("fragments", "a continuation after the end of a fragmented one", frame(TEXT, b"a", fin=False),
     frame(CONTINUATION, b"b"), frame(CONTINUATION, b"c"), got=[text("ab")], code=1002)
talk("fragments", "a text inside a text", frame(TEXT, b"a", fin=False), frame(TEXT, b"b"), code=1002)
talk("fragments", "a binary message inside a text", frame(TEXT, b"a", fin=False), frame(BINARY, b"b"), code=1002)
talk("fragments", "an unfinished text inside a text", frame(TEXT, b"a", fin=False), frame(TEXT, b"b", fin=False),
     code=1002)
talk("fragments", "together exactly the limit", frame(BINARY, b"a" * (LIMIT - 1), fin=False),
     frame(CONTINUATION, b"b"), got=[binary(b"a" * (LIMIT - 1) + b"b")])
talk("fragments", "together one byte over the limit", frame(TEXT, b"a" * LIMIT, fin=False), frame(CONTINUATION, b"b"),
     code=1009)

# --- control frames
for size in (0, 1, 124, 125):
    talk("control", f"a ping of {size} bytes", frame(PING, b"p" * size), pongs=[b"p" * size])
talk("control", "a ping of arbitrary bytes", frame(PING, bytes([0, 255, 254, 192, 128])),
     pongs=[bytes([0, 255, 254, 192, 128])])
talk("control", "ten pings are answered in order", *[frame(PING, b"%d" % i) for i in range(10)],
     pongs=[b"%d" % i for i in range(10)])
talk("control", "a ping byte by byte", frame(PING, b"slow"), pongs=[b"slow"], chop=1)
talk("control", "a ping between messages", frame(TEXT, b"a"), frame(PING, b"p"), frame(TEXT, b"b"),
     got=[text("a"), text("b")], pongs=[b"p"])
talk("control", "a pong nobody asked for", frame(PONG, b"x"), frame(TEXT, b"on"), got=[text("on")])
talk("control", "an empty pong nobody asked for", frame(PONG), frame(TEXT, b"on"), got=[text("on")])
talk("control", "a ping of 126 bytes", frame(PING, b"p" * 126), code=1002)
talk("control", "a pong of 126 bytes", frame(PONG, b"p" * 126), code=1002)
talk("control", "a fragmented ping", frame(PING, b"p", fin=False), code=1002)
talk("control", "a fragmented pong", frame(PONG, b"p", fin=False), code=1002)
talk("control", "a fragmented close frame", frame(CLOSE, close_payload(1000), fin=False), code=1002)
talk("control", "a ping after the close frame is not answered", frame(CLOSE, close_payload(1000)), frame(PING, b"p"))


@case("control", "the server's own ping and its answer")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    client.send(frame(TEXT, b"!ping"))
    opcode, payload, *_rest = client.frame()
    same("opcode", PING, opcode)
    client.send(frame(PONG, payload), frame(TEXT, b"after"))
    same("message", text("after"), client.frame()[1])
    client.close()


# --- UTF-8
VALID = {
    "greek": "κόσμε".encode(), "two bytes": b"\xc2\x80", "last of two bytes": b"\xdf\xbf",
    "three bytes": b"\xe0\xa0\x80", "last of three bytes": b"\xef\xbf\xbf", "four bytes": b"\xf0\x90\x80\x80",
    "the last character": b"\xf4\x8f\xbf\xbf", "before the surrogates": b"\xed\x9f\xbf",
    "after the surrogates": b"\xee\x80\x80", "byte order mark": b"\xef\xbb\xbfx", "nul": b"a\0b",
    "non-characters": b"\xef\xbf\xbe\xf0\x9f\xbf\xbe", "replacement character": b"\xef\xbf\xbd",
    "emoji": "👩‍👩‍👧".encode(), "eight ASCII, then more": b"12345678\xc3\xa9" + b"12345678",
}
INVALID = {
    "a continuation byte alone": b"\x80", "last continuation byte alone": b"\xbf", "C0": b"\xc0\x80",
    "C1": b"\xc1\xbf", "overlong slash of two": b"\xc0\xaf", "overlong of three": b"\xe0\x80\xaf",
    "overlong of three, longest": b"\xe0\x9f\xbf", "overlong of four": b"\xf0\x80\x80\xaf",
    "overlong of four, longest": b"\xf0\x8f\xbf\xbf", "overlong nul": b"\xe0\x80\x80",
    "first surrogate": b"\xed\xa0\x80", "last surrogate": b"\xed\xbf\xbf", "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "over the last character": b"\xf4\x90\x80\x80", "F5": b"\xf5\x80\x80\x80", "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80", "FE": b"\xfe", "FF": b"\xff", "two bytes, one missing": b"\xc3",
    "three bytes, one missing": b"\xe2\x82", "four bytes, one missing": b"\xf0\x9f\x98", "two starts": b"\xc3\xc3\xa9",
    "ASCII inside a character": b"\xe2A\xac", "after eight good bytes": b"12345678\xff", "at the very end": b"x" * 200 + b"\xe2",
}
for word, payload in VALID.items():
    talk("utf8", f"valid: {word}", frame(TEXT, payload), got=[text(payload)])
for word, payload in INVALID.items():
    talk("utf8", f"invalid: {word}", frame(TEXT, payload), code=1007)
sample = "a€😀".encode()
for cut in range(1, len(sample)):
    talk("utf8", f"a text cut after byte {cut}", frame(TEXT, sample[:cut], fin=False), frame(CONTINUATION, sample[cut:]),
         got=[text(sample)])
talk("utf8", "every byte a fragment", frame(TEXT, sample[:1], fin=False),
     *[frame(CONTINUATION, sample[i:i + 1], fin=False) for i in range(1, len(sample) - 1)],
     frame(CONTINUATION, sample[-1:]), got=[text(sample)])
talk("utf8", "a character that is unfinished at the last fragment", frame(TEXT, b"\xe2", fin=False),
     frame(CONTINUATION, b"\x82"), code=1007)
talk("utf8", "an empty last fragment leaves a character unfinished", frame(TEXT, b"\xe2", fin=False),
     frame(CONTINUATION, b""), code=1007)
talk("utf8", "a wrong byte in the second fragment", frame(TEXT, b"\xe2\x82", fin=False), frame(CONTINUATION, b"x"),
     code=1007)
talk("utf8", "a ping inside a character", frame(TEXT, b"\xe2\x82", fin=False), frame(PING, b"\xff"),
     frame(CONTINUATION, b"\xac"), got=[text("€")], pongs=[b"\xff"])
talk("utf8", "a binary message may hold anything", frame(BINARY, b"\xff\xfe"), got=[binary(b"\xff\xfe")])
talk("utf8", "a fragmented binary message may hold anything", frame(BINARY, b"\xff", fin=False),
     frame(CONTINUATION, b"\xe2"), got=[binary(b"\xff\xe2")])
talk("utf8", "a good message before a bad one is delivered", frame(TEXT, b"good"), frame(TEXT, b"\xff"),
     got=[text("good")], code=1007)

# --- close
for number in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
    talk("close", f"code {number} is answered with itself", frame(CLOSE, close_payload(number)), code=number,
         at_server=number)
for number in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535):
    talk("close", f"code {number} must not be sent", frame(CLOSE, close_payload(number)), code=1002)
talk("close", "without a code", frame(CLOSE), code=1005, at_server=1005)
talk("close", "half a code", frame(CLOSE, b"\x03"), code=1002)
talk("close", "with a reason", frame(CLOSE, close_payload(1000, b"bye")), code=1000)
talk("close", "with the longest reason", frame(CLOSE, close_payload(1000, b"r" * 123)), code=1000)
talk("close", "with a reason that is too long", frame(CLOSE, close_payload(1000, b"r" * 124)), code=1002)
talk("close", "with a reason beyond ASCII", frame(CLOSE, close_payload(4000, "fin, à bientôt".encode())), code=4000,
     at_server=4000)
talk("close", "with a reason that is not UTF-8", frame(CLOSE, close_payload(1000, b"\xff")), code=1007)
talk("close", "with a reason cut inside a character", frame(CLOSE, close_payload(1000, b"\xe2\x82")), code=1007)
talk("close", "byte by byte", frame(CLOSE, close_payload(3001, b"slow")), code=3001, at_server=3001, chop=1)
talk("close", "messages after it are not delivered", frame(CLOSE, close_payload(1001)), frame(TEXT, b"late"),
     code=1001, at_server=1001)
talk("close", "a second close frame changes nothing", frame(CLOSE, close_payload(1001)),
     frame(CLOSE, close_payload(4000)), code=1001, at_server=1001)
talk("close", "messages before it are delivered", frame(TEXT, b"1"), frame(TEXT, b"2"), got=[text("1"), text("2")])


@case("close", "the reason reaches the server's end")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    client.send(frame(CLOSE, close_payload(4321, "gut'".encode())))
    client.outcome()
    end = peer.end_of(client.path)
    same("code and reason", (4321, "gut'", True), (end["code"], end["reason"], end["by_peer"]))


@case("close", "the server closes, the client answers")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    client.send(frame(TEXT, b"!close 4005 that is all"))
    messages, _, code, reason, ending = client.outcome()
    same("close", ([], 4005, b"that is all", "eof"), (messages, code, reason, ending))
    end = peer.end_of(client.path)
    same("at the server", (4005, False, ""), (end["code"], end["by_peer"], end["fault"]))


@case("close", "the server closes, the client's answer has another code")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    client.send(frame(TEXT, b"!close 1001 x"))
    same("opcode", CLOSE, client.frame()[0])
    client.send(frame(CLOSE, close_payload(4999)))
    same("end", "eof", client.outcome()[4])
    same("at the server", 1001, peer.end_of(client.path)["code"])


@case("close", "messages that cross the server's close are not delivered")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    client.send(frame(TEXT, b"!close 1000 x"))
    same("opcode", CLOSE, client.frame()[0])
    client.send(frame(TEXT, b"crossing"), frame(CLOSE, close_payload(1000)))
    same("messages", [], client.outcome()[0])
    same("delivered", 1, peer.end_of(client.path)["messages"])


@case("close", "a client that never answers the server's close is cut off")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    client.send(frame(TEXT, b"!close 1000 x"))
    same("opcode", CLOSE, client.frame()[0])
    began = time.monotonic()
    try:
        while True:
            client.more()
    except Gone:
        pass
    took = time.monotonic() - began
    assert 0.2 < took < 2.0, f"cut off after {took:.2f} s, its limit is 0.4 s"
    same("at the server", 1006, peer.end_of(client.path)["code"])


@case("close", "a client that breaks the protocol and stays is cut off")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    client.send(frame(3))
    same("opcode", CLOSE, client.frame()[0])
    began = time.monotonic()
    while client.send(frame(TEXT, b"x" * 1000)):
        assert time.monotonic() - began < 3, "still taken after 3 s"
        time.sleep(0.01)
    same("at the server", 1002, peer.end_of(client.path)["code"])


# --- limits
@case("limits", "a hang-up between frames is 1006")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    client.send(frame(TEXT, b"last"))
    same("message", text("last"), client.frame()[1])
    client.close()
    same("at the server", (1006, True), tuple(peer.end_of(client.path)[key] for key in ("code", "by_peer")))


@case("limits", "a hang-up inside a frame is 1006 and delivers nothing")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    client.send(frame(TEXT, b"unfinished")[:-3])
    client.close()
    end = peer.end_of(client.path)
    same("at the server", (1006, 0), (end["code"], end["messages"]))


@case("limits", "a reset is 1006")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    same("at the server", 1006, peer.end_of(client.path)["code"])


@case("limits", "a hang-up after half a head ends without a word")
def _(peer):
    client = Client(peer.port)
    client.send(client.request()[:40])
    client.socket.shutdown(socket.SHUT_WR)
    try:
        while True:
            client.more()
    except Gone:
        pass
    assert b"101" not in client.unread, client.unread


@case("limits", "a head that does not come in time is refused")
def _(peer):
    client = Client(peer.port)
    client.send(client.request()[:40])
    began = time.monotonic()
    status, _ = client.head()
    assert status.startswith("HTTP/1.1 408"), status
    assert 0.8 < time.monotonic() - began < 3, "its limit is 1 s"


@case("limits", "a head of 20 kB is refused")
def _(peer):
    client = Client(peer.port)
    client.send(client.request(extra=["X-Long: " + "x" * 20000]))
    assert client.head()[0].startswith("HTTP/1.1 431"), client.unread


@case("limits", "a client that does not read: the outbox is bounded, what was taken arrives")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    # 3 MB are asked for, 256 kB are the outbox's.
    client.send(frame(TEXT, b"!burst 300 10000"), frame(CLOSE, close_payload(1000)))
    messages, _, code, _, _ = client.outcome()
    same("close code", 1000, code)
    same("what came", [b"b" * 10000] * 26 + [b"taken:26"], messages)
    same("refused", 274, peer.end_of(client.path)["refused"])


@case("limits", "fifty thousand pings, none read: the memory is bounded, the socket lives")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    client.socket.settimeout(0.3)
    flood = frame(PING, b"p" * 125) * 500
    for _ in range(100):
        if not client.send(flood):
            break
    client.socket.settimeout(5)
    client.close()
    assert peer.end_of(client.path)["code"] == 1006
    other = Client(peer.port, peer.new_path()).upgrade()
    other.send(frame(TEXT, b"alive"))
    same("message", text("alive"), other.frame()[1])
    other.close()


@case("limits", "a flood of empty fragments delays nobody")
def _(peer):
    client = Client(peer.port, peer.new_path()).upgrade()
    other = Client(peer.port, peer.new_path()).upgrade()
    client.send(frame(TEXT, b"", fin=False))
    slowest = 0
    for _ in range(40):
        client.send(frame(CONTINUATION, b"", fin=False) * 5000)
        began = time.monotonic()
        other.send(frame(TEXT, b"quick"))
        other.frame()
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 0.25, f"an answer took {slowest * 1000:.0f} ms"
    client.send(frame(CONTINUATION, b"end"), frame(CLOSE, close_payload(1000)))
    same("messages", [text("end")], client.outcome()[0])
    other.close()


@case("limits", "two hundred connections, one after another, and the server is as before")
def _(peer):
    fds = f"/proc/{peer.process.pid}/fd"
    before = len(os.listdir(fds)) if os.path.isdir(fds) else 0
    for _ in range(200):
        client = Client(peer.port, peer.new_path()).upgrade()
        client.close()
    peer.end_of(client.path)
    until = time.monotonic() + 3
    while os.path.isdir(fds) and len(os.listdir(fds)) > before + 5:
        assert time.monotonic() < until, f"{before} descriptors before, {len(os.listdir(fds))} after"
        time.sleep(0.01)


# --- handshake
def shake(name, status, check=None, **request):
    @case("handshake", name)
    def run(peer):
        client = Client(peer.port, peer.new_path())
        client.send(client.request(**request))
        line, fields = client.head()
        same("status", status, int(line.split()[1]))
        if status == 101:
            same("accept", accept_of(request.get("Sec_WebSocket_Key", KEY).strip()),
                 fields.get("sec-websocket-accept"))
            assert "sec-websocket-extensions" not in fields, fields
            assert "sec-websocket-protocol" not in fields, fields
            client.send(frame(TEXT, b"works"), frame(CLOSE, close_payload(1000)))
            same("messages", [text("works")], client.outcome()[0])
        if check:
            check(fields)
        client.close()


shake("as in the RFC", 101, Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==")
shake("names and values in capitals", 101, Connection="UPGRADE", Upgrade="WEBSOCKET")
shake("names in small letters", 101, drop=("Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"),
      extra=["upgrade: websocket", "connection: upgrade", f"sec-websocket-key: {KEY}", "sec-websocket-version: 13"])
shake("Connection lists several", 101, Connection="keep-alive, Upgrade")
shake("Connection comes twice", 101, drop=("Connection",), extra=["Connection: keep-alive", "Connection: Upgrade"])
shake("blanks round the values", 101, Connection="  Upgrade  ", Sec_WebSocket_Key=f"  {KEY}  ")
shake("extensions are offered and not taken", 101,
      extra=["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"])
shake("protocols are offered and not taken", 101, extra=["Sec-WebSocket-Protocol: chat, superchat"])
shake("another site's Origin", 101, Origin="https://evil.example")
shake("fields nobody knows", 101, extra=["X-Twilio-Signature: abc", "X-Empty:", "X-Odd: a,b;c=\"d\""])
shake("an absolute address", 101, path="http://127.0.0.1/x")
shake("no key", 400, drop=("Sec-WebSocket-Key",))
shake("an empty key", 400, Sec_WebSocket_Key="")
shake("a key that is too short", 400, Sec_WebSocket_Key="AAAA")
shake("a key that is too long", 400, Sec_WebSocket_Key=KEY + "AAAA")
shake("a key that is not base64", 400, Sec_WebSocket_Key="!" * 22 + "==")
shake("an older version", 426, lambda fields: same("version", "13", fields.get("sec-websocket-version")),
      Sec_WebSocket_Version="8")
shake("version 14", 426, Sec_WebSocket_Version="14")
shake("no version", 426, drop=("Sec-WebSocket-Version",))
shake("two versions in one field", 426, Sec_WebSocket_Version="13, 8")
shake("no Host", 400, drop=("Host",))
shake("POST", 400, method="POST", Content_Length="0")
shake("HTTP/1.0", 400, version="HTTP/1.0")
shake("no Upgrade: an ordinary request", 404, drop=("Upgrade",))
shake("no Connection: an ordinary request", 404, drop=("Connection",))
shake("an upgrade to something else", 404, Upgrade="h2c")
shake("Connection: keep-alive alone", 404, Connection="keep-alive")


@case("handshake", "frames in the same segment as the request")
def _(peer):
    client = Client(peer.port, peer.new_path())
    client.send(client.request() + frame(TEXT, b"eager") + frame(CLOSE, close_payload(1000)))
    assert client.head()[0].startswith("HTTP/1.1 101")
    same("messages", [text("eager")], client.outcome()[0])


@case("handshake", "half a frame in the same segment as the request")
def _(peer):
    client = Client(peer.port, peer.new_path())
    whole = frame(TEXT, b"split here")
    client.send(client.request() + whole[:5])
    assert client.head()[0].startswith("HTTP/1.1 101")
    client.send(whole[5:], frame(CLOSE, close_payload(1000)))
    same("messages", [text("split here")], client.outcome()[0])


@case("handshake", "a request byte by byte")
def _(peer):
    client = Client(peer.port, peer.new_path())
    for byte in client.request():
        client.send(bytes([byte]))
    assert client.head()[0].startswith("HTTP/1.1 101")
    client.close()


@case("handshake", "after an ordinary request on the same connection")
def _(peer):
    client = Client(peer.port, peer.new_path())
    client.send(b"GET /end/nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    status, fields = client.head()
    assert status.startswith("HTTP/1.1 404"), status
    client.exactly(int(fields["content-length"]))
    client.upgrade()
    client.close()


if __name__ == "__main__":
    sys.exit(main("serve"))
