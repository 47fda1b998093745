"""Which spans have landed whole.

A folder `span-N` counts once it holds `_SUCCESS`, which Spark and Hadoop write last, or once nothing in it has changed
for a while. Whoever writes a span elsewhere and renames its folder needs neither wait nor marker: a folder by another
name, such as `.span-12` or `_span-12`, is no span. Files whose names begin with a dot or an underscore are no data.
"""

import os
import re
import time

_FOLDER = re.compile(r"span-(\d+)")
_MARKER = "_SUCCESS"


def landed(events: str, settle_seconds: float) -> list[int]:
    """Numbers of the spans that have landed, ascending.

    Args:
        events: the folder of the events table; need not be there yet.
        settle_seconds: for so long nothing may have changed in a span without the marker.
    """
    if not os.path.isdir(events):
        return []
    folders = [(int(found[1]), e.path) for e in os.scandir(events) if (found := _FOLDER.fullmatch(e.name))]
    return sorted(number for number, folder in folders if _is_whole(folder, settle_seconds))


def _is_whole(folder: str, settle_seconds: float) -> bool:
    try:
        files = {entry.name: entry.stat().st_mtime for entry in os.scandir(folder)}
        changed = max([os.stat(folder).st_mtime, *files.values()])
    except OSError:  # it is being written, moved or removed at this moment
        return False
    has_data = any(name.endswith(".parquet") and name[0] not in "._" for name in files)
    return has_data and (_MARKER in files or time.time() - changed >= settle_seconds)
