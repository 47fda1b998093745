"""Says which version a server of the pipeline's models picks up."""

from tfx.dsl.io import fileio

from pipeline.config import Config
from pipeline.run_record import RunRecord


def describe(config: Config) -> str:
    """One sentence about the newest version folder, which servers take, and the version that the newest run stands for.

    The two differ when a run found its whole model in the cache while another one has been pushed since.
    """
    pushed_versions = versions(config.destination)
    if not pushed_versions:
        return f"No version has been pushed to {config.destination} yet."
    pushed = RunRecord(config).outputs("Pusher")["pushed_model"].custom_properties["pushed_version"].string_value
    newest = max(pushed_versions)
    if pushed and int(pushed) in pushed_versions and int(pushed) < newest:
        return (
            f"Servers of {config.destination} keep version {newest}, which was pushed after version {pushed} of this "
            f"run; delete the newer folders to go back to it."
        )
    return f"Servers of {config.destination} take version {newest}."


def versions(base: str) -> list[int]:
    """Numbers of the version folders in a folder or a bucket; none if it is not there."""
    try:
        names = [name.rstrip("/") for name in fileio.listdir(base)]  # buckets list folders with a slash behind them
    except fileio.NotFoundError:
        return []
    return [int(name) for name in names if name.isdecimal()]
