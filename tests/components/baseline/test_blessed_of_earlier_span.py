"""The parent of a model, from metadata as TFX records it."""

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as pb
from tfx.types.standard_artifacts import Model, ModelBlessing

from components.baseline.blessed import span_of
from components.baseline.parent import LatestBlessedOfEarlierSpan


class _Pipeline:
    """Records what each component read and made."""

    def __init__(self, path):
        connection = pb.ConnectionConfig()
        connection.sqlite.filename_uri = str(path)
        connection.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self.store = MetadataStore(connection)

    def execute(self, component: str, kind: str, reads=(), span: int | None = None) -> int:
        """The id of an artefact of a kind that a component made of others, given as (key, id)."""
        artifact = pb.Artifact(type_id=self.store.put_artifact_type(pb.ArtifactType(name=kind)))
        if span is not None:
            artifact.custom_properties["span"].int_value = span
        execution = pb.Execution(type_id=self.store.put_execution_type(pb.ExecutionType(name=component)))
        (artifact_id,), (execution_id,) = self.store.put_artifacts([artifact]), self.store.put_executions([execution])

        def event(kind, key, artifact_id):
            path = pb.Event.Path(steps=[pb.Event.Path.Step(key=key)])
            return pb.Event(type=kind, path=path, artifact_id=artifact_id, execution_id=execution_id)

        events = [event(pb.Event.INPUT, key, read) for key, read in reads]
        self.store.put_events([*events, event(pb.Event.OUTPUT, "made", artifact_id)])
        return artifact_id

    def train(self, span: int, base_model: int | None = None) -> int:
        """The id of a model of the window that ends with a span."""
        events = self.execute("EventsGen", "Examples", span=span)
        items = self.execute("ItemsGen", "Examples", span=0)
        requests = self.execute("RequestExamples", "Examples", [("events", events), ("items", items)])
        transformed = self.execute("Transform", "Examples", [("examples", requests)])
        reads = [("examples", transformed)] + ([("base_model", base_model)] if base_model else [])
        return self.execute("Trainer", "Model", reads)


@pytest.fixture
def pipeline(tmp_path):
    return _Pipeline(tmp_path / "metadata.sqlite")


@pytest.fixture
def parent(pipeline):
    """The id of the parent of a span's model, among models with a verdict each; None without one."""

    def resolve(span: int | None, verdicts: dict[int, bool]) -> int | None:
        models, blessings = [], []
        for model_id, blessed in verdicts.items():
            model, blessing = Model(), ModelBlessing()
            model.id = model_id
            blessing.set_int_custom_property("current_model_id", model_id)
            blessing.set_int_custom_property("blessed", int(blessed))
            models.append(model)
            blessings.append(blessing)
        inputs = {"model": models, "model_blessing": blessings}
        resolved = LatestBlessedOfEarlierSpan(span=span).resolve_artifacts(pipeline.store, inputs)
        if not resolved["model"]:
            assert resolved == {"model": [], "model_blessing": []}
            return None
        (model,), (blessing,) = resolved["model"], resolved["model_blessing"]
        assert blessing.get_int_custom_property("current_model_id") == model.id
        return model.id

    return resolve


def test_the_span_of_a_model_is_that_of_the_events_and_not_that_of_its_parent(pipeline):
    tenth = pipeline.train(10)
    assert span_of(pipeline.store, tenth) == 10
    assert span_of(pipeline.store, pipeline.train(8, base_model=tenth)) == 8


def test_a_model_of_unknown_origin_has_no_span(pipeline):
    assert span_of(pipeline.store, pipeline.execute("Importer", "Model")) is None


def test_the_first_model_has_no_parent(parent):
    assert parent(10, {}) is None


def test_the_blessed_model_of_the_newest_earlier_span_is_the_parent_in_whatever_order_they_were_made(pipeline, parent):
    eleventh, tenth, ninth = pipeline.train(11), pipeline.train(10), pipeline.train(9)
    assert parent(12, {eleventh: True, tenth: True, ninth: True}) == eleventh
    assert parent(11, {eleventh: True, tenth: True, ninth: True}) == tenth


def test_a_refused_model_is_no_parent(pipeline, parent):
    tenth, eleventh = pipeline.train(10), pipeline.train(11)
    assert parent(12, {tenth: True, eleventh: False}) == tenth


def test_of_two_models_of_a_span_the_one_made_last_is_the_parent(pipeline, parent):
    first, second = pipeline.train(10), pipeline.train(10)
    assert parent(11, {second: True, first: True}) == second


def test_a_run_that_is_repeated_keeps_its_parent_and_is_not_its_own(pipeline, parent):
    tenth = pipeline.train(10)
    eleventh = pipeline.train(11, base_model=tenth)
    assert parent(11, {tenth: True}) == parent(11, {tenth: True, eleventh: True}) == tenth


def test_where_the_span_is_not_known_the_newest_span_has_the_parent(pipeline, parent):
    eleventh, tenth = pipeline.train(11), pipeline.train(10)
    assert parent(None, {eleventh: True, tenth: True}) == eleventh
