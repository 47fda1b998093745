"""Off-policy estimates on the Open Bandit logs, beside what the judged policies really earned and published figures.

`policies` says how likely each policy shows what, `reward_model` what a shopper is expected to click, `judge` puts both
into `components.evaluation.counterfactual`, and the command line prints the table.
"""
