"""Lets a real server process load and answer with a candidate before it may be pushed."""
