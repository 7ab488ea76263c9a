#!/usr/bin/env python3
"""The original program's stack on the same work: Python's `websockets`, json, base64, mu-law to PCM, keep it.

    seed_stack.py --table FILE      prints "port N", ends when its standard input does

Needs the package python3-websockets and the module audioop (Python 3.12 and older). The layout of the table is
that of shared_table.hpp.
"""
import asyncio
import audioop
import base64
import json
import mmap
import struct
import sys
import time

import websockets

FRAMES, WRONG, LOST, REORDERED, _ALLOCATIONS, LONGEST, HISTOGRAM = range(0, 56, 8)
PER_OCTAVE = 16
BINS = 26 * PER_OCTAVE
NEXT = HISTOGRAM + 8 * BINS
COUNTER = struct.Struct("=Q")
NUMBER = struct.Struct("=I")


def bin_of(nanoseconds):
    units = nanoseconds // 64
    if units < PER_OCTAVE:
        return units
    octave = units.bit_length() - 5
    return min((octave + 1) * PER_OCTAVE + ((units >> octave) & (PER_OCTAVE - 1)), BINS - 1)


class Sink:
    def __init__(self, table):
        self.table = table
        self.kept = b""

    def add(self, at, more=1):
        COUNTER.pack_into(self.table, at, COUNTER.unpack_from(self.table, at)[0] + more)

    def take(self, mulaw):
        self.kept = audioop.ulaw2lin(mulaw, 2)
        digits = mulaw[:36].hex()
        if digits[0::2] != "8" * 36 or digits[1:8:2] != "6b17":
            self.add(WRONG)
            return
        call, number, sent = int(digits[9:24:2], 16), int(digits[25:40:2], 16), int(digits[41:72:2], 16)
        self.add(FRAMES)
        at = NEXT + 4 * call
        expected = NUMBER.unpack_from(self.table, at)[0]
        if number < expected:
            self.add(REORDERED)
        else:
            if number > expected:
                self.add(LOST, number - expected)
            NUMBER.pack_into(self.table, at, number + 1)
        took = max(time.clock_gettime_ns(time.CLOCK_MONOTONIC) - sent, 0)
        self.add(HISTOGRAM + 8 * bin_of(took))
        if took > COUNTER.unpack_from(self.table, LONGEST)[0]:
            COUNTER.pack_into(self.table, LONGEST, took)


async def main():
    with open(sys.argv[2], "r+b") as file:
        table = mmap.mmap(file.fileno(), 0)

    async def handle(socket, *_path):
        sink = Sink(table)
        try:
            async for message in socket:
                event = json.loads(message)
                if event["event"] == "media":
                    sink.take(base64.b64decode(event["media"]["payload"]))
        except websockets.ConnectionClosed:
            pass

    async with websockets.serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print("port", next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


asyncio.run(main())
