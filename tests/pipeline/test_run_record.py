"""What is read from and written into ML Metadata."""

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import Artifact, ArtifactType, ConnectionConfig

from pipeline import config as configs
from pipeline.run_record import RunRecord

PENDING, LIVE, ABANDONED = Artifact.PENDING, Artifact.LIVE, Artifact.ABANDONED


@pytest.fixture
def config(tmp_path):
    """A shop whose runs are in a folder of the test's."""
    config = configs.load("movielens", {"runs_dir": str(tmp_path)})
    config.run_dir.mkdir(parents=True)
    return config


def test_refusals_by_servers_are_forgotten_and_nothing_else_is(config):
    connection = ConnectionConfig()
    connection.sqlite.filename_uri = str(config.run_dir / "metadata.sqlite")
    store = MetadataStore(connection)
    kind = store.put_artifact_type(ArtifactType(name="InfraBlessing"))
    refused, blessed = (Artifact(type_id=kind, uri=f"/{number}", state=LIVE) for number in range(2))
    refused.custom_properties["blessed"].int_value = 0
    blessed.custom_properties["blessed"].int_value = 1
    killed = Artifact(type_id=kind, uri="/killed", state=PENDING)  # before anything was decided
    ids = store.put_artifacts([refused, blessed, killed])

    RunRecord(config).forget_refusals_by_servers()

    assert [artifact.state for artifact in store.get_artifacts_by_id(ids)] == [ABANDONED, LIVE, PENDING]


def test_a_shop_without_servers_so_far_has_no_refusals(config):
    (config.run_dir / "metadata.sqlite").touch()
    RunRecord(config).forget_refusals_by_servers()
