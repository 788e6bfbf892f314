"""Verifies an exported stretch of an Assay ledger. Needs Python 3.10 or later and nothing else.

    python3 -I verify.py [FOLDER] [--key KEY] [--anchor NOTE]

FOLDER (default: where this file is) holds `events.jsonl`, `statements.txt`, `checkpoint.txt`,
`proofs.json` and `key.txt`. Checked are: every event's hash, and that it follows the one before; the
proof that it is in the signed tree; that the statements cover the events without gap and were signed;
the checkpoint's signature; and that an earlier checkpoint is the beginning of this one.

Pass the public key that you were given by other means with --key: the one in the folder came with the
data. Exit code 0: all is as it was signed. 1: it is not, and each fault is printed. 2: wrong usage, or a
file is missing. Take this program from a source that you trust, as any verifier.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import pathlib
import re
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
BASE_Y = 4 * pow(5, P - 2, P) % P
GENESIS = "0" * 64
SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)")
STATEMENT = re.compile(
    r"(?P<origin>[^\n]+)\nexport (?P<first>\d+) (?P<last>\d+) (?P<count>\d+)\n"
    r"workspace (?P<workspace>[^\n]+)\ncheckpoint (?P<size>\d+) (?P<root>[A-Za-z0-9+/=]+)\n"
    r"sha256 (?P<sha256>[0-9a-f]{64})\n"
)
CHECKPOINT = re.compile(
    r"(?P<origin>[^\n]+)\n(?P<size>\d+)\n(?P<root>[A-Za-z0-9+/=]+)\n"
    r"at-ms \d+\nhead [0-9a-f]{64}\n"
)


Point = tuple[int, int, int, int]


class Key(NamedTuple):
    """A public key with its name."""

    name: str
    key_id: str
    public: bytes


class Checkpoint(NamedTuple):
    """What a checkpoint says."""

    origin: str
    size: int
    root: bytes


class Fault(Exception):
    """Something that an untouched export cannot show."""


def recover_x(y: int, sign: int) -> int | None:
    """The x of a point of the curve, or None."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


def add(a: Point, b: Point) -> Point:
    """The sum of two points in extended coordinates."""
    u = (a[1] - a[0]) * (b[1] - b[0]) % P
    v = (a[1] + a[0]) * (b[1] + b[0]) % P
    c = 2 * a[3] * b[3] * D % P
    d = 2 * a[2] * b[2] % P
    e, f, g, h = v - u, d - c, d + c, v + u
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar: int, point: Point) -> Point:
    """A point so many times."""
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def decompress(data: bytes) -> Point | None:
    """A point from its 32 bytes, or None."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def is_equal(a: Point, b: Point) -> bool:
    """Whether two points are the same."""
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def is_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature (RFC 8032) is right."""
    point, r = decompress(public), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or point is None or r is None or s >= Q:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    h = int.from_bytes(digest, "little") % Q
    base_x = recover_x(BASE_Y, 0) or 0
    base = (base_x, BASE_Y, 1, base_x * BASE_Y % P)
    return is_equal(multiply(s, base), add(r, multiply(h, point)))


def read_key(text: str) -> Key:
    """A public key `name+id+base64`."""
    name, _, rest = text.partition("+")
    key_id, _, value = rest.partition("+")
    decoded = base64.b64decode(value, validate=True)
    expected = hashlib.sha256(name.encode() + b"\n" + decoded).hexdigest()[:8]
    again = f"{name}+{key_id}+{base64.b64encode(decoded).decode()}"
    if len(decoded) != 33 or decoded[:1] != b"\x01" or expected != key_id or again != text:
        raise Fault("a key is not of the form name+id+base64")
    return Key(name, key_id, decoded[1:])


def open_note(text: str, keys: Sequence[Key], what: str) -> str:
    """The signed text of a note; Fault unless its one signature is by one of the keys."""
    body, separator, tail = text.partition("\n\n")
    match = SIGNATURE.fullmatch(tail[:-1])
    if not separator or not tail.endswith("\n") or match is None:
        raise Fault(f"{what} is not a signed note")
    value = base64.b64decode(match[2])
    if base64.b64encode(value).decode() != match[2]:
        raise Fault(f"{what} carries a signature that is not one")
    for key in keys:
        if (key.name, key.key_id) == (match[1], value[:4].hex()):
            if not is_signature(key.public, (body + "\n").encode(), value[4:]):
                raise Fault(f"{what}: the signature is wrong")
            return body + "\n"
    raise Fault(f"{what} was signed by another key, {match[1]}+{value[:4].hex()}")


