"""Reads safetensors files (https://huggingface.co/docs/safetensors) with numpy alone."""
import json

import numpy

DTYPES = {"F32": numpy.float32, "F64": numpy.float64}


def read(path):
    """Gives (name, array) for each tensor, one at a time, so that no more than one is in memory twice."""
    with open(path, "rb") as file:
        header, data_start = _header(file)
        header.pop("__metadata__", None)
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            dtype = numpy.dtype(DTYPES[entry["dtype"]])
            file.seek(data_start + begin)
            array = numpy.fromfile(file, dtype, (end - begin) // dtype.itemsize)
            yield name, array.reshape(entry["shape"])


def shapes(path):
    with open(path, "rb") as file:
        return {name: entry["shape"] for name, entry in _header(file)[0].items() if name != "__metadata__"}


def metadata(path):
    with open(path, "rb") as file:
        return _header(file)[0].get("__metadata__", {})


def _header(file):
    """The header, and where the data begins."""
    length = int.from_bytes(file.read(8), "little")
    return json.loads(file.read(length)), 8 + length
