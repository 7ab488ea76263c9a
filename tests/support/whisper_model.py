#!/usr/bin/env python3
"""whisper_model.py OUT.bin [--languages]: writes a model for whisper.cpp that answers every sound with " Hello there."

With --languages it is one of many languages, which takes every sound for German.

It understands nothing. What a position of its decoder says stands in that position's embedding, and
every weight in between is zero; so the library does all its work, and what comes out is known.
"""
import struct
import sys

STATE, AUDIO_CTX, TEXT_CTX, MELS, FFT = 64, 1500, 448, 80, 201
LANGUAGES = "--languages" in sys.argv[2:]
# Which of the two it is the library sees by the size of the vocabulary; its marks follow the words.
VOCAB = 51864 + LANGUAGES
EOT, BEGIN, GERMAN = 50256 + LANGUAGES, 50363 + LANGUAGES, 50261
# One after the other: a mark or a piece of text, and how sure the model is of it (1.5: about 3 in 4).
ANSWER = [(BEGIN, 2.5), (0, 2.5), (1, 1.5), (2, 2.5), (3, 2.5), (BEGIN + 45, 2.5), (EOT, 2.5)]
if LANGUAGES:  # the language, and what is to be done, stand before the answer
    ANSWER = [(GERMAN, 2.5), (GERMAN, 2.5), *ANSWER]
PIECES = [b" Hel", b"lo", b" there", b".", b" "]  # the library looks for the last one


def tensors():
    """(name, shape in whisper.cpp's order, 16 bits?, values by index or nothing for zeros)"""
    def linear(name, wide, high, bias=True):
        yield name + ".weight", [wide, high], True, {}
        if bias:
            yield name + ".bias", [high], False, {}

    def norm(name):
        yield name + ".weight", [STATE], False, {}
        yield name + ".bias", [STATE], False, {}

    def attention(name):
        yield from norm(name + "_ln")
        for part in ("query", "key", "value", "out"):
            yield from linear(f"{name}.{part}", STATE, STATE, part != "key")

    for side in ("encoder", "decoder"):
        block = side + ".blocks.0."
        yield from norm(block + "mlp_ln")
        yield from linear(block + "mlp.0", STATE, 4 * STATE)
        yield from linear(block + "mlp.2", 4 * STATE, STATE)
        yield from attention(block + "attn")
    yield from attention("decoder.blocks.0.cross_attn")

    yield "encoder.positional_embedding", [STATE, AUDIO_CTX], False, {}
    for name, wide in (("conv1", MELS), ("conv2", STATE)):
        yield f"encoder.{name}.weight", [3, wide, STATE], True, {}
        yield f"encoder.{name}.bias", [1, STATE], False, {}
    yield from norm("encoder.ln_post")

    # Each thing it says has a dimension of its own.
    yield "decoder.positional_embedding", [STATE, TEXT_CTX], False, {
        at * STATE + min(at, len(ANSWER) - 1): 1000.0 for at in range(TEXT_CTX)}
    yield "decoder.token_embedding.weight", [STATE, VOCAB], True, {
        token * STATE + at: sure for at, (token, sure) in enumerate(ANSWER)}
    yield "decoder.ln.weight", [STATE], False, {at: 1.0 for at in range(STATE)}
    yield "decoder.ln.bias", [STATE], False, {}


def write(out):
    out.write(struct.pack("<I", 0x67676D6C))
    out.write(struct.pack("<11i", VOCAB, AUDIO_CTX, STATE, 1, 1, TEXT_CTX, STATE, 1, 1, MELS, 1))
    out.write(struct.pack("<2i", MELS, FFT) + bytes(4 * MELS * FFT))
    out.write(struct.pack("<i", len(PIECES)))
    for piece in PIECES:
        out.write(struct.pack("<I", len(piece)) + piece)
    for name, shape, half, values in tensors():
        out.write(struct.pack("<3i", len(shape), len(name), int(half)))
        out.write(struct.pack(f"<{len(shape)}i", *shape) + name.encode())
        size = 1
        for length in shape:
            size *= length
        data = bytearray(size * (2 if half else 4))
        for index, value in values.items():
            struct.pack_into("<e" if half else "<f", data, index * (2 if half else 4), value)
        out.write(data)


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        write(file)
