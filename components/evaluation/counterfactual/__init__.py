"""What a policy would have earned, read from a log that another policy made: off-policy evaluation.

`rounds` says what the log has to tell and what the policy would have done, `weighting` tames importance weights,
`estimators` holds a class for each estimator, and `policy_value` adds rounds up, over workers if need be, and gives
values with intervals. `effective` says whether the log can tell anything of the policy at all.

All of it is plain numpy. `components.evaluation.metrics.policy` uses the same estimators of the lists that the
Evaluator judges.
"""
