"""Changes a version label in the text of a model config file, and leaves the rest as its author wrote it."""

import re
from collections.abc import Iterator

from google.protobuf import text_format

from serving.model_config import ModelServerConfig


def with_label(text: str, model_name: str, label: str, version: int) -> str:
    """The text with the label at this version.

    Comments and layout stay wherever the place to change can be told for sure; if not, the whole is written anew.

    Args:
        text: a ModelServerConfig in protobuf's text format.
        model_name: a model of it.
        label: a label of the model, which may be new.
        version: where the label should point.

    Raises:
        KeyError: there is no such model.
    """
    wanted = text_format.Parse(text, ModelServerConfig())
    models = {model.name: model for model in wanted.model_config_list.config}
    before = models[model_name].version_labels.get(label)
    models[model_name].version_labels[label] = version
    for candidate in _candidates(text, model_name, label, before, version):
        if _means(candidate, wanted):
            return candidate
    return text_format.MessageToString(wanted)


def _candidates(text: str, model_name: str, label: str, before: int | None, version: int) -> Iterator[str]:
    """Texts with one place changed; which one is right shows when they are read."""
    if before is None:
        for match in re.finditer(rf'\bname\s*:\s*"{re.escape(model_name)}"', text):
            place = match.start()
            indent = text[text.rfind("\n", 0, place) + 1 : place]
            gap = " " if indent.strip() else "\n" + indent
            yield f'{text[:place]}version_labels {{ key: "{label}" value: {version} }}{gap}{text[place:]}'
    else:
        for match in re.finditer(rf'\bkey\s*:\s*"{re.escape(label)}"\s*[,;]?\s*value\s*:\s*({before})\b', text):
            yield text[: match.start(1)] + str(version) + text[match.end(1) :]


def _means(text: str, wanted: ModelServerConfig) -> bool:
    try:
        return text_format.Parse(text, ModelServerConfig()) == wanted
    except text_format.ParseError:
        return False
