"""Plays Twilio by hand, rightly or wrongly: signed webhooks and media sockets over bare sockets, plain or TLS.
Standard library only, and nothing of the code under test."""

import base64
import hashlib
import hmac
import json
import pathlib
import re
import socket
import ssl
import sys
import urllib.parse
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
from frames import CLOSE, TEXT, Client, Gone, Wire, close_payload, frame  # noqa: E402, F401

from harness import ACCOUNT, OUR_NUMBER, TOKEN  # noqa: E402


def signature(url, form=(), token=TOKEN):
    text = url + "".join(key + value for key, value in sorted(dict(form).items()))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def new_sid(prefix="CA"):
    return prefix + uuid.uuid4().hex


class Answer:
    def __init__(self, wire):
        line, self.fields = wire.head()
        self.status = int(line.split()[1])
        self.body = wire.exactly(int(self.fields.get("content-length", "0")))


class Twilio:
    """`port` is where the bridge listens, `public` what it takes for its address. `tls`: the CA file."""

    def __init__(self, port, public=None, tls=None, patience=10.0):
        self.port, self.tls, self.patience = port, tls, patience
        self.public = public or f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), self.patience)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            context = ssl.create_default_context(cafile=str(self.tls))
            plain = context.wrap_socket(plain, server_hostname="127.0.0.1")
        return Wire(plain, self.patience)

    def exchange(self, request):
        """Sends bytes on a connection of their own; the answer."""
        wire = self.connect()
        try:
            wire.send(request)
            return Answer(wire)
        finally:
            wire.close()

    def request(self, path, form=(), sign=True, method="POST", extra=()):
        body = urllib.parse.urlencode(form).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/x-www-form-urlencoded",
                 f"Content-Length: {len(body)}", *extra]
        if sign:
            text = sign if isinstance(sign, str) else signature(self.public + path, form)
            lines.append(f"X-Twilio-Signature: {text}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def post(self, path, form=(), **how):
        return self.exchange(self.request(path, form, **how))

    def voice(self, call_sid):
        """An inbound call is announced; the path of its media socket."""
        form = {"CallSid": call_sid, "AccountSid": ACCOUNT, "From": "+12025550177", "To": OUR_NUMBER,
                "CallStatus": "ringing", "Direction": "inbound"}
        answer = self.post("/twilio/voice", form)
        assert answer.status == 200, (answer.status, answer.body)
        found = re.search(rb'url="wss?://[^/"]+(/[^"]*)"', answer.body)
        assert found, answer.body
        return found.group(1).decode()

    def end(self, call_sid):
        """The call is over; 204."""
        form = {"CallSid": call_sid, "AccountSid": ACCOUNT, "CallStatus": "completed", "CallDuration": "1"}
        return self.post("/twilio/status", form).status

    def upgrade(self, path, sign=True):
        """(wire, status) of a request for a WebSocket."""
        wire = self.connect()
        url = self.public.replace("http", "ws", 1) + path
        lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw=="]
        if sign:
            lines.append(f"X-Twilio-Signature: {sign if isinstance(sign, str) else signature(url)}")
        wire.send(("\r\n".join(lines) + "\r\n\r\n").encode())
        line, _ = wire.head()
        return wire, int(line.split()[1])

    def stream(self, call_sid=None, start_sid=None):
        """A call with a started stream, as (wire, call SID, stream SID)."""
        call_sid = call_sid or new_sid()
        wire, status = self.upgrade(self.voice(call_sid))
        assert status == 101, status
        stream_sid = new_sid("MZ")
        wire.send(frame(TEXT, json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}).encode()),
                  frame(TEXT, json.dumps({
                      "event": "start", "sequenceNumber": "1", "streamSid": stream_sid,
                      "start": {"accountSid": ACCOUNT, "streamSid": stream_sid, "callSid": start_sid or call_sid,
                                "tracks": ["inbound"], "customParameters": {},
                                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}}).encode()))
        return wire, call_sid, stream_sid


def media(stream_sid, number):
    """The `number`th media message, from 0."""
    return frame(TEXT, json.dumps({
        "event": "media", "sequenceNumber": str(number + 2), "streamSid": stream_sid,
        "media": {"track": "inbound", "chunk": str(number + 1), "timestamp": str(20 * number),
                  "payload": base64.b64encode(b"\xff" * 160).decode()}}).encode())


def close_code(wire):
    """Reads to the end; the code of the close frame, None if there was none."""
    code = None
    try:
        while True:
            opcode, payload, *_ = wire.frame()
            if opcode == CLOSE:
                code = int.from_bytes(payload[:2], "big")
                wire.send(frame(CLOSE, payload[:2]))
    except (Gone, AssertionError):
        return code
