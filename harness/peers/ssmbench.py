"""The variants of ssmbench from Python, through libssmbench and ctypes alone.

    import ssmbench
    problem = ssmbench.Problem("selscan", batch=2, channels=96, length=1000, state=16)
    problem.run("selscan/chunked@cpu", u=u, delta=delta, A=A, B=B, C=C, out=out)

Arrays are whatever offers __array_interface__ (numpy), __dlpack__ (PyTorch, CuPy, JAX) or
__cuda_array_interface__ (CuPy, Numba), without gaps, in the shapes and types that
Problem.tensors tells. Nothing is copied: outputs are written into the arrays given.
The C interface behind this is kernels/ssmbench.h; docs/python.md has examples.
"""

import ctypes
import os
from collections import namedtuple

ABI, MESSAGE_SIZE, WORKSPACE_ALIGNMENT = 1, 1024, 256
HERE = os.path.dirname(os.path.abspath(__file__))
PLACES = [os.environ.get("SSMBENCH_LIBRARY", ""), os.path.join(HERE, "libssmbench.so"),
          os.path.join(HERE, "..", "..", "build", "libssmbench.so"),
          os.path.join(HERE, "..", "..", "libssmbench.so")]  # the last one in a bundle

Tensor = namedtuple("Tensor", "name dtype shape output")
Array = namedtuple("Array", "pointer shape dtype cuda writable")


class Error(Exception):
    """What the library says of a call that it refuses."""


class _Tensor(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_char_p), ("present", ctypes.c_int32),
                ("output", ctypes.c_int32), ("rank", ctypes.c_int32), ("reserved", ctypes.c_int32),
                ("dim", ctypes.c_int64 * 4), ("bytes", ctypes.c_int64)]


