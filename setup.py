"""Builds the native floor: Cython over the system's OpenSSL (3.0 or later) and Linux system calls."""

from __future__ import annotations

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

NATIVE = Path("src/ftpsd/native")
FLAGS = ["-O2", "-Wall", "-Wextra", "-Wno-unused-function", "-Wno-unused-parameter", "-fno-strict-aliasing"]


def extension(name: str, prefixes: tuple[str, ...], libraries: list[str]) -> list[Extension]:
    """The extension `ftpsd.native.<name>`, rebuilt when its headers and included parts change."""
    source = NATIVE / f"{name}.pyx"
    if not source.exists():
        return []
    depends = sorted(
        str(path) for path in NATIVE.iterdir()
        if path.suffix in {".h", ".pxi", ".pxd"} and path.name.startswith(prefixes)
    )
    return [
        Extension(
            f"ftpsd.native.{name}", [str(source)], include_dirs=[str(NATIVE)], depends=depends,
            libraries=libraries, extra_compile_args=FLAGS,
        )
    ]


setup(
    ext_modules=cythonize(
        [
            *extension("_openssl", ("ossl", "pull", "pump"), ["ssl", "crypto", "z", "m"]),
            *extension("_system", ("pull", "sys"), []),
        ],
        compiler_directives={"language_level": "3", "embedsignature": False},
    )
)
