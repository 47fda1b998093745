"""Reads a configuration's YAML: shipped names, inheritance by `base`, overrides, and mistakes in words."""

import difflib
import pathlib
import reprlib
from collections.abc import Collection, Mapping

import pydantic_core
import yaml

_SHIPPED = pathlib.Path(__file__).parent / "configs"


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names each key and what it needs."""


def read(name: str | pathlib.Path, overrides: Mapping[str, object]) -> dict:
    """The mapping of keys that a configuration file stands for.

    Args:
        name: a YAML file, or the name of one that Shelfwise ships, such as `complete_journey`.
        overrides: values that replace the file's, by dotted key, such as `{"training.epochs": 1}`.

    Returns:
        The file's mapping over that of the configuration which its key `base` names, with the overrides applied and
        `schema_dir` made absolute.

    Raises:
        ConfigError: a file is missing or no YAML mapping, files are each other's `base`, or an override does not fit.
    """
    document = _with_base(_find(name, pathlib.Path()), ())
    for key, value in overrides.items():
        _override(document, key, value)
    return document


def _find(name: str | pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    shipped = _SHIPPED / f"{name}.yaml"
    return shipped if shipped.is_file() else folder / name


def _with_base(path: pathlib.Path, children: tuple[pathlib.Path, ...]) -> dict:
    if path.resolve() in children:
        raise ConfigError(f"{path} is its own base, by way of {children[-1]}; remove one of the two `base` keys")
    document = _parse(path)
    if "schema_dir" in document:
        document["schema_dir"] = str((path.parent / str(document["schema_dir"])).resolve())
    base = document.pop("base", None)
    if base is None:
        return document
    return _merge(_with_base(_find(str(base), path.parent), (*children, path.resolve())), document)


def _parse(path: pathlib.Path) -> dict:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        names = ", ".join(sorted(shipped.stem for shipped in _SHIPPED.glob("*.yaml")))
        raise ConfigError(f"no configuration file {path}; shipped ones are {names}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must hold a mapping of keys, such as `name:` and `data:`")
    return document


def _merge(base: dict, document: dict) -> dict:
    """`document` over `base`, mapping by mapping; lists are replaced as a whole."""
    nested = {
        key: _merge(base[key], value)
        for key, value in document.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return base | document | nested


def _override(document: dict, dotted: str, value: object) -> None:
    *parents, last = dotted.split(".")
    for depth, key in enumerate(parents, start=1):
        document = document.setdefault(key, {})
        if not isinstance(document, dict):
            above = ".".join(parents[:depth])
            raise ConfigError(f"{dotted} cannot be set: {above} is no mapping of keys; set {above} as a whole")
    document[last] = value


def mistakes(error: pydantic_core.ValidationError, known_keys: Collection[str]) -> str:
    """A line for each mistake, with the dotted key at which it stands.

    Args:
        error: what validation found.
        known_keys: keys that may have been meant where one is unknown.
    """
    return "\n".join(f"  {'.'.join(map(str, e['loc']))}: {_in_words(e, known_keys)}" for e in error.errors())


def _in_words(mistake: pydantic_core.ErrorDetails, known_keys: Collection[str]) -> str:
    match mistake["type"]:
        case "missing":
            return "is needed and missing"
        case "extra_forbidden":
            close = difflib.get_close_matches(str(mistake["loc"][-1]), known_keys, n=1)
            return "unknown key" + (f"; did you mean `{close[0]}`?" if close else "")
        case "model_type":
            return f"must be a mapping of keys, not {reprlib.repr(mistake['input'])}"
        case "string_pattern_mismatch":
            return f"must match {mistake['ctx']['pattern']}, not {reprlib.repr(mistake['input'])}"
        case "too_short":
            return "must not be empty"
        case "value_error":
            return str(mistake["ctx"]["error"])
        case _:
            return f"{mistake['msg'].replace('Input should', 'must')}, not {reprlib.repr(mistake['input'])}"
