"""Says which version a server of the pipeline's models picks up."""

from pipeline.config import Config
from pipeline.run_record import RunRecord


def describe(config: Config) -> str:
    """One sentence about the newest version folder, which servers take, and the version that the newest run stands for.

    The two differ when a run found its whole model in the cache while another one has been pushed since.
    """
    folder = config.serving_dir
    versions = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
    if not versions:
        return f"No version has been pushed to {folder} yet."
    pushed = RunRecord(config).outputs("Pusher")["pushed_model"].custom_properties["pushed_version"].string_value
    newest = max(versions)
    if pushed and int(pushed) in versions and int(pushed) < newest:
        return (
            f"Servers of {folder} keep version {newest}, which was pushed after version {pushed} of this run; delete "
            f"the newer folders to go back to it."
        )
    return f"Servers of {folder} take version {newest}."
