"""Builds the native floor: Cython over the system's OpenSSL (3.0 or later) and Linux system calls."""

from Cython.Build import cythonize
from setuptools import Extension, setup

FLAGS = ["-O2", "-Wall", "-Wno-unused-function", "-fno-strict-aliasing"]

setup(
    ext_modules=cythonize(
        [
            Extension(
                "ftpsd.native._openssl", ["src/ftpsd/native/_openssl.pyx"],
                libraries=["ssl", "crypto"], extra_compile_args=FLAGS,
            ),
            Extension("ftpsd.native._system", ["src/ftpsd/native/_system.pyx"], extra_compile_args=FLAGS),
        ],
        compiler_directives={"language_level": "3", "embedsignature": True},
    )
)
