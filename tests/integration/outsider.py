#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A device made by an outsider who has read docs/PROTOCOL.md and nothing else: Python, and its own crypto.

Registers at an address with a random ID and sends one payload, as link frames on stdout or a serial line. With PACKET
it sends fragments for packets of so many bytes, of which the first two of each body are lost.
usage: outsider.py PUBLIC_KEY.pem KEY_ID ADDRESS_HEX PAYLOAD [TTY [PACKET]]
"""
import os
import sys

sys.dont_write_bytecode = True # nothing stays beside the sources
from outsider_sums import crc16, times

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding


def cobs(data):  # section 2
    out = bytearray()
    blocks = data.split(b"\0")
    for i, block in enumerate(blocks):
        while len(block) >= 254:
            out += b"\xff" + block[:254]
            block = block[254:]
            if not block and i == len(blocks) - 1:
                return bytes(out)
        out += bytes([len(block) + 1]) + block
    return bytes(out)


def link(body):
    return b"\0" + cobs(body + crc16(body).to_bytes(2, "big")) + b"\0"


def fragments(body, packet):  # section 3
    k = -(-(len(body) + 2) // (packet - 10))
    c = -(-(len(body) + 2) // k)
    blob = body.ljust(k * c - 2, b"\0") + len(body).to_bytes(2, "big")
    chunks = [blob[i * c:i * c + c] for i in range(k)]
    for j in range(k, k + 2):
        factors = [next(f for f in range(256) if times(f, j ^ i) == 1) for i in range(k)]
        parity = bytearray(c)
        for factor, chunk in zip(factors, chunks[:k]):
            parity = bytearray(p ^ times(factor, byte) for p, byte in zip(parity, chunk))
        chunks.append(parity)
    return [b"\x13" + crc16(blob).to_bytes(2, "big") + bytes([k, index]) + chunk for index, chunk in enumerate(chunks)]


def main():
    key_file, key_id, address, payload = sys.argv[1:5]
    with open(key_file, "rb") as file:
        key = serialization.load_pem_public_key(file.read())
    address = bytes.fromhex(address)
    identity = os.urandom(32)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)

    def seal(kind, counter, body):  # sections 3 and 4
        message = bytes([kind]) + address + identity + counter.to_bytes(4, "big") + body
        return bytes([0x10, int(key_id)]) + address + key.encrypt(message, oaep)

    register = seal(1, 0, b"\x00" + b"\x00" + b"\x08outsider")  # flags, no claim, firmware
    data = seal(2, 1, payload.encode())
    frames = [register, data]
    if len(sys.argv) > 6:
        frames = sum((fragments(frame, int(sys.argv[6]))[2:] for frame in frames), [])
    with open(sys.argv[5], "wb", buffering=0) if len(sys.argv) > 5 else sys.stdout.buffer as line:
        line.write(b"".join(link(frame) for frame in frames))


main()
