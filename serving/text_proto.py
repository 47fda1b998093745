"""Configuration files in protocol buffer text format, as every `--..._file` flag of TensorFlow Serving names one."""

import os
import pathlib
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

_M = TypeVar("_M", bound=Message)


class ConfigFileError(ValueError):
    """A configuration file that says nothing sensible; the message names the file, the place and the problem."""


def read(path: str | os.PathLike, message_type: type[_M]) -> _M:
    """Reads one message.

    Raises:
        OSError: the file cannot be read.
        ConfigFileError: it is no text or not a message of this type.
    """
    try:
        return text_format.Parse(pathlib.Path(path).read_text(encoding="utf-8"), message_type())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ConfigFileError(f"{path} is not a {message_type.DESCRIPTOR.name} in text format: {error}") from None
