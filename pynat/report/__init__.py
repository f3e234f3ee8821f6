"""A capture as one page to look at: what worked, flows, plots, exchanges, findings.

    write_report(Sources(capture), Path("report.html"))

The page holds all that it shows and asks no network for anything, so it works as an artefact of a
CI run. Plots are SVG made here: no library that could be inlined draws a time-sequence plot, and
those that come near (plotly, bokeh) add megabytes to every page. The few lines of script on the
page (`page.js`) zoom, and say what is under the pointer; without them it still shows everything.

`recording.py` reads the capture, `findings.py` the JSON of findings, `fates.py` says what became of
a frame, `flows.py` has the points of each TCP flow, `plot.py` and `exchanges.py` draw,
`sentences.py` sums up, `page.py` joins. `trace_events.py` is the same recording for Perfetto.
"""

from pynat.report.page import write_report
from pynat.report.recording import Recording, Sources, recorded

__all__ = ["Recording", "Sources", "recorded", "write_report"]
