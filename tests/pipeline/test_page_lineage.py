"""The run behind an evaluation, read from metadata as TFX records it."""

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.page.document import Artifact
from pipeline.page.lineage import Lineage


class _Recorder:
    """Writes runs of the pipeline `shop` as TFX does."""

    def __init__(self, path):
        connection = pb.ConnectionConfig()
        connection.sqlite.filename_uri = str(path)
        connection.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self._store = MetadataStore(connection)
        self._types = {
            kind: self._store.put_context_type(pb.ContextType(name=kind))
            for kind in ("pipeline", "pipeline_run", "node")
        }
        self._contexts = {}

    def context(self, kind: str, name: str) -> pb.Context:
        if name not in self._contexts:
            context = pb.Context(type_id=self._types[kind], name=name)
            context.id = self._store.put_contexts([context])[0]
            self._contexts[name] = context
        return self._contexts[name]

    def artifact(self, kind: str, uri: str) -> pb.Artifact:
        type_id = self._store.put_artifact_type(pb.ArtifactType(name=kind))
        artifact = pb.Artifact(type_id=type_id, uri=uri)
        artifact.id = self._store.put_artifacts([artifact])[0]
        return artifact

    def execution(self, run: str, node: str, inputs=(), outputs=(), state=pb.Execution.COMPLETE, **settings) -> int:
        execution = pb.Execution(
            type_id=self._store.put_execution_type(pb.ExecutionType(name=node)), last_known_state=state
        )
        for name, value in settings.items():
            execution.custom_properties[name].string_value = value
        pairs = []
        for kind, artifacts in ((pb.Event.INPUT, inputs), (pb.Event.OUTPUT, outputs)):
            for key, artifact in artifacts:
                event = pb.Event(type=kind, path=pb.Event.Path(steps=[pb.Event.Path.Step(key=key)]))
                pairs.append((artifact, event))
        contexts = [("pipeline", "shop"), ("pipeline_run", run), ("node", f"shop.{node}")]
        execution_id, *_ = self._store.put_execution(
            execution, pairs, [self.context(kind, name) for kind, name in contexts], reuse_context_if_already_exist=True
        )
        return execution_id


@pytest.fixture
def recorder(tmp_path):
    return _Recorder(tmp_path / "metadata.sqlite")


@pytest.fixture
def lineage(recorder, tmp_path):
    return Lineage(tmp_path / "metadata.sqlite", "shop")


def test_the_steps_of_a_run_are_those_of_that_run_with_what_went_in_and_out(recorder, lineage):
    examples = recorder.artifact("Examples", "examples/1")
    evaluation = recorder.artifact("ModelEvaluation", "evaluation/2")
    recorder.execution("monday", "EventsGen", outputs=[("examples", examples)])
    recorder.execution("tuesday", "EventsGen", outputs=[("examples", examples)], state=pb.Execution.CACHED)
    judged = recorder.execution(
        "tuesday", "Evaluator", [("examples", examples)], [("evaluation", evaluation)], eval_config="{}"
    )
    recorder.execution("tuesday", "Pusher", state=pb.Execution.FAILED)
    recorder.execution("wednesday", "EventsGen", state=pb.Execution.RUNNING)
    gen, evaluator, pusher = lineage.steps(judged)
    assert (gen.component, gen.state) == ("EventsGen", "from the cache")
    assert (evaluator.component, evaluator.state, pusher.state) == ("Evaluator", "done", "failed")
    made = Artifact(id=examples.id, type="Examples", uri="examples/1")
    assert gen.outputs == evaluator.inputs == {"examples": [made]}
    assert evaluator.outputs["evaluation"][0].uri == "evaluation/2"
    assert evaluator.settings == {"eval_config": "{}"}


def test_evaluations_are_those_of_the_pipeline_from_the_oldest(recorder, lineage):
    for number in range(3):
        evaluation = recorder.artifact("ModelEvaluation", f"evaluation/{number}")
        blessing = recorder.artifact("ModelBlessing", f"blessing/{number}")
        recorder.execution(f"run {number}", "Evaluator", outputs=[("evaluation", evaluation), ("blessing", blessing)])
    assert [artifact.uri for artifact in lineage.evaluations()] == [f"evaluation/{number}" for number in range(3)]
