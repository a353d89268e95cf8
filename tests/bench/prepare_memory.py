"""Memory and speed of 'palimpsest prepare' over many small samples: a line of JSON, and a plot of memory against samples.

    python3 tests/bench/prepare_memory.py --samples 1000000 --svg docs/preparing-memory.svg
"""
import argparse
import json
import os
import random
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARD = 8192
RECIPE = """
[data]
source = "{source}"
[data.roles.caption]
kind = "text"
members = ["txt"]
[data.splits.train]
[tokenizers.caption]
path = "checkpoints/emoji/tokenizers/caption"
[filters.words]
role = "caption"
measure = "words"
min = 2
[prepare]
samples_per_shard = {shard}
batch = 64
"""
DUPLICATES = """
[duplicates.caption]
kind = "exact"
roles = ["caption"]
"""


def write_source(path, samples):
    """Lines of words drawn with a fixed seed; some are too short, some come twice."""
    draw = random.Random(1)
    words = [line.split()[0] for line in open(ROOT / "datasets/bundled/emoji4/phrases.txt") if line.strip()]
    with open(path, "w") as out:
        for _ in range(samples):
            out.write(" ".join(draw.choices(words, k=draw.randint(1, 8))) + "\n")


def resident(process):
    """Bytes of memory, or None when the process has ended."""
    try:
        fields = (line.split() for line in open(f"/proc/{process.pid}/status"))
        return next(int(field[1]) * 1024 for field in fields if field[0] == "VmRSS:")
    except (OSError, StopIteration):
        return None


def cpu_seconds(process):
    try:
        fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return None


def watch(command, out):
    """Points of (samples written, bytes of memory), seconds, cores' worth of work."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
    points, cores = [], 0.0
    while process.poll() is None:
        bytes_held, used = resident(process), cpu_seconds(process)
        done = len(list(out.glob("train-*.h5"))) * SHARD
        if bytes_held and used is not None:
            points.append((done, bytes_held))
            cores = used / (time.monotonic() - begin)
        time.sleep(0.25)
    if process.returncode != 0:
        raise SystemExit(f"prepare ended with {process.returncode}")
    return points, time.monotonic() - begin, cores, json.loads(process.stdout.read())


def svg(points, width=640, height=240, left=64, bottom=40):
    most = max(samples for samples, _ in points) or 1
    top = 1.25 * max(held for _, held in points)
    x = lambda samples: left + (width - left - 16) * samples / most
    y = lambda held: height - bottom - (height - bottom - 16) * held / top
    line = " ".join(f"{x(s):.1f},{y(h):.1f}" for s, h in points)
    marks = "".join(
        f'<text x="{left - 8}" y="{y(top * part):.1f}" text-anchor="end" dy="4">{top * part / 2**20:.0f}</text>'
        for part in (0, 0.25, 0.5, 0.75, 1))
    marks += "".join(
        f'<text x="{x(most * part):.1f}" y="{height - bottom + 18}" text-anchor="middle">{most * part / 1e6:.2f}</text>'
        for part in (0, 0.25, 0.5, 0.75, 1))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">\n'
            f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
            f'<path d="M{left},16V{height - bottom}H{width - 16}" stroke="#888" fill="none"/>\n{marks}\n'
            f'<text x="{(left + width) / 2}" y="{height - 6}" text-anchor="middle">million samples written</text>\n'
            f'<text x="14" y="{height / 2}" text-anchor="middle" transform="rotate(-90 14 {height / 2})">resident MiB</text>\n'
            f'<polyline points="{line}" fill="none" stroke="#3468b0" stroke-width="2"/>\n</svg>\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--program", default=str(ROOT / "build/palimpsest"))
    parser.add_argument("--duplicates", action="store_true", help="look for duplicates too, which are remembered")
    parser.add_argument("--svg", type=Path, help="where the plot goes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_source(folder / "lines.txt", arguments.samples)
        (folder / "lines.toml").write_text(RECIPE.format(source=folder / "lines.txt", shard=SHARD) + (DUPLICATES if arguments.duplicates else ""))
        out = folder / "out"
        points, seconds, cores, report = watch(
            [arguments.program, "prepare", str(folder / "lines.toml"), "--out", str(out), "--threads",
             str(arguments.threads), "--json"], out)
        if arguments.svg:
            arguments.svg.write_text(svg(points))
        held = [bytes_held for _, bytes_held in points]
        early = next(bytes_held for written, bytes_held in points if 10 * written >= points[-1][0])
        print(json.dumps({"samples": report["train"]["inputs"], "kept": report["train"]["kept"], "seconds": round(seconds, 1),
                          "samples/s": round(report["train"]["inputs"] / seconds), "cores": round(cores, 2),
                          "MiB at a tenth": early >> 20, "MiB at the end": held[-1] >> 20,
                          "peak MiB": max(held) >> 20}))


if __name__ == "__main__":
    main()
