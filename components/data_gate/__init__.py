"""Stops the pipeline before training when the statistics of a table break its schema."""
