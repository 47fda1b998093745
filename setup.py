"""Shelfwise as an installable package; Beam workers receive this same file as `--setup_file`.

Requirements are pinned in requirements.lock, which the environment and the images install, so none are named here.
"""

from setuptools import find_packages, setup

PACKAGES = ["pipeline", "components", "models", "schemas", "serving"]

setup(
    name="shelfwise",
    version="0.1.0",
    description="Search and recommendation for online shops: one TFX pipeline, one SavedModel, TF Serving",
    python_requires=">=3.11,<3.12",
    packages=find_packages(include=[pattern for name in PACKAGES for pattern in (name, f"{name}.*")]),
    package_data={"pipeline": ["configs/*.yaml", "page/templates/*"], "schemas": ["*/*.pbtxt"]},
    entry_points={"console_scripts": ["shelfwise=pipeline.cli:main"]},
)
