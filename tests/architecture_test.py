#!/usr/bin/env python3
"""Fails on an arrow between rooms that the picture in docs/architecture.md does not have.

usage: architecture_test.py ROOT          every include and every link list under ROOT
       architecture_test.py --self-test   that each kind of wrong arrow is seen
"""
import pathlib
import re
import sys
import tempfile

MODALITIES = {"modalities/media", "modalities/canvas"}
TOKENIZERS = {"tokenizers", "tokenizers/text", "tokenizers/image", "tokenizers/audio", "tokenizers/quantizers"}
BACKBONE = {"backbone", "backbone/transformer", "backbone/diffusion", "backbone/kernels"}
DATASETS = {"datasets/scenes", "datasets/puzzles", "datasets/sources", "datasets/prepare", "datasets/shards", "datasets/loading"}
PIPELINES = {"pipelines", "pipelines/sampling", "pipelines/queries"}
SHELL = {"base"} | MODALITIES
BELOW_EXPERIMENTS = SHELL | TOKENIZERS | BACKBONE | DATASETS | PIPELINES

# Which rooms a room may see, itself apart. A floor's own folder ("backbone") holds the interface its rooms share.
PICTURE = {
    "base": set(),
    "modalities/media": {"base"},
    "modalities/canvas": {"base"},
    "tokenizers": SHELL | TOKENIZERS,
    "tokenizers/quantizers": SHELL | {"tokenizers"},
    "tokenizers/text": SHELL | {"tokenizers"},
    "tokenizers/image": SHELL | {"tokenizers", "tokenizers/quantizers"},
    "tokenizers/audio": SHELL | {"tokenizers", "tokenizers/quantizers"},
    "backbone": {"base", "modalities/canvas"},
    "backbone/kernels": {"base"},
    "backbone/transformer": {"base", "modalities/canvas", "backbone", "backbone/kernels"},
    "backbone/diffusion": {"base", "modalities/canvas", "backbone", "backbone/kernels"},
    "datasets/scenes": SHELL,
    "datasets/puzzles": SHELL,
    "datasets/sources": SHELL | TOKENIZERS | {"datasets/scenes", "datasets/puzzles"},
    "datasets/shards": SHELL | TOKENIZERS,
    "datasets/prepare": SHELL | TOKENIZERS | {"datasets/sources", "datasets/shards"},
    "datasets/loading": SHELL | TOKENIZERS | {"datasets/sources", "datasets/shards"},
    "pipelines": SHELL | TOKENIZERS | BACKBONE | PIPELINES,
    "pipelines/queries": SHELL | TOKENIZERS | BACKBONE | {"pipelines"},
    "pipelines/sampling": SHELL | TOKENIZERS | BACKBONE | {"pipelines"},
    "experiments/training": BELOW_EXPERIMENTS,
    "experiments/evaluation": BELOW_EXPERIMENTS | {"experiments/training"},
    "experiments/report": BELOW_EXPERIMENTS | {"experiments/training", "experiments/evaluation"},
    "experiments/cli": BELOW_EXPERIMENTS | {"experiments/training", "experiments/evaluation", "experiments/report"},
}
FLOORS = sorted({room.split("/")[0] for room in PICTURE})
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
# Ten seconds a source file: narrow headers do the same.
BANNED_HEADERS = {"torch/torch.h", "torch/extension.h"}


def room_of(path):
    """The innermost room that a path (relative to the root) lies in, or None."""
    folders = pathlib.PurePosixPath(path).parts[:-1]
    for depth in range(len(folders), 0, -1):
        room = "/".join(folders[:depth])
        if room in PICTURE:
            return room
    return None


def source_files(root, folder):
    return sorted(p for p in (root / folder).rglob("*") if p.suffix in (".h", ".cpp", ".cu", ".cuh"))


