"""What is said of what happens, and to whom. Six words, each for one thing:

rule      what a guest's stack can do wrong, or why a packet is dropped: a constant of the catalogue
          (`pynat.rules`) with a code and a page. Drops and findings name one.
drop      a packet that is neither forwarded nor answered, under a rule. Every one is counted.
finding   what the linter (`pynat.lint`) has against a frame that goes on all the same, under a
          rule.
notice    a line of the log: a drop, a finding, the end of a flow, trouble of the host. It is
          counted, made harmless and held back where there are too many (`notices.py`).
comment   what is said of one frame, beside it in a capture (`comments.py`): drops, findings, what
          was done to it on purpose.
entry     a drop or finding as a whole, for those who want all of them: a JSON object a line
          (`as_json.py`), in the journal that `lint.json` names (`journal.py`).

Who knows something calls `Notices`, which passes it on to the log, the comments and the journal.
"""
