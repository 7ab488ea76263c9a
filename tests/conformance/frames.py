"""RFC 6455 by hand, for both ends: frames of any shape, right or wrong, and a reader that says what came.
Standard library only; it shares nothing with the code under test."""

import base64
import hashlib
import os
import socket
import struct
import time

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = base64.b64encode(bytes(range(16))).decode()


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def frame(opcode, payload=b"", fin=True, rsv=0, mask=b"\x11\x22\x33\x44", length=None, claim=None):
    """One frame. `mask` None: unmasked. `length`: 7, 16 or 64, the encoding (None: the shortest).
    `claim`: the length to state instead of the payload's."""
    size = len(payload) if claim is None else claim
    head = bytes([(0x80 if fin else 0) | (rsv << 4) | opcode])
    bit = 0x80 if mask is not None else 0
    if length is None:
        length = 7 if size < 126 else (16 if size < 65536 else 64)
    if length == 7:
        head += bytes([bit | size])
    elif length == 16:
        head += bytes([bit | 126]) + struct.pack("!H", size)
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", size)
    if mask is None:
        return head + payload
    return head + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(payload))


def close_payload(code, reason=b""):
    return struct.pack("!H", code) + reason


class Gone(Exception):
    """The connection ended. `reset`: not by an orderly end of the stream."""

    def __init__(self, reset=False):
        super().__init__("reset" if reset else "end of stream")
        self.reset = reset


class Wire:
    """A TCP connection read frame by frame."""

    def __init__(self, connected, patience=5.0):
        self.socket = connected
        self.socket.settimeout(patience)
        self.unread = b""

    def close(self):
        self.socket.close()

    def send(self, *parts):
        """False if the other side has gone."""
        try:
            for part in parts:
                self.socket.sendall(part)
            return True
        except OSError:
            return False

    def more(self):
        try:
            got = self.socket.recv(65536)
        except socket.timeout:
            raise AssertionError("nothing came in time") from None
        except OSError:
            raise Gone(reset=True) from None
        if not got:
            raise Gone()
        self.unread += got

    def exactly(self, size):
        while len(self.unread) < size:
            self.more()
        taken, self.unread = self.unread[:size], self.unread[size:]
        return taken

    def head(self):
        """An HTTP head as (first line, {lower-case name: value})."""
        while b"\r\n\r\n" not in self.unread:
            self.more()
        text, self.unread = self.unread.split(b"\r\n\r\n", 1)
        lines = text.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        return lines[0], fields

    def frame(self):
        """(opcode, payload, fin, rsv, masked) of the next frame."""
        first, second = self.exactly(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack("!H", self.exactly(2))[0]
            assert size >= 126, "length not in its shortest form"
        elif size == 127:
            size = struct.unpack("!Q", self.exactly(8))[0]
            assert size >= 65536, "length not in its shortest form"
        key = self.exactly(4) if second & 0x80 else None
        payload = self.exactly(size)
        if key:
            payload = bytes(b ^ key[i & 3] for i, b in enumerate(payload))
        return first & 0x0F, payload, bool(first & 0x80), (first >> 4) & 7, bool(second & 0x80)


class Client(Wire):
    """A client of our server, past the handshake unless `request` says otherwise."""

    def __init__(self, port, path="/c", patience=5.0):
        super().__init__(socket.create_connection(("127.0.0.1", port), 5), patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.path = path

    def request(self, path=None, method="GET", version="HTTP/1.1", drop=(), extra=(), **fields):
        """A handshake request as bytes; `drop` takes fields away, `fields` (with _ for -) replaces them."""
        values = {"Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": KEY,
                  "Sec-WebSocket-Version": "13"}
        for name, value in fields.items():
            values[name.replace("_", "-")] = value
        lines = [f"{method} {path or self.path} {version}"]
        lines += [f"{name}: {value}" for name, value in values.items() if name not in drop]
        lines += list(extra)
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def upgrade(self):
        self.send(self.request())
        status, fields = self.head()
        assert status.startswith("HTTP/1.1 101"), status
        assert fields.get("sec-websocket-accept") == accept_of(KEY), fields
        return self

    def outcome(self, seconds=5.0):
        """Reads to the end: (messages, pongs, close code or None, close reason, how the stream ended)."""
        messages, pongs, code, reason = [], [], None, b""
        until = time.monotonic() + seconds
        answered = False
        while time.monotonic() < until:
            try:
                opcode, payload, fin, rsv, masked = self.frame()
            except Gone as gone:
                return messages, pongs, code, reason, "reset" if gone.reset else "eof"
            assert fin and rsv == 0 and not masked, "a server sends final, unmasked frames without reserved bits"
            if opcode == CLOSE:
                assert len(payload) != 1, "half a close code"
                code = struct.unpack("!H", payload[:2])[0] if payload else 1005
                reason = payload[2:]
                reason.decode("utf-8")
                if not answered:
                    answered = True
                    self.send(frame(CLOSE, payload[:2]))
                    try:
                        self.socket.shutdown(socket.SHUT_WR)
                    except OSError:
                        pass
            elif opcode == PONG:
                pongs.append(payload)
            elif opcode == TEXT:
                messages.append(payload)
            else:
                raise AssertionError(f"opcode {opcode} from the server")
        raise AssertionError("the connection did not end")


def server_answer(wire):
    """What a server says to a client's handshake that was read from `wire`."""
    status, fields = wire.head()
    key = fields.get("sec-websocket-key", "")
    return status, fields, (f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Accept: {accept_of(key)}\r\n\r\n").encode()


def random_mask():
    return os.urandom(4)
