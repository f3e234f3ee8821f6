"""What pynat costs, beside other user-mode networks: `make bench`.

`rows.py` is the one table of what is measured and of the goals. Each other file that measures has
one kind of work in it; `results.py` makes medians and verdicts of the figures, `showing.py`
Markdown and a picture. docs/benchmarks.md says what the figures mean.
"""
