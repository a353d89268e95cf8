#!/usr/bin/env python3
"""Makes datasets/bundled/emoji4/phrases.txt: phrases to be spoken, so that speech is learned by its sounds and not by heart.

usage: phrases.py WORDS     (WORDS: the word list american-english-small of Debian's package wamerican-small)

A third are two training captions grafted together, the rest are one to four words, each of a training caption or of the list.
No phrase holds a caption of the split unseen-concept. The same input gives the same bytes.
"""
import json
import pathlib
import random
import re
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent / "emoji4"
NUM_PHRASES, LONGEST = 9000, 34  # characters: about 2.5 seconds


def read_captions():
    """Captions of the splits train and unseen-concept."""
    captions = {}
    with tarfile.open(HERE / "emoji4.tar.gz") as archive:
        for member in archive:
            if member.name.endswith(".json"):
                captions[member.name[:-5]] = json.load(archive.extractfile(member))["caption"]
    splits = [(HERE / "splits" / f"{name}.txt").read_text().split() for name in ("train", "unseen-concept")]
    return [sorted({captions[key] for key in keys}) for keys in splits]


def graft(chance, captions):
    """The beginning of one caption and the end of another."""
    first, second = (chance.choice(captions).split() for _ in range(2))
    return " ".join(first[: chance.randint(1, len(first))] + second[chance.randint(0, len(second) - 1):])


def main():
    trained, unseen = read_captions()
    own = sorted({word for caption in trained for word in caption.split()})
    listed = [word for word in pathlib.Path(sys.argv[1]).read_text().split() if re.fullmatch(r"[A-Za-z][a-z]{2,9}", word)]
    chance = random.Random(0)
    phrases = set()
    while len(phrases) < NUM_PHRASES:
        if chance.random() < 1 / 3:
            phrase = graft(chance, trained)
        else:
            phrase = " ".join(chance.choice(chance.choice((own, listed, listed))) for _ in range(chance.randint(1, 4)))
        held_out = any(re.search(rf"(?<!\w){re.escape(caption)}(?!\w)", phrase) for caption in unseen)
        if len(phrase) <= LONGEST and not held_out:
            phrases.add(phrase)
    lines = sorted(phrases)
    chance.shuffle(lines)
    (HERE / "phrases.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
