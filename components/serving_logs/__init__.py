"""Reads the requests that the shop's server saw, so that they can be held against those that train the model."""