def wrong_includes(root):
    for floor in FLOORS:
        for path in source_files(root, floor):
            name = path.relative_to(root).as_posix()
            room = room_of(name)
            if room is None:
                yield f"{name}: lies in no room of the picture"
                continue
            for bracket, header in INCLUDE.findall(path.read_text(encoding="utf-8")):
                if header in BANNED_HEADERS:
                    yield f"{name}: includes <{header}>; take the narrow headers"
                if bracket == "<":
                    continue
                target = room_of(header)
                if not (root / header).is_file():
                    yield f'{name}: "{header}" is not named from the root'
                elif target is None:
                    yield f'{name}: "{header}" lies in no room'
                elif target != room and target not in PICTURE[room]:
                    yield f'{name}: {room} must not include {target} ("{header}")'


def expand(words, variables):
    for word in words:
        match = re.fullmatch(r"\$\{(\w+)\}", word)
        yield from variables.get(match.group(1), []) if match else [word]


def wrong_links(root):
    """Link lists of CMakeLists.txt that have arrows the picture does not have."""
    text = re.sub(r"#.*", "", (root / "CMakeLists.txt").read_text(encoding="utf-8"))
    variables = {}
    for command, body in re.findall(r"(set|palimpsest_room)\(([^)]*)\)", text):
        words = body.split()
        if command == "set":
            variables[words[0]] = list(expand(words[1:], variables))
            continue
        room = words[0]
        if room not in PICTURE:
            yield f"CMakeLists.txt: {room} is no room of the picture"
            continue
        depends = words[words.index("DEPENDS") + 1:] if "DEPENDS" in words else []
        for stop in ("LIBS", "EXCLUDE"):
            if stop in depends:
                depends = depends[:depends.index(stop)]
        for target in expand(depends, variables):
            if target not in PICTURE[room]:
                yield f"CMakeLists.txt: {room} must not link to {target}"


def check(root):
    return [*wrong_includes(root), *wrong_links(root)]


def self_test():
    """Each wrong arrow, alone in an otherwise right tree, is reported."""
    right = {
        "CMakeLists.txt": "set(MODALITIES modalities/media modalities/canvas)\npalimpsest_room(base LIBS x)\n"
                          "palimpsest_room(tokenizers DEPENDS base ${MODALITIES})\n",
        "base/errors.h": "#include <string>\n",
        "modalities/canvas/canvas.h": '#include "base/errors.h"\n',
        "modalities/media/media.h": "\n",
        "backbone/denoiser.h": '#include "modalities/canvas/canvas.h"\n',
        "backbone/diffusion/schedule.h": '#include "backbone/denoiser.h"\n',
        "backbone/transformer/block.h": "\n",
        "experiments/cli/main.cpp": '#include "backbone/denoiser.h"\n',
    }
    wrong = {
        "base/errors.h": '#include "modalities/canvas/canvas.h"\n',
        "modalities/canvas/canvas.h": '#include "modalities/media/media.h"\n',
        "modalities/media/media.h": '#include "../canvas/canvas.h"\n',
        "backbone/transformer/block.h": '  #  include "backbone/diffusion/schedule.h"\n',
        "backbone/denoiser.h": '#include "experiments/cli/main.cpp"\n',
        "experiments/cli/main.cpp": "#include <torch/torch.h>\n",
        "backbone/elsewhere/x.h": '#include "base/errors.h"\n#include "backbone/transformer/block.h"\n',
        "tokenizers/text/bpe.cpp": '#include "backbone/denoiser.h"\n',
        "CMakeLists.txt": "palimpsest_room(base DEPENDS modalities/canvas LIBS x)\n",
    }
    failures = []
    for name, content in [(None, ""), *wrong.items()]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in {**right, **({name: content} if name else {})}.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            rows = check(root)
            if bool(rows) != (name is not None):
                failures.append(f"self-test: {name or 'the right tree'} gave {rows}")
    return failures


def main():
    rows = self_test() if sys.argv[1] == "--self-test" else check(pathlib.Path(sys.argv[1]))
    print("\n".join(rows) or "every arrow is in the picture")
    return 1 if rows else 0


if __name__ == "__main__":
    sys.exit(main())
