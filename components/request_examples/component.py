"""RequestExamples: from three tables to the questions a shop asked and the answers its shoppers gave."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.request_examples import executor
from components.request_examples.settings import Settings


class RequestExamplesSpec(component_spec.ComponentSpec):
    """Channels of `RequestExamples`."""

    PARAMETERS = {"settings": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        "events": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "items": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "users": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }


class RequestExamples(base_beam_component.BaseBeamComponent):
    """Joins the tables, point-in-time correct, into the splits train, validation, eval, catalog, users."""

    SPEC_CLASS = RequestExamplesSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self, events: channel.BaseChannel, items: channel.BaseChannel, users: channel.BaseChannel, settings: Settings
    ):
        """Args:
        events: Parquet examples of the events table, as written by `table_gen`.
        items: likewise of the items table.
        users: likewise of the users table.
        settings: how requests are cut and what is sampled.
        """
        super().__init__(
            RequestExamplesSpec(
                events=events,
                items=items,
                users=users,
                settings=settings.model_dump_json(),
                examples=channel.OutputChannel(standard_artifacts.Examples, self, "examples"),
                schema=channel.OutputChannel(standard_artifacts.Schema, self, "schema"),
            )
        )