def read_checkpoint(text: str, keys: Sequence[Key], what: str) -> Checkpoint:
    """A signed checkpoint."""
    match = CHECKPOINT.fullmatch(open_note(text, keys, what))
    if match is None:
        raise Fault(f"{what} is not a checkpoint")
    return Checkpoint(match["origin"], int(match["size"]), base64.b64decode(match["root"]))


def node(left: bytes, right: bytes) -> bytes:
    """The hash of a Merkle node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def is_included(
    event_hash: str, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """RFC 6962: whether the proof leads from the event to the root."""
    found = hashlib.sha256(b"\x00" + bytes.fromhex(event_hash)).digest()
    place, last = index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(
    old: int, size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """RFC 6962: whether the older tree is the beginning of the newer one."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == new_root
    hashes = ([old_root] if old & (old - 1) == 0 else []) + list(proof)
    if not hashes:
        return False
    place, last = old - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    older = newer = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            older, newer = node(sibling, older), node(sibling, newer)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            newer = node(newer, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root


def hashes_of(values: Sequence[str]) -> list[bytes]:
    """Hashes of 32 bytes from their hex."""
    found = [bytes.fromhex(value) for value in values]
    if [value.hex() for value in found] != list(values) or any(len(v) != 32 for v in found):
        raise Fault("a proof holds something that is no hash")
    return found


def read_json(text: str, members: Sequence[str], what: str) -> Any:
    """An object with exactly these members, written in the one way in which an export writes it."""
    record = json.loads(text)
    if json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n" != text:
        raise Fault(f"{what} is not written as an export writes it")
    if sorted(record) != sorted(members):
        raise Fault(f"{what} has other members than an export")
    return record


class Events:
    """Reads the events one after another, and checks each against the tree and the one before."""

    def __init__(self, file: Any, checkpoint: Checkpoint) -> None:
        self.file = file
        self.checkpoint = checkpoint
        self.seq = 0
        self.hash = GENESIS

    def take(self, digest: Any) -> tuple[int, str | None]:
        """The next event's number and workspace."""
        line = self.file.readline()
        digest.update(line.encode())
        record = read_json(line, ("body", "hash", "proof", "seq"), "an event")
        seq, what = record["seq"], f"event {record['seq']}"
        if hashlib.sha256(record["body"].encode()).hexdigest() != record["hash"]:
            raise Fault(f"{what}: its text does not have its hash")
        body = json.loads(record["body"])
        if body["seq"] != seq or seq <= self.seq:
            raise Fault(f"{what}: it is not in its place")
        if seq == self.seq + 1 and body["prev"] != self.hash:
            raise Fault(f"{what}: it does not continue the event before it")
        proof, size = hashes_of(record["proof"]), self.checkpoint.size
        if not is_included(record["hash"], seq - 1, size, proof, self.checkpoint.root):
            raise Fault(f"{what}: it is not in the signed tree")
        self.seq, self.hash = seq, record["hash"]
        return seq, body["workspace"]


def check_pages(
    folder: pathlib.Path, keys: Sequence[Key], checkpoint: Checkpoint
) -> tuple[int, int, int, str]:
    """Every statement with its events; answers the first and last number, the count, the workspace."""
    first, following, total, whose = None, None, 0, None
    with (folder / "events.jsonl").open(encoding="utf-8", newline="") as file:
        events = Events(file, checkpoint)
        for text in read(folder, "statements.txt").split("\x1e"):
            match = STATEMENT.fullmatch(open_note(text, keys, "a statement"))
            if match is None:
                raise Fault("a statement is not one")
            start, end, count = int(match["first"]), int(match["last"]), int(match["count"])
            signed = (match["origin"], int(match["size"]), base64.b64decode(match["root"]))
            if signed != checkpoint:
                raise Fault("a statement is about another checkpoint")
            if following not in (None, start) or whose not in (None, match["workspace"]):
                raise Fault(f"the statement about events from {start} on does not follow the last")
            digest, workspace = hashlib.sha256(), match["workspace"]
            for _ in range(count):
                seq, place = events.take(digest)
                if not start <= seq <= end or workspace not in ("*", place):
                    raise Fault(f"event {seq} is not one that its statement tells of")
            if digest.hexdigest() != match["sha256"]:
                raise Fault(f"the events {start} to {end} are not those that were signed")
            if workspace == "*" and count != end - start + 1:
                raise Fault(f"events are missing between {start} and {end}")
            first = start if first is None else first
            following, total, whose = end + 1, total + count, workspace
        if file.readline():
            raise Fault("there are more events than the statements tell of")
    if first is None or following is None or whose is None:
        raise Fault("there is no statement")
    return first, following - 1, total, whose


def check_earlier(
    folder: pathlib.Path, keys: Sequence[Key], checkpoint: Checkpoint, anchor: str | None
) -> int | None:
    """The consistency with an earlier checkpoint; answers its size, None where there is none."""
    proofs = read_json(read(folder, "proofs.json"), ("consistency", "earlier"), "proofs.json")
    earlier = proofs["earlier"]
    if anchor not in (None, earlier):
        raise Fault("the export does not prove that it goes on from --anchor; export with --since")
    if earlier is None:
        if proofs["consistency"] != []:
            raise Fault("proofs.json proves the consistency with nothing")
        return None
    older = read_checkpoint(earlier, keys, "the earlier checkpoint")
    hashes, size, root = hashes_of(proofs["consistency"]), checkpoint.size, checkpoint.root
    is_kept = is_consistent(older.size, size, older.root, root, hashes)
    if older.origin != checkpoint.origin or not is_kept:
        raise Fault(f"the ledger was rewritten since the checkpoint of {older.size} events")
    return older.size


def read(folder: pathlib.Path, name: str) -> str:
    """A file of the export."""
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return file.read()


def verify(folder: pathlib.Path, trusted: Sequence[str], anchor: str | None) -> None:
    """Check a folder and tell what it holds. Raises Fault at the first thing that is wrong."""
    text = read(folder, "key.txt")
    brought = [read_key(line) for line in text[:-1].split("\n")]
    if not text.endswith("\n"):
        raise Fault("key.txt is not written as an export writes it")
    keys = [read_key(line) for line in trusted] or brought
    checkpoint = read_checkpoint(read(folder, "checkpoint.txt"), keys, "the checkpoint")
    first, last, total, workspace = check_pages(folder, keys, checkpoint)
    older = check_earlier(folder, keys, checkpoint, anchor)
    whose = "all workspaces" if workspace == "*" else f"workspace {workspace!r}"
    tell(f"Intact: {total} events of {whose} among {first} to {last}.")
    tell(f"All are in the signed tree of {checkpoint.size} events of {checkpoint.origin}.")
    if older is not None:
        tell(f"Its first {older} events are those of the earlier checkpoint.")
    if not trusted:
        tell("The key came with the data: compare it with one from elsewhere (--key).")


def tell(text: str) -> None:
    """A line on standard output; what is printed never steers a terminal."""
    sys.stdout.write("".join(c if c.isprintable() else "?" for c in text) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; answers its exit code."""
    parser = argparse.ArgumentParser(description="Verify an exported stretch of an Assay ledger.")
    parser.add_argument("folder", nargs="?", default=pathlib.Path(__file__).resolve().parent)
    parser.add_argument(
        "--key", action="append", default=[], help="a public key that you trust: name+id+base64"
    )
    parser.add_argument(
        "--anchor", help="a checkpoint that you kept: the export must go on from it"
    )
    given = parser.parse_args(arguments)
    try:
        anchor = None
        if given.anchor is not None:
            path = pathlib.Path(given.anchor)
            anchor = read(path.parent, path.name)
        verify(pathlib.Path(given.folder), given.key, anchor)
    except (Fault, ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        tell("NOT intact: " + (str(fault) or type(fault).__name__))
        return 1
    except OSError as error:
        tell(f"Cannot read it: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
