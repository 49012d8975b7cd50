# SPDX-License-Identifier: Apache-2.0
"""The checksum and the field of docs/PROTOCOL.md, for outsider.py and frame_reader.py: neither shares code with the project."""


def crc16(data):  # section 2: CRC-16/IBM-3740
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def times(a, b):  # section 3: in GF(2^8) with 0x11D
    product = 0
    for bit in range(8):
        product ^= a << bit if b >> bit & 1 else 0
    for bit in range(14, 7, -1):
        product ^= 0x11D << bit - 8 if product >> bit & 1 else 0
    return product
