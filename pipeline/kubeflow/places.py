"""Where the launcher of Kubeflow Pipelines keeps a container's artefacts.

Before it starts a container, the launcher copies its input artefacts out of the bucket, and afterwards its output
artefacts into it. In between they are in plain folders, by address: `minio://bucket/key` is `/minio/bucket/key`.
TensorFlow knows neither minio:// nor s3://, so components are told the folders.
"""

import os

_FOLDERS = {"minio://": "minio", "s3://": "s3", "gs://": "gcs"}


class Places:
    """Translates between addresses in buckets and the folders of one container."""

    def __init__(self, root: str = "/"):
        """Args:
        root: what the launcher's folders are in; the root of the container's file system but for tests.
        """
        self._folders = {scheme: os.path.join(root, name) + "/" for scheme, name in _FOLDERS.items()}

    def folder(self, address: str) -> str:
        """The folder of an artefact's address; anything else, such as a plain path, is returned as it is."""
        for scheme, folder in self._folders.items():
            if address.startswith(scheme):
                return folder + address.removeprefix(scheme)
        return address

    def address(self, folder: str) -> str:
        """The address that a folder stands for; anything else is returned as it is."""
        for scheme, parent in self._folders.items():
            if folder.startswith(parent):
                return scheme + folder.removeprefix(parent)
        return folder
