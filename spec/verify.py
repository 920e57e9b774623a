#!/usr/bin/env python3
"""Offline verifier for Placet ledgers and receipts. Python standard library only; the rules are in spec/ledger.md.

    python3 spec/verify.py DIR --key VKEY [--key VKEY ...] [--checkpoint FILE]
    python3 spec/verify.py --proof FILE --leaf FILE --key VKEY [--key VKEY ...]

A key reads name+keyid+base64 and must reach you by a way that you trust; never take it from the ledger itself.
Exit code 0: everything verifies. 6: integrity failure, named on standard error. 2: wrong usage or unreadable files.
"""

import argparse, base64, functools, hashlib, pathlib, re, struct, sys

MAGIC = b"PLACSEG1"
MAX_ENTRIES, MAX_LEAF, MAX_NOTE, MAX_SIGNATURES, MAX_ORIGIN = 4096, 65535, 65535, 64, 255
MAX_FRAME = 20 + 4 * 1024 * 1024 + MAX_LEAF + 2 * MAX_ENTRIES + 2 + MAX_NOTE

class Bad(ValueError):
    """Something does not verify."""

# Ed25519 verification, RFC 8032 section 5.1.7, in extended coordinates.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)

def decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    x = x * SQRT_M1 % P if (x * x - x2) % P else x
    if (x * x - x2) % P or (x == 0 and sign) or y >= P:
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P

def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P

BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

@functools.lru_cache(16)
def ed25519_verifies(public, message, signature):
    point, scalar = decompress(public), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or point is None or scalar >= L:
        return False
    digest = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    minus = (P - point[0], point[1], 1, P - point[3])
    result, *table = (0, 1, 1, 0), (0, 1, 1, 0), BASE, minus, add(BASE, minus)
    for bit in range(252, -1, -1):
        result = add(result, result)
        result = add(result, table[(scalar >> bit & 1) | (digest >> bit & 1) << 1])
    inverse = pow(result[2], P - 2, P)
    x, y = result[0] * inverse % P, result[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]

# CRC-32C, reflected polynomial 0x82f63b78.
CRC = list(range(256))
for _ in range(8):
    CRC = [value >> 1 ^ (0x82F63B78 if value & 1 else 0) for value in CRC]

def crc32c(*parts):
    crc = 0xFFFFFFFF
    for byte in b"".join(parts):
        crc = CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF

# Merkle tree, RFC 9162 section 2.1.
def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()

def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()

class Tree:
    def __init__(self):
        self.size, self.peaks = 0, []  # the roots of the complete subtrees, largest first

    def append(self, node):
        carry = self.size
        while carry & 1:
            node, carry = node_hash(self.peaks.pop(), node), carry >> 1
        self.peaks.append(node)
        self.size += 1

    def root(self):
        peaks = self.peaks[::-1] or [hashlib.sha256(b"").digest()]
        return functools.reduce(lambda right, left: node_hash(left, right), peaks)

def inclusion_root(index, size, node, path):
    """The root that the path leads to, RFC 9162 section 2.1.3; None if it leads nowhere."""
    if size < 2 or not path:
        return node if index < size == 1 and not path else None
    left = 1 << (size - 1).bit_length() - 1
    if index < left:
        child = inclusion_root(index, left, node, path[:-1])
        return child and node_hash(child, path[-1])
    child = inclusion_root(index - left, size - left, node, path[:-1])
    return child and node_hash(path[-1], child)

# Signed notes and checkpoints, C2SP signed-note and tlog-checkpoint.
def unbase64(text, what):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if base64.b64encode(data).decode() != text:
        raise Bad(f"{what} is not canonical base64")
    return data

def decimal(text, what):
    if not re.fullmatch(r"0|[1-9][0-9]{0,19}", text, re.ASCII) or int(text) >= 2**64:
        raise Bad(f"{what} is not a plain decimal")
    return int(text)

def is_name(name):
    return 0 < len(name.encode()) <= MAX_ORIGIN and not re.search(r"[\s+\x00-\x1f\x7f-\x9f]", name)

class Key:
    def __init__(self, text):
        name, identity, data = (text.split("+", 2) + ["", ""])[:3]
        data = unbase64(data, "the key")
        if not is_name(name) or len(data) != 33 or data[0] != 1:
            raise Bad("a key reads name+keyid+base64 and holds an Ed25519 key")
        self.text, self.name, self.public = text, name, data[1:]
        self.id = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
        if identity != self.id.hex():
            raise Bad("the key id does not belong to this name and key")

