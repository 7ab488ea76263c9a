"""Asks the control API while calls go on: readers of the event stream, and one who asks and measures. Used by run."""
import http.client
import json
import selectors
import socket
import threading
import time


class Readers(threading.Thread):
    """So many readers of the event stream, levels included. They read all they get."""

    def __init__(self, port, token, count):
        super().__init__(daemon=True)
        self.selector = selectors.DefaultSelector()
        self.bytes, self.ended, self.over = 0, 0, False
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), 10)
            one.sendall(f"GET /api/v1/events?levels=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            one.setblocking(False)
            self.selector.register(one, selectors.EVENT_READ)

    def run(self):
        while not self.over:
            for key, _ in self.selector.select(0.2):
                piece = key.fileobj.recv(65536)
                self.bytes += len(piece)
                if not piece:
                    self.ended += 1
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()

    def stop(self):
        self.over = True
        self.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()


class Asker(threading.Thread):
    """Lists, shows and steers calls, fifty times a second, one after another; keeps how long each took.

    Once all `calls` are there it goes on for so many seconds: less than they last, or it asks for calls that are over."""

    def __init__(self, port, token, calls, seconds):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.calls, self.seconds = calls, seconds
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.took, self.failed, self.over = {}, {}, False

    def ask(self, kind, method, path, body=None):
        began = time.perf_counter()
        self.connection.request(method, "/api/v1" + path, body=body, headers=self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        self.took.setdefault(kind, []).append((time.perf_counter() - began) * 1000)
        if answer.status >= 300:
            why = f"{kind}: {answer.status} {json.loads(text).get('detail', '')}"
            self.failed[why] = self.failed.get(why, 0) + 1
        return text

    def run(self):
        calls, count, end = [], 0, None
        while not self.over and (end is None or time.perf_counter() < end):
            if count % 50 == 0:
                calls, cursor = [], ""
                while cursor is not None:
                    page = json.loads(self.ask("page of live", "GET", "/calls" + (f"?cursor={cursor}" if cursor else "")))
                    calls += [one["call"] for one in page["calls"]]
                    cursor = page["next"]
                if end is None and len(calls) >= self.calls:
                    end = time.perf_counter() + self.seconds
            elif calls:
                call = calls[count % len(calls)]
                if count % 3 == 0:
                    self.ask("page of ended", "GET", "/calls?state=ended&limit=50")
                elif count % 3 == 1:
                    self.ask("one call", "GET", f"/calls/{call}")
                else:
                    self.ask("command", "POST", f"/calls/{call}/volume", json.dumps({"percent": 50 + count % 2}))
            count += 1
            time.sleep(0.02)

    def stop(self):
        self.over = True
        self.join()
        self.connection.close()


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0


def summary(asker, readers):
    every = [one for these in asker.took.values() for one in these]
    return {"requests": len(every), "failed": asker.failed, "p50_ms": percentile(every, 50), "p99_ms": percentile(every, 99),
            "max_ms": max(every, default=0.0),
            "kinds": {kind: {"requests": len(these), "p50_ms": percentile(these, 50), "p99_ms": percentile(these, 99)}
                      for kind, these in asker.took.items()},
            "readers_cut_off": readers.ended, "read_mb": readers.bytes / 1e6}
