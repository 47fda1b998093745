"""The statistics of items that candidates and catalogue carry.

How an item had been taken before a moment, on whole days: how often in `requests.popularity_days` days, in a quarter
and in thrice as many, and ever; how often ever by shoppers who had taken it before, in an earlier second; and the days
since they last had, summed.
"""

STATISTICS = ("popularity", "popularity_short", "popularity_long", "taken", "repeats", "repeat_days")
