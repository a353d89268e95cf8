#!/usr/bin/env python3
"""Writes odd.tar.gz, whose members have odd names, and groups.json: how the `webdataset` package groups them.

usage: make_groups.py        (needs `pip install webdataset braceexpand`; writes beside itself)

A leading "./" is dropped from keys, which palimpsest does too.
"""
import gzip
import io
import json
import pathlib
import tarfile

from webdataset import tariterators

HERE = pathlib.Path(__file__).parent
LONG = "long/" + "k" * 120 + "/" + "n" * 90
NAMES = [
    "a.txt", "a.JSON", "a.seg.PNG",           # one key, extensions of several parts, in lower case
    "b.txt", "README", "b.cls",               # a member without extension parts no group
    "dir.with.dots/c.txt", "dir.with.dots/c.json", "dir.with.dots/readme", "dir.with.dots/d.txt",
    "./e.txt", "./e.cls",
    "__index__", "__meta__/f.txt", "__f__.txt", "____/x.txt",
    "g/.hidden", ".hidden", "h..txt", "i.", "j/k.l/m.txt",
    "a/b/c.txt", "a/b/c.tar.gz", "ключ/鍵.txt", "sp ace/q r.txt", "n.txt/o.txt",
    LONG + ".txt", LONG + ".cls",
]


def write_tar(path, form):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for index, name in enumerate(NAMES):
            content = f"content {index}".encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
            if name == "a.seg.PNG":
                folder = tarfile.TarInfo("a.folder")
                folder.type = tarfile.DIRTYPE
                tar.addfile(folder)
    with open(path, "wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
        packed.write(out.getvalue())


def groups_of(path):
    with gzip.open(path) as stream:
        files = list(tariterators.tar_file_expander([{"url": path.name, "stream": stream}]))
    groups = []
    for sample in tariterators.group_by_keys(iter(files)):
        key = sample.pop("__key__")
        sample = {name: value.decode() for name, value in sample.items() if not name.startswith("__")}
        groups.append({"key": key[2:] if key.startswith("./") else key, "members": sample})
    return groups


for name, form in (("pax", tarfile.PAX_FORMAT), ("gnu", tarfile.GNU_FORMAT)):
    write_tar(HERE / f"odd-{name}.tar.gz", form)
    groups = groups_of(HERE / f"odd-{name}.tar.gz")
    text = json.dumps(groups, indent=1, ensure_ascii=False) + "\n"
    if name == "pax":
        (HERE / "groups.json").write_text(text, encoding="utf-8")
    else:
        assert text == (HERE / "groups.json").read_text(encoding="utf-8")
