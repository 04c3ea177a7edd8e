"""Writes the .pth files of this folder, and beside each what PyTorch itself reads from it (NAME.json).

Run with Debian's python3-torch (1.13.1): /usr/bin/python3 generate.py. The files are committed; run it only to add one.
"""
import argparse
import collections
import json
import os
import pathlib
import zipfile

import numpy
import torch

HERE = pathlib.Path(__file__).parent
DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64", "complex128"]
torch.manual_seed(0)


def bits(tensor):
    """Raw little-endian bytes of the values in row-major order, in hex."""
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.int16)
    return tensor.numpy().tobytes().hex()


def tensors(value, name=""):
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from tensors(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from tensors(item, f"{name}.{index}" if name else str(index))


def save(name, value, weights=None, **options):
    path = HERE / name
    torch.save(value, path, **options)
    read = torch.load(path)
    expected = {key: {"dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "bits": bits(t)}
                for key, t in tensors(read if weights is None else weights(read))}
    (HERE / (name + ".json")).write_text(json.dumps(expected, indent=0) + "\n")


def every_dtype():
    return {name: (torch.randn(2, 3) * 50).to(getattr(torch, name)) for name in DTYPES}


def layouts():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    shared = torch.arange(8, dtype=torch.int64)
    return collections.OrderedDict([
        ("whole", base), ("transposed", base.t()), ("rows", base[1:3]), ("columns", base[:, 2:5]), ("steps", base[::2, ::3]),
        ("scalar", torch.tensor(2.5)), ("empty", torch.zeros(0, 3)), ("expanded", torch.ones(1, 3).expand(4, 3)),
        ("first", shared[:4]), ("last", shared[4:]), ("same", shared),
    ])


def training():
    """A checkpoint as MAE-style scripts leave it after a step of AdamW under DataParallel."""
    model = torch.nn.DataParallel(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 12,
        "scaler": {"scale": 65536.0, "growth_interval": 2000, "_growth_tracker": 0},
        "args": argparse.Namespace(lr=1e-3, model="mae_vit_base_patch16", data_path=pathlib.PurePosixPath("data"), blr=None, betas=(0.9, 0.95), big=2 ** 80),
        "best": numpy.float64(0.8061), "step": numpy.int32(-7), "rate": numpy.float32(0.5), "flag": numpy.bool_(True),
        "history": collections.defaultdict(list, {"loss": [0.5, 0.25]}), "names": {"a"}, "raw": b"\x00\xff", "array": numpy.arange(3),
        "device": torch.device("cpu"), "dtype": torch.float16, "size": torch.Size([2, 3]), "counter": collections.Counter("aab"),
    }


def parameters():
    return {"state_dict": {"weight": torch.nn.Parameter(torch.randn(2, 2)), "tied": None}}


def rewrite(source, name, change):
    """Copies an archive entry by entry, as a tool other than torch.save would."""
    with zipfile.ZipFile(HERE / source) as old, zipfile.ZipFile(HERE / name, "w", zipfile.ZIP_STORED) as new:
        for info in old.infolist():
            change(new, info.filename, old.read(info))


save("dtypes.pth", every_dtype())
save("dtypes_legacy.pth", every_dtype(), _use_new_zipfile_serialization=False)
save("layouts.pth", layouts())
save("layouts_legacy.pth", layouts(), _use_new_zipfile_serialization=False)
for protocol in (3, 4, 5):
    save(f"protocol{protocol}.pth", {"model": layouts()}, weights=lambda read: read["model"], pickle_protocol=protocol)
save("protocol4_legacy.pth", layouts(), pickle_protocol=4, _use_new_zipfile_serialization=False)
unwrap = lambda read: {key.removeprefix("module."): value for key, value in read["model"].items()}
save("training.pth", training(), weights=unwrap)
save("training_legacy.pth", training(), weights=unwrap, _use_new_zipfile_serialization=False)
save("parameters.pth", parameters(), weights=lambda read: read["state_dict"])
save("single.pth", torch.arange(5), weights=lambda read: {"tensor": read})
save("list.pth", [torch.ones(2), (torch.zeros(1), {"deep": torch.arange(3)})])

# What a big-endian machine writes (PyTorch 2.1 and later read it): the same elements turned around, and an entry that says so.
def turned(new, filename, data):
    if "/data/" in filename:
        data = numpy.frombuffer(data, dtype="<i2").byteswap().tobytes()
    new.writestr(filename, data)
    if filename.endswith("/version"):
        new.writestr(filename.replace("version", "byteorder"), "big")

torch.save({"a": torch.arange(6, dtype=torch.int16).reshape(2, 3), "b": (torch.randn(3) * 9).to(torch.bfloat16)}, HERE / "little.tmp")
rewrite("little.tmp", "bigendian.pth", turned)
read = torch.load(HERE / "little.tmp")
(HERE / "bigendian.pth.json").write_text(json.dumps({k: {"dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "bits": bits(t)} for k, t in read.items()}, indent=0) + "\n")
os.remove(HERE / "little.tmp")

# Files that must be refused: a whole model, a TorchScript archive.
class Net(torch.nn.Linear):
    pass

torch.save(Net(2, 2), HERE / "refused_module.pth")
torch.save(torch.nn.Linear(2, 2), HERE / "refused_module_legacy.pth", _use_new_zipfile_serialization=False)
torch.save({"model": Net(2, 2), "epoch": 1}, HERE / "refused_module_inside.pth")
torch.jit.script(torch.nn.Linear(2, 2)).save(str(HERE / "refused_script.pt"))
