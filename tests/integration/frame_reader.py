#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A cloud made by an outsider who has read docs/PROTOCOL.md and nothing else: Python, and its own crypto.

Opens every frame in what a radio sent, as bytes or as lines of hex digits, and prints one line of JSON for each. Whatever
is not a frame, and a frame that does not open, is an error.
usage: frame_reader.py [--hex] PRIVATE_KEY.pem KEY_ID CAPTURE
"""
import json
import sys

sys.dont_write_bytecode = True # nothing stays beside the sources
from outsider_sums import crc16, times

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
except ImportError:
    print("skipped: Python's cryptography is not installed (scripts/setup)")
    sys.exit(77)


def uncobs(data):  # section 2
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        if at + code > len(data):
            raise ValueError("a COBS code points behind the frame")
        out += data[at + 1:at + code]
        at += code
        if code < 255 and at < len(data):
            out.append(0)
    return bytes(out)


def unlink(part):
    data = uncobs(part)
    if not 3 <= len(data) <= 1026:
        raise ValueError(f"a body of {len(data) - 2} bytes")
    if crc16(data[:-2]) != int.from_bytes(data[-2:], "big"):
        raise ValueError("a wrong CRC")
    return data[:-2]


def inverse(a):
    return next(f for f in range(1, 256) if times(f, a) == 1)


def scale(factor, row):
    return [times(factor, byte) for byte in row]


def solve(chunks, k):
    """The k data chunks from any k chunks, {index: chunk}: Gauss and Jordan."""
    rows = []
    for index, chunk in chunks.items():
        left = [int(i == index) if index < k else inverse(index ^ i) for i in range(k)]
        rows.append(left + list(chunk))
    for column in range(k):
        pivot = next(r for r in range(column, k) if rows[r][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = scale(inverse(rows[column][column]), rows[column])
        for r in range(k):
            factor = rows[r][column]
            if r != column and factor:
                rows[r] = [a ^ b for a, b in zip(rows[r], scale(factor, rows[column]))]
    return b"".join(bytes(row[k:]) for row in rows)


class Cloud:
    def __init__(self, key, key_id):
        self.key, self.key_id = key, key_id
        self.sets = {}  # fragments
        self.restored = set()
        self.sessions = {}  # session_tag: [address, key, highest counter]

    def open_sealed(self, body):  # sections 3 and 4
        if len(body) != 522 or body[1] != self.key_id:
            raise ValueError(f"a SEALED frame of {len(body)} bytes under key {body[1]}")
        address = body[2:10]
        message = self.key.decrypt(body[10:], padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        kind, identity, counter, rest = message[0], message[9:41], int.from_bytes(message[41:45], "big"), message[45:]
        if message[1:9] != address:
            raise ValueError("the seal holds another address")
        okm = HKDF(hashes.SHA256(), 36, address, b"selkie session v1").derive(identity)  # section 5
        self.sessions[okm[32:]] = [address, okm[:32], counter]
        seen = {"form": "sealed", "address": address.hex(), "counter": counter}
        if kind == 1:
            claim_len = rest[1]
            firmware_len = rest[2 + claim_len]
            if len(rest) != 3 + claim_len + firmware_len:
                raise ValueError("bytes behind the REGISTER")
            return {**seen, "kind": "register", "session": rest[0], "claim": rest[2:2 + claim_len].decode(),
                    "firmware": rest[3 + claim_len:].decode("ascii")}
        if kind != 2 or len(rest) > 400:
            raise ValueError(f"a message of kind {kind} with {len(rest)} bytes")
        return {**seen, "kind": "data", "payload": rest.decode()}

    def open_session(self, body):  # section 5
        session = self.sessions.get(body[1:5])
        if not session:
            raise ValueError("a SESSION frame of an unknown session_tag")
        address, key, highest = session
        low = int.from_bytes(body[5:7], "big")
        counter = min((highest & ~0xFFFF) + low + turn for turn in (-0x10000, 0, 0x10000)
                      if -32767 <= (highest & ~0xFFFF) + low + turn - highest <= 32768)
        plain = AESCCM(key, 8).decrypt(b"\0" + address + counter.to_bytes(4, "big"), body[7:], body[:7])
        session[2] = max(highest, counter)
        return {"form": "session", "address": address.hex(), "counter": counter, "kind": "data", "payload": plain.decode()}

    def collect(self, body):  # section 3, FRAGMENT
        name, k, index = body[1:4] + bytes([len(body) - 5]), body[3], body[4]
        if name in self.restored:
            return None
        chunks = self.sets.setdefault(name, {})
        chunks[index] = body[5:]
        if len(chunks) < k:
            return None
        blob = solve(chunks, k)
        length = int.from_bytes(blob[-2:], "big")
        if crc16(blob) != int.from_bytes(body[1:3], "big") or not 1 <= length <= len(blob) - 2 or any(blob[length:-2]):
            raise ValueError("fragments that do not give a body")
        self.restored.add(name)
        del self.sets[name]
        return {**self.open(blob[:length]), "fragments": k}

    def open(self, body):  # section 3
        if body[0] >> 4 != 1:
            raise ValueError(f"version {body[0] >> 4}")
        kinds = {0: self.open_sealed, 1: self.open_session, 3: self.collect}
        if body[0] & 15 not in kinds:
            raise ValueError(f"type {body[0] & 15}, which no device sends")
        return kinds[body[0] & 15](body)


def read(key_file, key_id, capture):
    with open(key_file, "rb") as file:
        cloud = Cloud(serialization.load_pem_private_key(file.read(), None), int(key_id))
    *parts, rest = capture.split(b"\0")
    for number, part in enumerate(filter(None, parts), 1):
        try:
            frame = cloud.open(unlink(part))
        except InvalidTag:
            raise ValueError(f"frame {number}: the tag is wrong") from None
        except ValueError as error:
            raise ValueError(f"frame {number}: {error}") from None
        if frame:
            yield frame
    if rest:
        print(f"{len(rest)} bytes of a frame that did not end", file=sys.stderr)


def main():
    arguments = sys.argv[1:]
    as_hex = arguments[:1] == ["--hex"]
    key_file, key_id, capture_file = arguments[as_hex:]
    with open(capture_file, "rb") as file:
        capture = file.read()
    if as_hex:
        capture = bytes.fromhex(capture.decode())
    try:
        for frame in read(key_file, key_id, capture):
            print(json.dumps(frame), flush=True)
    except ValueError as error:
        sys.exit(f"frame_reader: {error}")


if __name__ == "__main__":
    main()
