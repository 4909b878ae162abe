"""Reads and writes files of the format safetensors: 8 bytes, little-endian, the length of the
header; the header, JSON; the elements of the tensors, without gap or overlap.
"""

import json
import os
import struct
from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Tuple

ELEMENT_BYTES = {"F64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2}
LENGTH = struct.Struct("<Q")


class FormatError(Exception):
    """A sentence: the file, what is wrong with it, what was expected."""


@dataclass(frozen=True)
class Stored:
    """A tensor of a file: `offset` and `size`, in bytes, are of its elements in the file."""

    dtype: str
    shape: Tuple[int, ...]
    offset: int
    size: int


@dataclass(frozen=True)
class File:
    """The header of a file, checked."""

    path: str
    tensors: Dict[str, Stored]
    metadata: Dict[str, str]

    def read(self, name: str) -> bytearray:
        """The elements of a tensor."""
        stored = self.tensors[name]
        data = bytearray(stored.size)
        with open(self.path, "rb") as file:
            file.seek(stored.offset)
            if file.readinto(data) != stored.size:
                raise FormatError(f"{self.path}: tensor {name} is cut off: the file changed")
        return data


def read_header(path: str) -> File:
    """Reads and checks the header of a file, whose length has to be what the header says."""
    with open(path, "rb") as file:
        total = os.fstat(file.fileno()).st_size
        if total < LENGTH.size:
            raise FormatError(f"{path}: {total} bytes: expected a .safetensors file, of 8 at least")
        (length,) = LENGTH.unpack(file.read(LENGTH.size))
        start = LENGTH.size + length
        if start > total:
            raise FormatError(f"{path}: a header of {length} bytes in a file of {total}: expected "
                              "one that is in the file")
        try:
            header = json.loads(file.read(length).decode("utf-8"))
        except ValueError as error:
            raise FormatError(f"{path}: its header: {error}: expected a JSON object") from error
    if not isinstance(header, dict):
        raise FormatError(f"{path}: its header: expected a JSON object")
    metadata = header.pop("__metadata__", {})
    tensors = {name: parse_tensor(path, name, entry, start) for name, entry in header.items()}
    check_ranges(path, list(tensors.values()), start, total)
    return File(path, tensors, metadata)


def is_size(value: Any) -> bool:
    return type(value) is int and value >= 0


def parse_tensor(path: str, name: str, entry: Any, start: int) -> Stored:
    """One entry of the header. `start` is where the elements begin in the file."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        element = ELEMENT_BYTES[dtype]
        good = all(is_size(value) for value in [begin, end, *shape])
    except (KeyError, TypeError, ValueError):
        good = False
    if not good:
        raise FormatError(f"{path}: tensor {name}: expected dtype (one of "
                          f"{', '.join(ELEMENT_BYTES)}), shape and data_offsets")
    size = element
    for dim in shape:
        size *= dim
    if end - begin != size:
        raise FormatError(f"{path}: tensor {name}: {end - begin} bytes, expected {size} of its "
                          "shape and dtype")
    return Stored(dtype, tuple(shape), start + begin, size)


def check_ranges(path: str, tensors: List[Stored], start: int, total: int) -> None:
    """Tensors have to cover the file from `start` to its end, without gap or overlap."""
    at = start
    for stored in sorted(tensors, key=lambda stored: (stored.offset, stored.size)):
        if stored.offset != at:
            raise FormatError(f"{path}: expected tensors without gap or overlap; byte {at} has one")
        at += stored.size
    if at != total:
        raise FormatError(f"{path}: {total} bytes, expected {at} as its header says")


def write(path: str, tensors: Sequence[Tuple[str, str, Sequence[int], Any]]) -> None:
    """Writes (name, dtype, shape, elements as bytes or buffer) of each tensor."""
    header, at = {}, 0
    for name, dtype, shape, data in tensors:
        size = memoryview(data).nbytes
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(LENGTH.pack(len(text)) + text)
        for _, _, _, data in tensors:
            file.write(data)
