"""Addresses s3:// for TFX: tables can be read from, and versions pushed to, a bucket of S3 or of what speaks like it.

TensorFlow 2.21 has no such file system any more; Beam has one, on boto3, and everything here goes through it.
Credentials and endpoint are boto3's business: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT_URL`, a role.
"""

import io
from collections.abc import Callable, Iterator
from typing import Any

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from tfx.dsl.io import filesystem, filesystem_registry

_PLAIN = CompressionTypes.UNCOMPRESSED  # what it is called decides nothing


class S3Filesystem(filesystem.Filesystem):
    """TFX's file system interface; folders are what keys have in common, so there are no empty ones."""

    SUPPORTED_SCHEMES = ["s3://"]

    @staticmethod
    def open(name: str, mode: str = "r") -> Any:
        """Opens an object; `mode` is r, rb, w or wb, and what is written is there once the file is closed."""
        binary = (FileSystems.create if "w" in mode else FileSystems.open)(name, compression_type=_PLAIN)
        return binary if "b" in mode else io.TextIOWrapper(binary, encoding="utf-8")

    @staticmethod
    def copy(src: str, dst: str, overwrite: bool = False) -> None:
        """Copies an object."""
        if not overwrite and S3Filesystem.exists(dst):
            raise OSError(f"{dst} exists, and is not to be overwritten")
        FileSystems.copy([src], [dst])

    @staticmethod
    def exists(path: str) -> bool:
        """Whether there is an object, or any below it."""
        return bool(_match(path)) or S3Filesystem.isdir(path)

    @staticmethod
    def glob(pattern: str) -> list[str]:
        """Objects that match a pattern."""
        return _match(pattern)

    @staticmethod
    def isdir(path: str) -> bool:
        """Whether there are objects below an address."""
        return bool(_below(path))

    @staticmethod
    def listdir(path: str) -> list[str]:
        """Names of the objects and folders in a folder."""
        return sorted({key.partition("/")[0] for key in _below(path)})

    @staticmethod
    def makedirs(path: str) -> None:
        """Nothing: folders come with their objects."""

    mkdir = makedirs

    @staticmethod
    def remove(path: str) -> None:
        """Deletes an object."""
        FileSystems.delete([path])

    @staticmethod
    def rename(src: str, dst: str, overwrite: bool = False) -> None:
        """Copies an object and deletes the first: there is no renaming in one step."""
        S3Filesystem.copy(src, dst, overwrite)
        S3Filesystem.remove(src)

    @staticmethod
    def rmtree(path: str) -> None:
        """Deletes all objects below an address."""
        if keys := _below(path):
            FileSystems.delete([f"{path.rstrip('/')}/{key}" for key in keys])

    @staticmethod
    def stat(path: str) -> Any:
        """Size and time of an object, as Beam's metadata."""
        return FileSystems.match([path])[0].metadata_list[0]

    @staticmethod
    def walk(
        top: str, topdown: bool = True, onerror: Callable[..., None] | None = None
    ) -> Iterator[tuple[str, list[str], list[str]]]:
        """Folders below an address, each with the names of the folders and objects in it."""
        keys = _below(top)
        files = [key for key in keys if "/" not in key]
        folders = sorted({key.partition("/")[0] for key in keys if "/" in key})
        if topdown:
            yield top, folders, files
        for folder in folders:
            yield from S3Filesystem.walk(f"{top.rstrip('/')}/{folder}", topdown, onerror)
        if not topdown:
            yield top, folders, files


def register() -> None:
    """Makes TFX use it, before its own, which promises s3:// and cannot."""
    FileSystems.set_options(PipelineOptions([]))  # without any, Beam's refuses to start outside a pipeline
    filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY.register(S3Filesystem, priority=0)


def _match(pattern: str) -> list[str]:
    return [found.path for found in FileSystems.match([pattern])[0].metadata_list]


def _below(path: str) -> list[str]:
    """Keys below an address, relative to it."""
    folder = path.rstrip("/") + "/"
    return [found.removeprefix(folder) for found in _match(f"{folder}**")]
