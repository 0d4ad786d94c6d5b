"""The format of a stored object, written a second time, without Tink.

    vector.py make DIR [SIZE]       a keyring, an object and its row in DIR
    vector.py open KEYRING ROW OBJECT   print the plaintext of an object

Needs the package "cryptography". The committed vector was made by "make vector".
"""
import base64, hashlib, json, os, sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.hashes import SHA256

SEGMENT, HEADER, TAG = 1 << 20, 40, 16


def varint(n):
    out = b""
    while n > 0x7F:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def num(field, n):
    return varint(field << 3) + varint(n)


def sub(field, b):
    return varint(field << 3 | 2) + varint(len(b)) + b


def parse(b):
    """Fields of a protobuf message: number -> value."""
    fields, i = {}, 0

    def read():
        nonlocal i
        n = shift = 0
        while True:
            c = b[i]
            i += 1
            n |= (c & 0x7F) << shift
            if c < 0x80:
                return n
            shift += 7

    while i < len(b):
        tag = read()
        if tag & 7 == 0:
            fields[tag >> 3] = read()
        elif tag & 7 == 2:
            n = read()
            fields[tag >> 3], i = b[i : i + n], i + n
        else:
            raise ValueError("wire type")
    return fields


def wrap_data(row):
    return b"bode vault data key\0" + row["KeyID"].encode() + b"\0" + row["Name"].encode()


def segments(key, salt, prefix, name):
    derived = HKDF(SHA256(), 32, salt, name.encode()).derive(key)
    return AESGCM(derived), lambda i, last: prefix + i.to_bytes(4, "big") + bytes([last])


def cut(b, first, rest):
    parts = [b[:first]]
    b = b[first:]
    while b:
        parts.append(b[:rest])
        b = b[rest:]
    return parts


def make(out, size):
    det = lambda label, n: hashlib.shake_256(label.encode()).digest(n)
    kek, key, kek_id, key_id = det("kek", 32), det("key", 32), 0x1234ABCD, 77
    row = {"Name": "vector/one", "KeyID": "2026-11"}
    content = det("content", size)
    os.makedirs(f"{out}/keys", mode=0o700, exist_ok=True)
    with open(f"{out}/keys/2026-11.json", "w") as f:
        json.dump({"primaryKeyId": kek_id, "key": [{
            "keyData": {"typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmKey",
                        "value": base64.b64encode(sub(3, kek)).decode(), "keyMaterialType": "SYMMETRIC"},
            "status": "ENABLED", "keyId": kek_id, "outputPrefixType": "TINK"}]}, f)
    os.chmod(f"{out}/keys/2026-11.json", 0o600)
    stream_key = sub(2, num(1, SEGMENT) + num(2, 32) + num(3, 3)) + sub(3, key)
    data = sub(1, b"type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey") + sub(2, stream_key) + num(3, 1)
    keyset = num(1, key_id) + sub(2, sub(1, data) + num(2, 1) + num(3, key_id) + num(4, 3))
    iv = det("iv", 12)
    sealed = b"\1" + kek_id.to_bytes(4, "big") + iv + AESGCM(kek).encrypt(iv, keyset, wrap_data(row))
    salt, prefix = det("salt", 32), det("prefix", 7)
    aead, nonce = segments(key, salt, prefix, row["Name"])
    parts = cut(content, SEGMENT - TAG - HEADER, SEGMENT - TAG)
    with open(f"{out}/object", "wb") as f:
        f.write(bytes([HEADER]) + salt + prefix)
        for i, p in enumerate(parts):
            f.write(aead.encrypt(nonce(i, i == len(parts) - 1), p, None))
    row |= {"Key": base64.b64encode(sub(2, sealed)).decode(), "Size": size,
            "SHA256": base64.b64encode(hashlib.sha256(content).digest()).decode()}
    with open(f"{out}/row.json", "w") as f:
        json.dump(row, f, indent=1)
    with open(f"{out}/content", "wb") as f:
        f.write(content)


def open_(keyring, row, obj):
    row = json.load(open(row))
    ring = json.load(open(f"{keyring}/{row['KeyID']}.json"))
    kek = parse(base64.b64decode(ring["key"][0]["keyData"]["value"]))[3]
    sealed = parse(base64.b64decode(row["Key"]))[2]
    assert sealed[:5] == b"\1" + ring["primaryKeyId"].to_bytes(4, "big")
    keyset = parse(AESGCM(kek).decrypt(sealed[5:17], sealed[17:], wrap_data(row)))
    stream_key = parse(parse(parse(keyset[2])[1])[2])
    segment = parse(stream_key[2])[1]
    assert segment in (SEGMENT, 4096) and parse(stream_key[2]) == {1: segment, 2: 32, 3: 3}
    b = open(obj, "rb").read()
    assert b[0] == HEADER
    aead, nonce = segments(stream_key[3], b[1:33], b[33:40], row["Name"])
    parts = cut(b[HEADER:], segment - HEADER, segment)
    content = b"".join(aead.decrypt(nonce(i, i == len(parts) - 1), p, None) for i, p in enumerate(parts))
    assert len(content) == row["Size"] and hashlib.sha256(content).digest() == base64.b64decode(row["SHA256"])
    sys.stdout.buffer.write(content)


if sys.argv[1] == "make":
    make(sys.argv[2], int((sys.argv + ["1000"])[3]))
else:
    open_(*sys.argv[2:])
