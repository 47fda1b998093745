"""What is measured of recommended lists, in plain Python and numpy; `tfma_metrics` runs it inside the Evaluator.

`request` says what a metric sees of one request, `catalogue` what it knows of the items. `lists` holds a class for each
property of a list, `exposure` what only all lists together have. `sums` adds them up, `bootstrap` gives intervals, and
`names` says what everything is called.
"""
