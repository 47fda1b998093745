"""How Beam runs on this machine."""

import pathlib

# Beam's own default runner would look for a binary to download; this one runs in the process and needs nothing. The
# setup file is what remote workers install; without it TFX packs itself anew for every component.
SETUP_FILE = pathlib.Path(__file__).parent.parent / "setup.py"
LOCAL_BEAM_ARGS = [
    "--runner=FnApiRunner",
    "--direct_running_mode=in_memory",
    "--direct_num_workers=1",
    f"--setup_file={SETUP_FILE}",
]
