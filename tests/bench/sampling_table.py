#!/usr/bin/env python3
"""What each sampler does to quality and time on one checkpoint: the table and the plot of docs/sampling.md.

usage: sampling_table.py CHECKPOINT DATA [--program build/palimpsest] [--generated 96] [--metric caption-to-picture]
                         [--split unseen-style] [--only NAME;...] [--at-once 1] [--json FILE] [--plot FILE.svg]

Each row is the checkpoint with other [sampler] keys, judged by `palimpsest evaluate` on the same held-out samples with the same
seed, and timed by `palimpsest bench generate`: seconds of eight pictures for a caption, on one thread. The first row is the
checkpoint's own sampler; every other one keeps what it does not name.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

# Every row but the checkpoint's own draws one candidate a sample, unless it says otherwise.
SINGLE = {"best_of": 1, "roles.picture.best_of": 1, "roles.speech.best_of": 1}
REMASKED = {"unmask": "ancestral", "grid": "uniform"}
# Name of the row -> keys of [sampler] that it sets.
SAMPLERS = {
    "the checkpoint's own": {},
    "one candidate": {"best_of": 1},
    "confidence, 4 steps": {"unmask": "confidence", "steps": 4},
    "confidence": {"unmask": "confidence"},
    "confidence, 64 steps": {"unmask": "confidence", "steps": 64},
    "margin": {"unmask": "margin"},
    "entropy": {"unmask": "entropy"},
    "random": {"unmask": "random"},
    "halton, 4 steps": {"unmask": "halton", "steps": 4},
    "halton, 64 steps": {"unmask": "halton", "steps": 64},
    "ancestral": REMASKED,
    "first-hitting, 64 steps": {"unmask": "first-hitting", "steps": 64},
    "threshold 0.5": {"unmask": "threshold", "threshold": 0.5},
    "entropy-bounded 2": {"unmask": "entropy-bounded", "entropy_bound": 2.0},
    "remdm-cap 0.1": {**REMASKED, "remask": "remdm-cap", "remask_rate": 0.1},
    "remdm-rescale 0.2": {**REMASKED, "remask": "remdm-rescale", "remask_rate": 0.2},
    "remdm-confidence 0.1": {**REMASKED, "remask": "remdm-confidence", "remask_rate": 0.1},
    "remdm-loop 0.1": {**REMASKED, "remask": "remdm-loop", "remask_rate": 0.1},
    "forward-backward": {**REMASKED, "remask": "forward-backward"},
    "edit": {"remask": "edit"},
    "top-k 20": {"top_k": 20},
    "top-p 0.9": {"top_p": 0.9},
    "min-p 0.1": {"min_p": 0.1},
    "blocks of 16": {"block": 16},
    "guidance rises linearly": {"guidance_schedule": "linear"},
    "no guidance": {"roles.caption.guidance": 1.0},
    "temperature 1": {"roles.picture.temperature": 1.0},
    "the best of 4": {"roles.picture.best_of": 4},
}


def with_sampler(checkpoint, keys, folder):
    """A checkpoint directory that differs in its recipe's [sampler] alone."""
    for entry in checkpoint.iterdir():
        if entry.name != "recipe.toml":
            (folder / entry.name).symlink_to(entry.resolve())
    (folder / "original.toml").write_bytes((checkpoint / "recipe.toml").read_bytes())
    values = ({**SINGLE, **keys} if keys else {}).items()
    lines = ['base = "./original.toml"', "[sampler]", *(f"{key} = {json.dumps(value)}" for key, value in values)]
    (folder / "recipe.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def ask(options, *arguments):
    """What the program prints as JSON; None where it refuses."""
    done = subprocess.run([options.program, *arguments, "--threads", "1", "--json"], stdout=subprocess.PIPE, text=True)
    if done.returncode == 2:
        return None
    done.check_returncode()
    return json.loads(done.stdout)


def measure(options, keys):
    """A row's rate with its interval, and seconds; None where the sampler is refused."""
    with tempfile.TemporaryDirectory() as folder:
        with_sampler(options.checkpoint, keys, pathlib.Path(folder))
        scores = ask(options, "evaluate", folder, "--data", options.data, "--generated", str(options.generated), "--metrics",
                     options.metric, "--picture-splits", options.split)
        if scores is None:
            return None
        speed = ask(options, "bench", "generate", folder, "--steps", str(keys.get("steps", options.steps)))
        row = scores["rows"][0]
        return {"name": row["name"], "value": row["value"], "low": row["low"], "high": row["high"], "seconds": speed["seconds"]}


def as_plot(measured, title):
    """SVG: a line a sampler, its rate with the interval on the left, its seconds on the right."""
    line, names, panel, gap = 20, 190, 320, 50
    right, height = names + panel + gap, 60 + line * len(measured)
    most = max(row["high"] for row in measured.values()), max(row["seconds"] for row in measured.values())
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right + panel + 50} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="100%" height="100%" fill="white"/><text x="{names}" y="18">{title}, 95% intervals</text>',
             f'<text x="{right}" y="18">seconds for eight pictures, one thread</text>']
    for tick in range(0, int(most[0] * 10) + 1):
        x = names + tick / 10 / most[0] * panel
        parts.append(f'<path d="M{x:.1f} 42V{height - 10}" stroke="#ddd"/><text x="{x - 8:.1f}" y="36">{tick * 10}%</text>')
    for index, (name, row) in enumerate(measured.items()):
        y = 56 + line * index
        low, value, high = (names + row[key] / most[0] * panel for key in ("low", "value", "high"))
        bar = row["seconds"] / most[1] * panel
        parts.append(f'<text x="{names - 10}" y="{y + 4}" text-anchor="end">{name}</text>'
                     f'<path d="M{low:.1f} {y}H{high:.1f}" stroke="#7ab" stroke-width="2"/><circle cx="{value:.1f}" cy="{y}" r="4" fill="#247"/>'
                     f'<rect x="{right}" y="{y - 6}" width="{bar:.1f}" height="12" fill="#7ab"/>'
                     f'<text x="{right + bar + 5:.1f}" y="{y + 4}">{row["seconds"]:.2f}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("data")
    parser.add_argument("--program", default="build/palimpsest")
    parser.add_argument("--generated", type=int, default=96)
    parser.add_argument("--metric", default="caption-to-picture")
    parser.add_argument("--split", default="unseen-style")
    parser.add_argument("--steps", type=int, default=16, help="the checkpoint's own")
    parser.add_argument("--only", help="names of rows, separated by ';'")
    parser.add_argument("--at-once", type=int, default=1, help="rows that are measured at a time, each on one thread")
    parser.add_argument("--json", help="write everything that was measured there")
    parser.add_argument("--plot", help="write the plot there, as SVG")
    options = parser.parse_args()
    wanted = options.only.split(";") if options.only else list(SAMPLERS)
    if unknown := [name for name in wanted if name not in SAMPLERS]:
        parser.error(f"--only: no such row: {unknown[0]}; there are: {'; '.join(SAMPLERS)}")
    measured = {}
    rows = ThreadPoolExecutor(options.at_once).map(lambda name: measure(options, SAMPLERS[name]), wanted)
    for name, row in zip(wanted, rows):
        if row is None:
            print(f"{name}: refused for this checkpoint", file=sys.stderr)
            continue
        measured[name] = row
        if len(measured) == 1:
            print(f"| sampler | {row['name']}, {options.split} | 95% | seconds for 8 |\n|---|---|---|---|")
        print(f"| {name} | {100 * row['value']:.0f}% | {100 * row['low']:.0f} to {100 * row['high']:.0f} | {row['seconds']:.2f} |",
              flush=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(measured, indent=1), encoding="utf-8")
    if options.plot:
        pathlib.Path(options.plot).write_text(as_plot(measured, f"{next(iter(measured.values()))['name']}, {options.split}, n {options.generated}"), encoding="utf-8")


if __name__ == "__main__":
    main()
