"""Data loading speed: webdataset + Pillow + BPE over captioned images, and h5py over pre-tokenised rows."""
import argparse
import functools
import io
import json
import os
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import torch
import webdataset as wds
from PIL import Image
from tokenizers import ByteLevelBPETokenizer

import measure

ROOT = Path(__file__).resolve().parents[3]
PICTURES = ("webp", "png", "jpg")
PAD = 50256  # GPT-2's end-of-text


def options():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tar", type=Path, required=True, help="captioned pictures, not compressed")
    p.add_argument("--bpe", type=Path, default=ROOT / "tests" / "data" / "gpt2")
    p.add_argument("--size", type=int, default=32, help="images are resized to this many pixels a side")
    p.add_argument("--caption", type=int, default=32, help="caption ids, padded")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--workers", type=int, nargs="+", default=[0], help="0: in the main process")
    p.add_argument("--shards", type=int, default=4, help="the tar is first split so that workers can share it")
    p.add_argument("--stages", action="store_true", help="the stages of the media's way one at a time too")
    p.add_argument("--rows", type=int, default=100_000, help="rows of the pre-tokenised file")
    p.add_argument("--length", type=int, default=320, help="int32 ids in a row")
    measure.repeat_options(p)
    return p.parse_args()


def split(tar, folder, shards):
    """Writes the samples unchanged into equal shards, as webdataset's own sharding of workers needs."""
    samples = list(wds.WebDataset(str(tar), shardshuffle=False))
    with wds.ShardWriter(f"{folder}/%03d.tar", maxcount=-(-len(samples) // shards), verbose=0) as out:
        for sample in samples:
            out.write({k: v for k, v in sample.items() if k == "__key__" or not k.startswith("__")})
    return sorted(map(str, Path(folder).glob("*.tar"))), len(samples)


def picture_of(sample):
    return next(sample[extension] for extension in PICTURES if extension in sample)


def image_of(picture, size):
    image = Image.open(io.BytesIO(picture)).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)  # 3 S S


def ids_of(text, bpe, length):
    ids = bpe.encode(text).ids[:length]
    return torch.tensor(ids + [PAD] * (length - len(ids)), dtype=torch.int32)


def prepare(sample, bpe, size, length):
    return image_of(picture_of(sample), size), ids_of(json.loads(sample["json"])["caption"], bpe, length)


def batches(shards, bpe, args, workers):
    convert = functools.partial(prepare, bpe=bpe, size=args.size, length=args.caption)
    dataset = wds.WebDataset(shards, shardshuffle=len(shards), seed=0).shuffle(1000).map(convert)
    return wds.WebLoader(dataset.batched(args.batch), batch_size=None, num_workers=workers)


def drain(loader):
    """Seconds of one epoch after its first batch (so starting the workers is not counted), and its samples."""
    it = iter(loader)
    next(it)
    start, seen = time.perf_counter(), 0
    for images, ids in it:
        seen += len(images)
    return time.perf_counter() - start, seen


def webdataset_rows(args):
    bpe = ByteLevelBPETokenizer.from_file(str(args.bpe / "vocab.json"), str(args.bpe / "merges.txt"))
    with tempfile.TemporaryDirectory() as folder:
        shards, total = split(args.tar, folder, args.shards)
        for workers in args.workers:
            def per_sample():
                seconds, seen = drain(batches(shards, bpe, args, workers))
                return seconds / seen
            seconds, noise = measure.repeated(per_sample, args.repeat)
            yield {"what": f"webdataset, {workers} workers", "samples/s": 1 / seconds, "us/sample": 1e6 * seconds, **noise}
        if args.stages:
            yield from stage_rows(args, shards, bpe, total)


def stage_rows(args, shards, bpe, total):
    """The same work one stage at a time, in the main process."""
    samples = [(picture_of(s), json.loads(s["json"])["caption"]) for s in wds.WebDataset(shards, shardshuffle=False)]
    stages = {
        "tar only": lambda: sum(1 for _ in wds.WebDataset(shards, shardshuffle=False)),
        "decode + resize": lambda: [image_of(picture, args.size) for picture, _ in samples],
        "BPE": lambda: [ids_of(text, bpe, args.caption) for _, text in samples],
        "BPE, one call": lambda: bpe.encode_batch([text for _, text in samples]),
    }
    for name, stage in stages.items():
        seconds, noise = measure.repeated(lambda: measure.median_seconds(stage, 1, 0), args.repeat)
        yield {"what": name, "samples/s": total / seconds, "us/sample": 1e6 * seconds / total, **noise}


def h5_rows(args):
    """Batches of rows from a chunked file: in order, shuffled by batch, and shuffled by row."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.h5"
        table = np.random.default_rng(0).integers(0, 5632, (args.rows, args.length), dtype=np.int32)
        with h5py.File(path, "w") as f:
            f.create_dataset("ids", data=table, chunks=(args.batch, args.length))
        del table
        whole = args.rows // args.batch * args.batch
        order = np.random.default_rng(1).permutation(whole).reshape(-1, args.batch)
        starts = np.arange(0, whole, args.batch)
        few = order[: min(len(order), 200)]
        with h5py.File(path) as f:
            ids = f["ids"]
            ways = {
                "h5py, in order": (whole, lambda: [ids[s : s + args.batch] for s in starts]),
                "h5py, batches shuffled": (whole, lambda: [ids[s : s + args.batch] for s in starts[order[:, 0] % len(starts)]]),
                "h5py, rows shuffled (sorted index)": (few.size, lambda: [ids[np.sort(rows)] for rows in few]),
                "h5py, rows shuffled (one by one)": (few.size, lambda: [np.stack([ids[r] for r in rows]) for rows in few]),
            }
            for name, (count, read) in ways.items():
                seconds, noise = measure.repeated(lambda: measure.median_seconds(read, 1, 0), args.repeat)
                yield {"what": name, "rows/s": count / seconds, "MiB/s": count * args.length * 4 / 2**20 / seconds, **noise}


def main():
    args = options()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    print("#", measure.machine(args, "webdataset", "pillow", "tokenizers", "h5py"), flush=True)
    measure.report(list(webdataset_rows(args)), args.json)
    measure.report(list(h5_rows(args)), args.json)


if __name__ == "__main__":
    main()
