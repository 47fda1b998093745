"""Reads a shop's Parquet tables into the pipeline and sets aside the rows that break the data contract."""