class _DLTensor(ctypes.Structure):
    """DLTensor of DLPack's dlpack.h."""
    _fields_ = [("data", ctypes.c_void_p), ("device", ctypes.c_int32), ("id", ctypes.c_int32),
                ("rank", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("offset", ctypes.c_uint64)]


def _load():
    for place in PLACES:
        if place and os.path.exists(place):
            library = ctypes.CDLL(place)
            break
    else:
        raise Error("no libssmbench.so: expected one that `make` built, or a path in "
                    "SSMBENCH_LIBRARY")
    if library.ssmbench_abi() != ABI:
        raise Error(f"{place} has interface {library.ssmbench_abi()}: expected {ABI}")
    text, size, pointer = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p
    library.ssmbench_version.restype = library.ssmbench_variant.restype = text
    library.ssmbench_problem_new.restype = pointer
    library.ssmbench_problem_new.argtypes = [text, text, text, size]
    library.ssmbench_problem_free.argtypes = [pointer]
    library.ssmbench_tensor.argtypes = [pointer, ctypes.c_int, ctypes.POINTER(_Tensor)]
    library.ssmbench_accepts.argtypes = [pointer, text, text, size]
    library.ssmbench_workspace.argtypes = [pointer, text, ctypes.POINTER(size), text, size]
    library.ssmbench_run.argtypes = [pointer, text, ctypes.POINTER(pointer), pointer, pointer,
                                     text, size]
    return library


_library = _load()


def version():
    """The commit that the library was built from."""
    return _library.ssmbench_version().decode()


def variants():
    """The names of all variants: "selscan/chunked@cuda"."""
    names = []
    while (name := _library.ssmbench_variant(len(names))) is not None:
        names.append(name.decode())
    return names


def _packed(shape, strides, size):
    """Whether strides, in units of which an element has `size`, leave no gap."""
    expected = size
    for length, stride in reversed(list(zip(shape, strides))):
        if length != 1 and stride != expected:
            return False
        expected *= length
    return True


def _of_interface(interface, cuda):
    shape, strides = tuple(interface["shape"]), interface.get("strides")
    kind, size = interface["typestr"][1], int(interface["typestr"][2:])
    if strides is not None and 0 not in shape and not _packed(shape, strides, size):
        raise Error("an array with gaps: expected one that is contiguous")
    dtype = {"f4": "f32", "f2": "f16", "i4": "i32", "V2": "bf16", "u1": "u8"}.get(kind + str(size))
    pointer, read_only = interface["data"]
    return Array(pointer, shape, dtype, cuda, not read_only)


def _of_dlpack(array):
    device = array.__dlpack_device__()[0]
    # -1: no synchronisation; the caller's stream is the one that run() gets.
    capsule = array.__dlpack__(stream=-1) if device == 2 else array.__dlpack__()
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    tensor = _DLTensor.from_address(get(capsule, b"dltensor"))
    shape = tuple(tensor.shape[:tensor.rank])
    if tensor.strides and 0 not in shape and \
            not _packed(shape, tensor.strides[:tensor.rank], 1):
        raise Error("an array with gaps: expected one that is contiguous")
    dtype = {(2, 32): "f32", (2, 16): "f16", (4, 16): "bf16", (0, 32): "i32", (1, 8): "u8"}
    return Array((tensor.data or 0) + tensor.offset, shape, dtype.get((tensor.code, tensor.bits)),
                 device == 2, True)


def _array(array):
    if hasattr(array, "__array_interface__"):
        return _of_interface(array.__array_interface__, False)
    if hasattr(array, "__dlpack__"):
        return _of_dlpack(array)
    if hasattr(array, "__cuda_array_interface__"):
        return _of_interface(array.__cuda_array_interface__, True)
    raise Error(f"{type(array).__name__}: expected an array with __array_interface__, __dlpack__ "
                "or __cuda_array_interface__")


class Problem:
    """An operation with its keys, as `ssmbench list ops` names them; True and False are on, off."""

    def __init__(self, op, **keys):
        words = {True: "on", False: "off"}
        text = ", ".join(f"{key} = {words[value] if isinstance(value, bool) else value}"
                         for key, value in keys.items())
        why = ctypes.create_string_buffer(MESSAGE_SIZE)
        self._handle = None
        handle = _library.ssmbench_problem_new(op.encode(), text.encode(), why, MESSAGE_SIZE)
        if not handle:
            raise Error(why.value.decode())
        self._handle = handle
        self._all = []
        tensor = _Tensor()
        while _library.ssmbench_tensor(handle, len(self._all), tensor) == 0:
            shape = tuple(tensor.dim[:tensor.rank])
            self._all.append((Tensor(tensor.name.decode(), tensor.dtype.decode(), shape,
                                     bool(tensor.output)), bool(tensor.present)))
        self.tensors = {tensor.name: tensor for tensor, present in self._all if present}

    def __del__(self):
        if self._handle:
            _library.ssmbench_problem_free(self._handle)

    def _call(self, function, *arguments):
        why = ctypes.create_string_buffer(MESSAGE_SIZE)
        if function(self._handle, *arguments, why, MESSAGE_SIZE):
            raise Error(why.value.decode())

    def accepts(self, variant):
        """None, or the sentence that says what the variant would take."""
        try:
            self._call(_library.ssmbench_accepts, variant.encode())
        except Error as error:
            return str(error)
        return None

    def workspace(self, variant):
        """Bytes of scratch memory that a run needs."""
        size = ctypes.c_size_t()
        self._call(_library.ssmbench_workspace, variant.encode(), size)
        return size.value

    def _pointer(self, tensor, array, cuda):
        got = _array(array)
        if got.shape != tensor.shape or got.dtype != tensor.dtype:
            raise Error(f"{tensor.name}: {got.dtype} {got.shape}: expected {tensor.dtype} "
                        f"{tensor.shape}")
        if got.cuda != cuda:
            raise Error(f"{tensor.name}: expected it in {'GPU' if cuda else 'main'} memory")
        if tensor.output and not got.writable:
            raise Error(f"{tensor.name}: expected an array that can be written")
        return None if 0 in got.shape else got.pointer

    def run(self, variant, workspace=None, stream=None, **arrays):
        """Runs the variant on arrays by name, all tensors of the problem. `stream` is a CUDA
        stream as a number (torch.cuda.current_stream().cuda_stream); @cuda returns at once.
        @cuda needs a `workspace`, an array of workspace() bytes, u8, on the GPU."""
        cuda = variant.endswith("@cuda")
        for name in set(self.tensors) ^ set(arrays):
            raise Error(f"{name}: expected the tensors {', '.join(self.tensors)}")
        pointers = (ctypes.c_void_p * len(self._all))(*[
            self._pointer(tensor, arrays[tensor.name], cuda) if present else None
            for tensor, present in self._all])
        size = self.workspace(variant)
        if workspace is not None:
            scratch = _array(workspace)
            if scratch.dtype != "u8" or scratch.cuda != cuda or scratch.shape[0] < size:
                raise Error(f"workspace: expected {size} bytes, u8, in "
                            f"{'GPU' if cuda else 'main'} memory")
            place = scratch.pointer
        elif cuda and size:
            raise Error(f"workspace: expected an array of {size} bytes, u8, on the GPU")
        else:
            memory = ctypes.create_string_buffer(size + WORKSPACE_ALIGNMENT)
            place = -(-ctypes.addressof(memory) // WORKSPACE_ALIGNMENT) * WORKSPACE_ALIGNMENT
        self._call(_library.ssmbench_run, variant.encode(), pointers, place, stream)