def parse_checkpoint(data):
    """Origin, size, root, and what the signatures need."""
    note = data.decode("utf-8")
    split = note.rfind("\n\n")
    if len(data) > MAX_NOTE or split < 0 or not note.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise Bad("the checkpoint is not a signed note")
    text, lines = note[: split + 1], note[split + 2 : -1].split("\n")
    signatures = []
    for line in lines:
        match = re.fullmatch("\u2014 ([^ ]+) ([^ ]+)", line)
        signature = unbase64(match[2] if match and is_name(match[1]) else "", "a signature")
        if len(signature) < 5:
            raise Bad("a signature line of the checkpoint does not parse")
        signatures.append((match[1], signature[:4], signature[4:]))
    fields = text[:-1].split("\n")
    root = unbase64(fields[2] if len(fields) == 3 else "", "the root")
    if len(root) != 32 or not fields[0] or len(signatures) > MAX_SIGNATURES:
        raise Bad("the checkpoint is not exactly origin, size and root")
    return fields[0], decimal(fields[1], "the size"), root, text.encode(), signatures

def signers(checkpoint, keys):
    """Those of the keys that have signed. A line that names one of them must verify."""
    origin, _, _, text, signatures = checkpoint
    found = []
    for key in (key for key in keys if key.name == origin):
        for _, _, signature in (s for s in signatures if s[:2] == (key.name, key.id)):
            if not ed25519_verifies(key.public, text, signature):
                raise Bad("the signature of a key of this log does not verify")
            found.append(key)
    return found

def check_signed(checkpoint, keys):
    if not signers(checkpoint, keys):
        raise Bad("no signature by a pinned key, or by the key in force")

# Key entries and the chain of keys, spec/ledger.md section 3.
ABOUT = b'{"_type":"placet.dev/receipt/v1","about":{"'
FIRST, CHANGE, BEFORE = ABOUT + b'verifier_key":"', ABOUT + b'log_key":"', rb'","log_key_before":"([^"]*)'

def key_entry(start, leaf):
    """The keys that a key entry names; none if the leaf does not begin like one."""
    if not leaf.startswith(start):
        return []
    match = re.match(rb'([^"]*)' + (BEFORE if start == CHANGE else b"") + rb'"\}', leaf[len(start) :])
    if not match:
        raise Bad("a leaf begins like a key entry and does not go on like one")
    return [Key(text.decode()) for text in match.groups()]

class Chain:
    def __init__(self, pinned):
        self.pinned, self.keys, self.vouched = pinned, [], False

    def check(self, leaves, checkpoint):
        if not self.keys:
            self.keys = key_entry(FIRST, leaves[0]) or signers(checkpoint, self.pinned)[:1]
        check_signed(checkpoint, self.keys[-1:])
        self.vouched = bool(signers(checkpoint, self.pinned)) or self.vouched
        changes = [key_entry(CHANGE, leaf) for leaf in leaves]
        if any(changes[:-1]):
            raise Bad("entries follow a change of the key in its frame")
        if changes[-1]:
            key, before = changes[-1]
            if before.text != self.keys[-1].text or key.text in [old.text for old in self.keys]:
                raise Bad("the change of the key is not from the key in force to a new one")
            if not signers(checkpoint, [key]):
                raise Bad("the new key has not signed the checkpoint of the change of the key")
            self.keys.append(key)

# Segments.
def frames(data):
    """Yields offset, first index, leaves and checkpoint of each frame; refuses what is neither frame nor zeros."""
    if data[:8] != MAGIC:
        raise Bad("the file is not a segment")
    at = 8
    while len(data) - at >= 4 and data[at : at + 4] != b"\0\0\0\0":
        length, crc, first, count = struct.unpack("<IIQI", data[at : at + 20].ljust(20, b"\0"))
        end = at + 8 + length
        if not 24 <= end - at <= MAX_FRAME or end > len(data):
            raise Bad(f"byte {at}: a torn or damaged frame, its length is impossible")
        if crc32c(data[at : at + 4], data[at + 8 : end]) != crc:
            raise Bad(f"byte {at}: a torn or damaged frame, its checksum does not fit")
        parts, position = [], at + 20
        for _ in range(count + 1 if 1 <= count <= MAX_ENTRIES else 0):
            size = int.from_bytes(data[position : position + 2], "little")
            parts.append(data[position + 2 : position + 2 + size])
            position += 2 + size
            if position > end:
                break
        if position != end or len(parts) != count + 1:
            raise Bad(f"byte {at}: the parts of the frame do not add up")
        yield at, first, parts[:-1], parts[-1]
        at = end
    if data[at:].strip(b"\0"):
        raise Bad(f"byte {at}: bytes behind the last frame")

