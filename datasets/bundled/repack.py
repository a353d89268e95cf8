#!/usr/bin/env python3
"""Makes datasets/bundled/emoji4 from the PNG form of the set: lossless WebP, one gzipped tar, one list of keys a split.

usage: repack.py FOLDER OUT [--tiny TAR]     (needs Pillow with WebP)

FOLDER holds emoji4-train.tar and emoji4-val.tar (KEY.json + KEY.png). OUT gets emoji4.tar.gz (KEY.json + KEY.webp, pixels
compared one by one, every JSON field kept and `concept` added) and splits/NAME.txt. --tiny writes a plain tar of six concepts in
four styles for the tests. The same input gives the same bytes.
"""
import argparse
import gzip
import hashlib
import io
import json
import pathlib
import tarfile

from PIL import Image

STYLES = ("fluent", "noto", "openmoji", "twemoji")
NUM_UNSEEN_CONCEPTS, NUM_MORE_STYLE_PAIRS, NUM_UNSEEN_VOICE = 128, 256, 320
TINY = ("1F34E", "1F431", "1F319", "1F511", "1F3A8", "1F697")  # red apple, cat face, crescent moon, key, palette, car

# Codepoints that tell variants of one concept apart: skin tones, gender signs, emoji presentation, "facing right".
DROPPED = {f"{tone:X}" for tone in range(0x1F3FB, 0x1F400)} | {"2640", "2642", "FE0F", "200D", "27A1"}
# People of another gender (or none) are one concept each.
SAME = {
    **dict.fromkeys(("1F468", "1F469", "1F9D1"), "person"),
    **dict.fromkeys(("1F466", "1F467", "1F9D2"), "child"),
    **dict.fromkeys(("1F474", "1F475", "1F9D3"), "older-person"),
    **dict.fromkeys(("1F934", "1F478", "1FAC5"), "royal-person"),
    **dict.fromkeys(("1F385", "1F936"), "claus"),
    **dict.fromkeys(("1F57A", "1F483"), "dancer"),
    **dict.fromkeys(("1F930", "1FAC3", "1FAC4"), "pregnant-person"),
    **dict.fromkeys(("1F46B", "1F46C", "1F46D"), "holding-hands"),
    "1F46A": "family", "1F48F": "kiss", "1F491": "couple-with-heart", "1F931": "feeding-baby",
}
# Sequences of people that have a name of their own.
COUPLES = {
    ("person", "1F91D", "person"): "holding-hands", ("person", "2764", "1F48B", "person"): "kiss",
    ("person", "2764", "person"): "couple-with-heart", ("person", "1F384"): "claus", ("person", "1F37C"): "feeding-baby",
}


def concept_of(codepoints):
    """What is drawn, whatever the skin tone, gender or direction: '1F469-200D-1F680' -> 'person-1f680'."""
    points = codepoints.upper().split("-")
    if len(points) == 1 and points[0] in DROPPED:  # the sign itself
        return points[0].lower()
    parts = tuple(SAME.get(point, point) for point in points if point not in DROPPED)
    if len(parts) > 1 and set(parts) <= {"person", "child"}:
        return "family"
    return COUPLES.get(parts, "-".join(parts)).lower()


def read_samples(path):
    """key -> (fields, PNG bytes) of a WebDataset tar."""
    members = {}
    with tarfile.open(path) as archive:
        for member in archive:
            key, extension = member.name.split(".", 1)
            members.setdefault(key, {})[extension] = archive.extractfile(member).read()
    return {key: (json.loads(parts["json"]), parts["png"]) for key, parts in members.items()}


def to_webp(png):
    image = Image.open(io.BytesIO(png)).convert("RGB")
    out = io.BytesIO()
    image.save(out, "WEBP", lossless=True, quality=100, method=4, exact=True)
    again = Image.open(io.BytesIO(out.getvalue())).convert("RGB")
    if again.size != image.size or again.tobytes() != image.tobytes():
        raise SystemExit("a picture changed")
    return out.getvalue()


def write_tar(out, keys, fields, pictures):
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for key in keys:
            text = json.dumps(fields[key], ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
            for name, content in ((f"{key}.json", text), (f"{key}.webp", pictures[key])):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def drawn(names, purpose):
    """The names in an order that only `purpose` and the names decide."""
    return sorted(names, key=lambda name: hashlib.sha256(f"emoji4 {purpose} {name}".encode()).digest())


def make_splits(fields, val_keys):
    styles, keys_of = {}, {}
    for key, row in fields.items():
        styles.setdefault(row["concept"], set()).add(row["style"])
        keys_of.setdefault((row["concept"], row["style"]), []).append(key)
    val_pairs = {(fields[key]["concept"], fields[key]["style"]) for key in val_keys}
    val_concepts = {concept for concept, _ in val_pairs}

    free = [concept for concept in styles if concept not in val_concepts]
    unseen = set(drawn(free, "unseen-concept")[:NUM_UNSEEN_CONCEPTS])
    many = [concept for concept in free if concept not in unseen and len(styles[concept]) >= 3]
    pairs = {(concept, drawn(styles[concept], "style of " + concept)[0])
             for concept in drawn(many, "unseen-style")[:NUM_MORE_STYLE_PAIRS]} | val_pairs
    held = {key for pair in pairs for key in keys_of[pair]}
    train = [key for key, row in fields.items() if row["concept"] not in unseen and key not in held]

    by_concept = {}
    for key in drawn(train, "unseen-voice"):
        by_concept.setdefault(fields[key]["concept"], key)
    return {
        "train": train,
        "unseen-style": sorted(held),
        "unseen-concept": [key for key, row in fields.items() if row["concept"] in unseen],
        "unseen-voice": [by_concept[concept] for concept in drawn(by_concept, "voice")[:NUM_UNSEEN_VOICE]],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--tiny", type=pathlib.Path)
    arguments = parser.parse_args()
    train = read_samples(arguments.folder / "emoji4-train.tar")
    val = read_samples(arguments.folder / "emoji4-val.tar")
    samples = {**train, **val}
    if len(samples) != len(train) + len(val):
        raise SystemExit("train and val share a key")
    keys = sorted(samples)
    fields = {key: dict(samples[key][0], concept=concept_of(samples[key][0]["codepoints"])) for key in keys}
    pictures = {key: to_webp(samples[key][1]) for key in keys}
    with open(arguments.out / "emoji4.tar.gz", "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        write_tar(packed, keys, fields, pictures)
    for name, split in make_splits(fields, val).items():
        (arguments.out / "splits").mkdir(exist_ok=True)
        (arguments.out / "splits" / f"{name}.txt").write_text("".join(key + "\n" for key in sorted(split)))
        print(f"{name}: {len(split)} samples, {len({fields[key]['concept'] for key in split})} concepts")
    if arguments.tiny:
        with open(arguments.tiny, "wb") as file:
            write_tar(file, [key for key in keys if fields[key]["codepoints"] in TINY], fields, pictures)
    print(f"{len(keys)} samples, pixels equal, {(arguments.out / 'emoji4.tar.gz').stat().st_size} bytes")


main()
