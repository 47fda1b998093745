"""How a baseline says that there is none where every output has to be an artefact; in a file that imports nothing."""

ABSENT = "absent"  # the custom property of a model that is none, since nothing was pushed yet
