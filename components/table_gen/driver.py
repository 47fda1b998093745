"""Tells when a table has to be ingested again: when one of the files that are read has changed."""

import os
from typing import Any

from tfx.components.example_gen import driver, utils
from tfx.types import standard_component_specs
from tfx.utils import io_utils

from components.table_gen import source
from components.table_gen.contract import Contract
from components.table_gen.custom_config import unpack


class SpansDriver(driver.FileBasedDriver):
    """Fingerprints the files of the configured spans.

    The stock driver fingerprints all files of one pattern, and no pattern is a range of numbers: a span that lands
    would ingest a window anew that ends before it, and train a second model of it.
    """

    def resolve_exec_properties(self, exec_properties: dict[str, Any], *arguments, **options) -> dict[str, Any]:
        """See the base class."""
        resolved = super().resolve_exec_properties(exec_properties, *arguments, **options)
        contract = Contract.model_validate_json(unpack(resolved))
        base = resolved[standard_component_specs.INPUT_BASE_KEY]
        resolved[utils.FINGERPRINT_PROPERTY_NAME] = "\n".join(
            io_utils.generate_fingerprint(f"span-{span}", os.path.join(folder, "*.parquet"))
            for span, folder in sorted(source.spans(base, contract).items())
        )
        return resolved
