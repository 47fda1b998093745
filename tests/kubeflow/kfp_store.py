"""Where the stand-in cluster keeps artefacts: a bucket of an S3 server, or, as no real launcher can, a folder."""

import pathlib
import shutil
from typing import Protocol

import boto3


class Store(Protocol):
    """What the launcher copies from and to."""

    root: str

    def download(self, uri: str, path: pathlib.Path) -> None:
        """Copies an artefact, a file or a folder, to `path`; an empty one leaves nothing there."""

    def upload(self, path: pathlib.Path, uri: str) -> None:
        """Copies a file or the files of a folder, if it is there; object stores know no empty folders."""


class Bucket:
    """A bucket behind minio:// or s3://."""

    def __init__(self, endpoint: str, root: str):
        self.root = root
        self._bucket = root.partition("://")[2].partition("/")[0]
        self._client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        self._client.create_bucket(Bucket=self._bucket)

    def _key(self, uri: str) -> str:
        bucket, _, key = uri.partition("://")[2].partition("/")
        assert bucket == self._bucket
        return key

    def keys(self, uri: str) -> list[str]:
        """All objects below an address."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._key(uri))
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def download(self, uri: str, path: pathlib.Path) -> None:
        prefix = self._key(uri)
        for key in self.keys(uri):
            rest = key.removeprefix(prefix).lstrip("/")
            target = path / rest if rest else path
            target.parent.mkdir(parents=True, exist_ok=True)
            self._client.download_file(self._bucket, key, str(target))

    def upload(self, path: pathlib.Path, uri: str) -> None:
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        for file in files:
            key = self._key(uri) + (f"/{file.relative_to(path)}" if file != path else "")
            self._client.upload_file(str(file), self._bucket, key)


class Folder:
    """A folder that all tasks see, so that there is nothing to copy; `kfp.local` works so, a cluster does not."""

    def __init__(self, root: pathlib.Path):
        self.root = str(root)

    def download(self, uri: str, path: pathlib.Path) -> None:
        assert str(path) == uri

    def upload(self, path: pathlib.Path, uri: str) -> None:
        assert str(path) == uri
        for folder in [*path.rglob("*"), path] if path.is_dir() else []:  # as a bucket would, it forgets empty ones
            if folder.is_dir() and not any(folder.iterdir()):
                shutil.rmtree(folder)
