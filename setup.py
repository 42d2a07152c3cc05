"""Only what pyproject.toml cannot say: the C helper is compiled through cffi."""

from setuptools import setup

setup(cffi_modules=["shared/ocicore/native/build_native.py:ffibuilder"])
