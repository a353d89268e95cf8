#!/usr/bin/env python3
"""What each sampler does to quality and time on one checkpoint: the table of docs/sampling.md, as Markdown.

usage: sampling_table.py CHECKPOINT DATA [--program build/palimpsest] [--generated 32] [--metrics caption-to-picture,inpainting]
                         [--only NAME,...] [--json FILE]

Each row is the checkpoint with other [sampler] keys, evaluated by `palimpsest evaluate` on the same held-out samples with
the same seed; the first row is the checkpoint's own sampler. Times are of the whole evaluation on one thread, so only
their differences speak of the sampler.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

# Name of the row -> keys of [sampler] that it sets.
SAMPLERS = {
    "the checkpoint's own": {},
    "confidence in 4 steps": {"unmask": "confidence", "steps": 4},
    "confidence in 16 steps": {"unmask": "confidence", "steps": 16},
    "ancestral in 16 steps": {"unmask": "ancestral", "steps": 16, "grid": "uniform"},
    "margin in 16 steps": {"unmask": "margin", "steps": 16, "choice_noise": 0.2},
    "entropy in 16 steps": {"unmask": "entropy", "steps": 16, "choice_noise": 0.5},
    "random in 16 steps": {"unmask": "random", "steps": 16},
    "halton in 16 steps": {"unmask": "halton", "steps": 16},
    "threshold 0.9 in at most 16": {"unmask": "threshold", "threshold": 0.9, "steps": 16},
    "entropy-bounded 0.5 in at most 16": {"unmask": "entropy-bounded", "entropy_bound": 0.5, "steps": 16},
    "ancestral and remdm-cap 0.1": {"unmask": "ancestral", "steps": 16, "remask": "remdm-cap", "remask_rate": 0.1},
    "ancestral and forward-backward": {"unmask": "ancestral", "steps": 16, "remask": "forward-backward"},
    "confidence with guidance linear to 3": {"steps": 16, "guidance": 3.0, "guidance_schedule": "linear"},
}


def toml_value(value):
    return json.dumps(value)  # strings, numbers and lists are spelled alike


def with_sampler(checkpoint, keys, folder):
    """A checkpoint directory that differs in its recipe's [sampler] alone."""
    for entry in checkpoint.iterdir():
        if entry.name != "recipe.toml":
            (folder / entry.name).symlink_to(entry.resolve())
    (folder / "original.toml").write_bytes((checkpoint / "recipe.toml").read_bytes())
    lines = ['base = "./original.toml"', "[sampler]", *(f"{key} = {toml_value(value)}" for key, value in keys.items())]
    (folder / "recipe.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def evaluate(options, keys):
    """Rows of scores, and seconds; None where the sampler is refused."""
    with tempfile.TemporaryDirectory() as folder:
        with_sampler(options.checkpoint, keys, pathlib.Path(folder))
        command = [options.program, "evaluate", folder, "--data", options.data, "--json", "--threads", "1",
                   "--generated", str(options.generated), "--metrics", *options.metrics.split(",")]
        begin = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode == 2:
            return None, 0.0
        done.check_returncode()
        return json.loads(done.stdout)["rows"], time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("data")
    parser.add_argument("--program", default="build/palimpsest")
    parser.add_argument("--generated", type=int, default=32)
    parser.add_argument("--metrics", default="caption-to-picture,inpainting")
    parser.add_argument("--only", help="names of rows, separated by commas")
    parser.add_argument("--json", help="write everything that was measured there")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else list(SAMPLERS)
    if unknown := [name for name in wanted if name not in SAMPLERS]:
        parser.error(f"--only: no such row: {unknown[0]}; there are: {', '.join(SAMPLERS)}")
    measured, columns = {}, []
    for name in wanted:
        keys = SAMPLERS[name]
        rows, seconds = evaluate(options, keys)
        if rows is None:
            print(f"{name}: refused for this checkpoint", file=sys.stderr)
            continue
        measured[name] = {"keys": keys, "seconds": seconds, "rows": rows}
        for row in rows:
            column = (row["name"], row["split"])
            if column not in columns:
                columns.append(column)
    print("| sampler | seconds | " + " | ".join(f"{name}, {split}" for name, split in columns) + " |")
    print("|---|---|" + "---|" * len(columns))
    for name, result in measured.items():
        values = {(row["name"], row["split"]): row["value"] for row in result["rows"]}
        cells = [f"{values[column]:.3g}" if column in values else "" for column in columns]
        print(f"| {name} | {result['seconds']:.1f} | " + " | ".join(cells) + " |")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(measured, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
