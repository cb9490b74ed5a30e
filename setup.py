"""Thin by design: everything but the dependencies, which requirements.txt holds, is in
pyproject.toml.
"""

import pathlib

import setuptools

lines = (pathlib.Path(__file__).parent / "requirements.txt").read_text().splitlines()
setuptools.setup(install_requires=[line for line in lines if line and not line.startswith("#")])