def verify_directory(directory, keys, known):
    paths = sorted(path for path in pathlib.Path(directory).iterdir() if path.name.endswith(".seg"))
    if not paths:
        raise OSError("there is no ledger in this directory")
    tree, chain, checkpoints, origin = Tree(), Chain(keys), 0, None
    for path in paths:
        name, place = path.name, f"{path.name}, from entry {tree.size} on: "
        try:
            if name != f"{tree.size:020}.seg":
                raise Bad(f"the segment that begins with entry {tree.size} is missing")
            for at, first, leaves, note in frames(path.read_bytes()):
                place = f"{name}: byte {at}, entries {first} to {first + len(leaves) - 1}: "
                if first != tree.size:
                    raise Bad(f"the frame begins with entry {first}, due is {tree.size}")
                for leaf in leaves:
                    tree.append(leaf_hash(leaf))
                    if known and known[1] == tree.size and known[2] != tree.root():
                        raise Bad(f"the first {tree.size} entries are not those of the known checkpoint")
                checkpoint = parse_checkpoint(note)
                if origin not in (None, checkpoint[0]):
                    raise Bad(f"the checkpoint belongs to the log {checkpoint[0]}")
                if checkpoint[1:3] != (tree.size, tree.root()):
                    raise Bad("the entries do not give the size and the root of the signed checkpoint")
                chain.check(leaves, checkpoint)
                origin, checkpoints, place = checkpoint[0], checkpoints + 1, f"{name}, from entry {tree.size} on: "
        except (Bad, UnicodeDecodeError) as bad:
            raise Bad(f"{place}{bad}") from None
    if checkpoints and not chain.vouched:
        raise Bad("no signature by a pinned key")
    if known and (check_signed(known, chain.keys + keys) or known[1] > tree.size):
        raise Bad(f"the known checkpoint has {known[1]} entries, the ledger {tree.size}: entries were removed")
    return f"ok: {tree.size} entries, {checkpoints} checkpoints, root {tree.root().hex()}"

def verify_proof(text, leaf, keys):
    head, _, note = text.decode("utf-8").partition("\n\n")
    match = re.fullmatch(r"c2sp\.org/tlog-proof@v1\n(?:extra (.*)\n)?index (.*)((?:\n.*)*)", head)
    if not match:
        raise Bad("the proof is not a c2sp.org/tlog-proof@v1")
    unbase64(match[1] or "", "the extra data")
    index = decimal(match[2], "the index")
    path = [unbase64(line, "a line of the inclusion proof") for line in match[3].split("\n")[1:]]
    checkpoint = parse_checkpoint(note.encode())
    check_signed(checkpoint, keys)
    sound = len(path) <= 64 and all(len(node) == 32 for node in path)
    if not sound or inclusion_root(index, checkpoint[1], leaf_hash(leaf), path) != checkpoint[2]:
        raise Bad("the proof does not lead to the root of the checkpoint")
    return f"ok: entry {index} of {checkpoint[1]} in {checkpoint[0]}, leaf hash {leaf_hash(leaf).hex()}"

def main():
    parser = argparse.ArgumentParser(description="Verifies a Placet ledger or one receipt, offline.")
    parser.add_argument("directory", nargs="?", help="directory of the ledger")
    parser.add_argument("--key", action="append", type=Key, required=True, help="pinned verifier key, name+keyid+base64")
    parser.add_argument("--checkpoint", help="an older checkpoint of this log that you have kept")
    parser.add_argument("--proof", help="a .tlog-proof file")
    parser.add_argument("--leaf", help="the bytes of the receipt")
    options = parser.parse_args()
    if len({options.directory is None, options.proof is not None, options.leaf is not None}) > 1:
        parser.error("give either a directory, or both --proof and --leaf")
    read = lambda path: pathlib.Path(path).read_bytes()
    try:
        if options.proof:
            print(verify_proof(read(options.proof), read(options.leaf), options.key))
        else:
            known = parse_checkpoint(read(options.checkpoint)) if options.checkpoint else None
            print(verify_directory(options.directory, options.key, known))
    except (Bad, UnicodeDecodeError) as bad:
        sys.exit(print(f"integrity failure: {bad}", file=sys.stderr) or 6)
    except OSError as error:
        parser.error(str(error))

if __name__ == "__main__":
    main()
