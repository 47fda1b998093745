"""Contracts: the tables, the request examples and the served signatures."""
