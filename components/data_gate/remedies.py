"""What a schema allows where an anomaly was found, and what to do about it."""

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

_Type = anomalies_pb2.AnomalyInfo.Type
_SHOWN_VALUES = 20  # of a domain


def allowed(schema: schema_pb2.Schema, feature: str, kind: int) -> str:
    """What the schema allows a feature to hold, where TFDV's own words leave that out; empty otherwise.

    Args:
        schema: that the statistics were held against.
        feature: the feature's name.
        kind: an `AnomalyInfo.Type`.
    """
    found = next((one for one in schema.feature if one.name == feature), None)
    name = _Type.Name(kind)
    if found is None:
        return ""
    if name == "ENUM_TYPE_UNEXPECTED_STRING_VALUES":
        values = _domain(schema, found)
        more = f" and {len(values) - _SHOWN_VALUES} more" if len(values) > _SHOWN_VALUES else ""
        return f"The schema allows {', '.join(values[:_SHOWN_VALUES])}{more}."
    if name in ("INT_TYPE_BIG_INT", "INT_TYPE_SMALL_INT"):
        return f"The schema allows {found.int_domain.min} to {found.int_domain.max}."
    if name in ("FLOAT_TYPE_BIG_FLOAT", "FLOAT_TYPE_SMALL_FLOAT"):
        domain = found.float_domain
        high = f"{domain.max:g}" if domain.HasField("max") else "any"
        return f"The schema allows {domain.min:g} to {high}."
    if name == "FEATURE_TYPE_NOT_PRESENT":
        return f"The schema asks for a value in at least {found.presence.min_fraction:.0%} of the rows, found in 0%."
    return ""


def remedy(table: str, feature: str, kind: int) -> str:
    """What to do about an anomaly of a kind; `table` names the schema's file, too."""
    name, file = _Type.Name(kind), f"{table}.pbtxt"
    if name.endswith("NUM_EXAMPLES"):
        return (
            f"Check whether the export is complete and came once; if it is right, change dataset_constraints in {file}"
        )
    if name.startswith("COMPARATOR_"):
        return f"Look at how these rows were made; if the change is real, raise the comparator's threshold in {file}"
    if name == "ENUM_TYPE_UNEXPECTED_STRING_VALUES":
        return f"Mend the values, or add them to the domain of {feature} in {file}"
    if name.startswith(("INT_TYPE_BIG", "INT_TYPE_SMALL", "FLOAT_TYPE_BIG", "FLOAT_TYPE_SMALL")):
        return f"Check the unit and the outliers, or widen the domain of {feature} in {file}"
    if name in ("FEATURE_TYPE_NOT_PRESENT", "FEATURE_TYPE_LOW_FRACTION_PRESENT", "FEATURE_TYPE_LOW_NUMBER_PRESENT"):
        return f"Check whether the export fills the column, or lower the presence of {feature} in {file}"
    if name == "SCHEMA_MISSING_COLUMN":
        return f"Bring the column, or take {feature} out of {file}"
    if name == "SCHEMA_NEW_COLUMN":
        return f"Describe {feature} in {file}, or leave the column out"
    return ""


def _domain(schema: schema_pb2.Schema, feature: schema_pb2.Feature) -> list[str]:
    if feature.HasField("domain"):
        return [value for one in schema.string_domain if one.name == feature.domain for value in one.value]
    return list(feature.string_domain.value)
