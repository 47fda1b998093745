"""What TFMA calls the two models of an evaluation."""

CANDIDATE = "candidate"
BASELINE = "baseline"
