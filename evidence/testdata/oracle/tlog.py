#!/usr/bin/env python3
"""Checks the public log without any of Bode's code: Python and its standard
library only.

  tlog.py proof FILE LOG_KEY ENTRY_HEX [WITNESS_KEY...]
      FILE is a c2sp.org/tlog-proof@v1: is ENTRY in the log, does the checkpoint
      carry the log's signature and the cosignatures of the witnesses named?
  tlog.py follow URL LOG_KEY
      Fetches the checkpoint, every entry and every tile under URL, computes the
      tree from the entries, and compares it with the tiles and the checkpoint.

Exit code 0: in order; 1: not; 2: usage. LOG_KEY and WITNESS_KEY are verifier
keys as in c2sp.org/signed-note. Trees: RFC 9162 section 2.1; signatures: RFC 8032.
"""

import base64
import hashlib
import struct
import sys
import urllib.request

WIDTH = 256  # hashes in a full tile


class Refused(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Refused(why)


# Ed25519: points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    x, y, z, t = f - e, h - g, h + g, f + e
    return x * y % P, z * t % P, y * z % P, x * t % P


def times(n, point):
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, point)
        point, n = add(point, point), n >> 1
    return total


def decompress(octets):
    y = int.from_bytes(octets, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    need(y < P, "point out of range")
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    need(x * x % P == square and not (x == 0 and sign), "not a point")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


BASE = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def ed25519_ok(key, message, signature):
    if len(signature) != 64:
        return False
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % ORDER
    try:
        return same(times(s, BASE), add(decompress(r), times(k, decompress(key))))
    except Refused:
        return False


# Notes and checkpoints.


def unbase64(text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused("not base64: %r" % text)


class Key:
    """A verifier key: name+id+base64(kind, key)."""

    def __init__(self, text):
        parts = text.split("+", 2)
        need(len(parts) == 3, "not a verifier key")
        self.name, raw = parts[0], unbase64(parts[2])
        self.id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        need(self.id.hex() == parts[1] and len(raw) == 33, "verifier key does not fit its id")
        self.kind, self.key = raw[0], raw[1:]

    def verifies(self, text, signature):
        if self.kind == 1:
            return ed25519_ok(self.key, text, signature)
        if self.kind == 4 and len(signature) == 72:
            (time,) = struct.unpack(">Q", signature[:8])
            return ed25519_ok(self.key, b"cosignature/v1\ntime %d\n" % time + text, signature[8:])
        return False


def open_checkpoint(note, log, witnesses=()):
    """Returns size and root of a checkpoint that all of these keys signed."""
    text, gap, signatures = note.rpartition(b"\n\n")
    need(gap, "not a note")
    text += b"\n"
    signed = set()
    for line in signatures.decode().splitlines():
        dash, name, coded = line.split(" ")
        raw = unbase64(coded)
        for key in (log, *witnesses):
            if name == key.name and raw[:4] == key.id:
                need(key.verifies(text, raw[4:]), "signature of %s is wrong" % name)
                signed.add(key)
    for key in (log, *witnesses):
        need(key in signed, "%s did not sign" % key.name)
    lines = text.decode().split("\n")
    need(len(lines) >= 4 and lines[0] == log.name, "not a checkpoint of %s" % log.name)
    need(lines[1] == str(int(lines[1])) and int(lines[1]) >= 0, "size")
    root = unbase64(lines[2])
    need(len(root) == 32, "root")
    return int(lines[1]), root


# The tree.


def leaf(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes):
    """The root of a tree over these leaf hashes: level by level, an odd one out
    goes up as it is."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    while len(hashes) > 1:
        pairs = [node(hashes[i], hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]
        hashes = pairs + hashes[len(hashes) // 2 * 2 :]
    return hashes[0]


def included(path, size, index, entry, root):
    """RFC 9162 section 2.1.3.2"""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf(entry)
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def proof(file, log, entry, *witnesses):
    with open(file, "rb") as f:
        head, gap, note = f.read(1 << 16).partition(b"\n\n")
    lines = head.decode().split("\n")
    need(gap and lines.pop(0) == "c2sp.org/tlog-proof@v1", "not a log proof")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    need(lines and lines[0].startswith("index ") and lines[0][6:].isdecimal(), "no index")
    index, path = int(lines[0][6:]), [unbase64(line) for line in lines[1:]]
    size, root = open_checkpoint(note, Key(log), [Key(w) for w in witnesses])
    need(included(path, size, index, bytes.fromhex(entry), root), "the log does not hold this entry at %d" % index)
    print("in order: entry %d of %d, %d witnesses" % (index, size, len(witnesses)))


# The log on the web.


def tile_path(level, index, width):
    path = "%03d" % (index % 1000)
    while index >= 1000:
        index //= 1000
        path = "x%03d/%s" % (index % 1000, path)
    return "tile/%s/%s" % (level, path) + (".p/%d" % width if width < WIDTH else "")


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read(1 << 16)


def tiles(count):
    """Index, first and end of every tile over that many hashes."""
    return [(i // WIDTH, i, min(count, i + WIDTH)) for i in range(0, count, WIDTH)]


def follow(url, log):
    url = url.rstrip("/") + "/"
    size, root = open_checkpoint(fetch(url + "checkpoint"), Key(log))
    hashes = []
    for index, first, end in tiles(size):
        bundle = fetch(url + tile_path("entries", index, end - first))
        while bundle:
            (length,) = struct.unpack(">H", bundle[:2])
            need(len(bundle) >= 2 + length, "bundle %d is cut" % index)
            hashes.append(leaf(bundle[2 : 2 + length]))
            bundle = bundle[2 + length :]
        need(len(hashes) == end, "bundle %d does not hold %d entries" % (index, end - first))
    need(root_of(hashes) == root, "the entries do not give the root of the checkpoint")
    level, fetched = 0, 0
    while hashes:
        for index, first, end in tiles(len(hashes)):
            tile = fetch(url + tile_path(level, index, end - first))
            need(tile == b"".join(hashes[first:end]), "tile %d of level %d differs" % (index, level))
            fetched += 1
        full = len(hashes) // WIDTH * WIDTH
        hashes = [root_of(hashes[i : i + WIDTH]) for i in range(0, full, WIDTH)]
        level += 1
    print("in order: %d entries, %d tiles" % (size, fetched))


def main(args):
    try:
        if len(args) >= 4 and args[0] == "proof":
            proof(*args[1:])
        elif len(args) == 3 and args[0] == "follow":
            follow(*args[1:])
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (Refused, ValueError, OSError) as e:
        print("refused: %s" % e)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
