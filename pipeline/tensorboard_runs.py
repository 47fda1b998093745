"""TensorBoard on what a shop's pipeline trained and tuned last."""

import logging
import pathlib

from pipeline.config import Config
from pipeline.run_record import NoRun, RunRecord

_TRAININGS, _SEARCHES = 5, 1  # the newest of each, so that curves stay apart


def gather(config: Config) -> pathlib.Path:
    """Gathers the newest trainings and the newest search in one folder of links, `runs/NAME/tensorboard`.

    A training that still goes on is among them, as soon as it has logged something.

    Returns:
        The folder, with links such as `training-17` and `tuning-16`, named after the executions in the metadata.

    Raises:
        NoRun: nothing has been trained yet.
    """
    record = RunRecord(config)
    found = {"training": record.artifact_dirs("ModelRun"), "tuning": record.artifact_dirs("TunerResults")}
    trainings = [folder for folder in found["training"] if _has_events(folder)][:_TRAININGS]
    searches = [folder / "trials" for folder in found["tuning"] if _has_events(folder / "trials")][:_SEARCHES]
    if not trainings + searches:
        raise NoRun(f"the pipeline {config.name} has trained nothing yet; `shelfwise run` comes to it")
    links = {f"training-{folder.name}": folder for folder in trainings}
    links |= {f"tuning-{folder.parent.name}": folder for folder in searches}
    gathered = config.run_dir / "tensorboard"
    gathered.mkdir(parents=True, exist_ok=True)
    for link in gathered.iterdir():
        link.unlink()
    for name, folder in links.items():
        (gathered / name).symlink_to(folder.absolute(), target_is_directory=True)
    return gathered


def _has_events(folder: pathlib.Path) -> bool:
    return any(folder.rglob("events.out.tfevents.*"))


def launch(folder: pathlib.Path, host: str, port: int) -> str:
    """Starts TensorBoard in a thread of this process; gives its address.

    Raises:
        OSError: the port is taken, or the host none of this machine's.
    """
    from tensorboard import default, program

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would name every request
    server = program.TensorBoard(plugins=default.get_plugins())
    server.configure(logdir=str(folder), host=host, port=port)
    try:
        return server.launch()
    except program.TensorBoardServerException as error:
        raise OSError(f"TensorBoard cannot listen on {host}:{port}: {error.msg}; choose another --port") from None
