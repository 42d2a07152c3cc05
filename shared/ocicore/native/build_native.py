"""Compile the C helper `_native` through cffi (API mode, limited API, so one file serves every Python ≥ 3.11).

Run directly, it builds in place, beside itself; setup.py uses `ffibuilder`. the *api.h files are the one
list of declarations, read by the C compiler and by cffi alike.
"""

from __future__ import annotations

import functools
import glob
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile

from cffi import FFI

HERE = os.path.dirname(os.path.abspath(__file__))
MODULE = "ocicore.native._native"
DECLARATIONS = ["api.h", "archive_api.h", "tree_api.h"]
WARNINGS = ["-Wall", "-Wextra"]


def _compiler() -> list[str]:
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def embed_pause_program() -> None:
    """Compile pause.c to a static program and write its bytes to pause_image.h for userns.c."""
    program = os.path.join(HERE, "pause.bin")
    protection = ["-fcf-protection=none"] if os.uname().machine == "x86_64" else []
    command = [
        *_compiler(),
        *("-Os", *WARNINGS, "-static", "-nostdlib", "-ffreestanding", "-fno-pie"),
        *("-fno-stack-protector", "-fno-asynchronous-unwind-tables", *protection),
        *("-s", "-Wl,--build-id=none", "-Wl,-z,norelro", "-Wl,-z,noseparate-code", "-Wl,-z,noexecstack"),
        *("-o", program, os.path.join(HERE, "pause.c")),
    ]
    subprocess.run(command, check=True)
    with open(program, "rb") as stream:
        image = stream.read()
    os.unlink(program)
    lines = [",".join(str(byte) for byte in image[i : i + 24]) for i in range(0, len(image), 24)]
    text = "static const unsigned char pause_image[] = {\n" + ",\n".join(lines) + "};\n"
    target = os.path.join(HERE, "pause_image.h")
    if not os.path.exists(target) or open(target).read() != text:
        with open(target, "w") as out:
            out.write(text)


def make_builder(base: str, *, strict: bool = False) -> FFI:
    """The cffi builder; paths of sources are relative to `base`, or absolute when it is "/".

    `strict` makes warnings errors: for us, not for whoever installs with a compiler we have not seen.
    """
    builder = FFI()
    for header in DECLARATIONS:
        with open(os.path.join(HERE, header), encoding="utf-8") as stream:
            builder.cdef(stream.read())
    # setuptools wants relative names; objects of absolute ones land below the scratch folder.
    place = os.path.abspath if base == "/" else functools.partial(os.path.relpath, start=base)
    sources = [
        place(path)
        for path in sorted(glob.glob(os.path.join(HERE, "*.c")))
        if os.path.basename(path) not in ("pause.c", "_native.c")
    ]
    # -Wno-unused-parameter is for the file cffi generates.
    builder.set_source(
        MODULE,
        '#include "native.h"\n',
        sources=sources,
        include_dirs=[place(HERE)],
        define_macros=[("_GNU_SOURCE", "1"), ("_FILE_OFFSET_BITS", "64")],
        extra_compile_args=[
            *("-std=gnu11", "-O2", "-fvisibility=hidden", *WARNINGS, "-Wno-unused-parameter"),
            *(["-Werror"] if strict else []),
        ],
        py_limited_api=True,
    )
    return builder


embed_pause_program()
ffibuilder = make_builder(os.getcwd())


def build_in_place() -> str:
    """Compile beside this file; the module that is there is replaced at once, so that running programs never miss it."""
    with tempfile.TemporaryDirectory() as scratch:
        made = make_builder("/", strict=True).compile(tmpdir=scratch, verbose="-v" in sys.argv)
        target = os.path.join(HERE, os.path.basename(made))
        fresh = f"{target}.{os.getpid()}"
        shutil.copy2(made, fresh)
    os.replace(fresh, target)
    return target


if __name__ == "__main__":
    print(build_in_place())
