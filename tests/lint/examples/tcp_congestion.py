"""How much a guest's TCP has under way."""

from __future__ import annotations

from pynat.testing.linted import LintedLab
from tests.lint.examples import clean, example
from tests.lint.play import OPEN, play

MSS = 1460


class Upload:
    """The lines of a script in which the guest sends full segments."""

    def __init__(self, opening: str = OPEN, size: int = MSS) -> None:
        self.lines = [opening]
        self.size = size
        self.acked = self.next = 1

    def sends(self, count: int) -> Upload:
        for _ in range(count):
            self._segment(self.next)
            self.next += self.size
        return self

    def again(self, count: int = 1, wait: float = 0) -> Upload:
        """From the acknowledged number on."""
        for at in range(count):
            self._segment(self.acked + at * self.size, wait if not at else 0)
        return self

    def hears(self, segments: int, wait: float = 0.02) -> Upload:
        """An acknowledgement of so many more."""
        self.acked += segments * self.size
        self.lines.append(f"+{wait} < . 1:1(0) ack {self.acked}")
        return self

    def _segment(self, at: int, wait: float = 0) -> None:
        self.lines.append(f"+{wait} > . {at}:{at + self.size}({self.size}) ack 1")

    def round(self, count: int) -> Upload:
        """All that is under way is acknowledged, and so many go in answer."""
        under_way = (self.next - self.acked) // self.size
        return self.hears(under_way).sends(count)

    def play(self, lab: LintedLab) -> None:
        play(lab, "\n".join(self.lines))


NO_MSS = """
    > S 0:0(0) win 65535 <mss 1460>
    < S. 0:0(0) ack 1 win 65535
    > . 1:1(0) ack 1 win 65535
"""


@example("TCP110")
def fills_the_window_at_once(lab: LintedLab) -> None:
    Upload().sends(20).play(lab)


@clean("TCP110")
@clean("TCP111")
def begins_with_ten(lab: LintedLab) -> None:
    Upload().sends(10).round(20).round(40).play(lab)
    Upload(NO_MSS, 536).sends(10).round(20).play(lab)


@example("TCP111")
def has_no_window_where_no_mss_came(lab: LintedLab) -> None:
    Upload(NO_MSS, 536).sends(20).play(lab)


@example("TCP077")
def sends_all_of_it_again(lab: LintedLab) -> None:
    """Nothing was heard for a second; all four segments go again."""
    Upload().sends(4).again(4, wait=1).play(lab)


@clean("TCP077")
def sends_as_much_as_a_segment_has(lab: LintedLab) -> None:
    """Its window counts bytes (RFC 5681 3.1): three small segments are less than a full one."""
    small = "\n".join(f"> P. {at}:{at + 10}(10) ack 1" for at in (1, 11, 21))
    play(lab, f"{OPEN}\n {small}\n +1 {small}")


@clean("TCP077")
def sends_the_next_one_twice(lab: LintedLab) -> None:
    """As gVisor's netstack does, once what its time-out had sent again is acknowledged."""
    Upload().sends(4).again(wait=1).hears(1).again().again(2).play(lab)


@example("TCP112")
def goes_on_as_before(lab: LintedLab) -> None:
    """The time-out was the network's sign that it is full."""
    Upload().sends(10).again(wait=1).hears(1).again(8).play(lab)


@clean("TCP077")
@clean("TCP112")
def starts_slowly_again(lab: LintedLab) -> None:
    """One segment, then two for each that is acknowledged; or one that fills the only hole."""
    upload = Upload().sends(10).again(wait=1)
    for _ in range(4):
        upload.hears(1).again(2)
    upload.hears(6).sends(8).play(lab)
    Upload().sends(10).again(wait=1).hears(10).sends(10).play(lab)


def mended(flight: int) -> Upload:
    """A loss among so many segments, up to the acknowledgement that ends the recovery."""
    upload = Upload().sends(10).round(flight)
    for _ in range(3):
        upload.hears(0, wait=0.001)
    return upload.again().hears(flight)


@example("TCP114")
def keeps_what_the_duplicates_added(lab: LintedLab) -> None:
    """Sixteen segments were under way when one was lost; then it is twenty-four."""
    mended(16).sends(24).play(lab)


@clean("TCP114")
@clean("TCP113")
def goes_on_with_half(lab: LintedLab) -> None:
    upload = mended(32).sends(16)
    for count in range(17, 24):
        upload.round(count)
    upload.play(lab)


@example("TCP113")
def adds_an_eighth(lab: LintedLab) -> None:
    upload, count = mended(32).sends(16), 16
    for _ in range(6):
        count += 1 - -count // 8
        upload.round(count)
    upload.play(lab)


@example("TCP139")
def waits_for_each_acknowledgement(lab: LintedLab) -> None:
    """Segment by segment, each in answer to the acknowledgement of the one before."""
    upload = Upload().sends(1)
    for _ in range(30):
        upload.round(1)
    upload.play(lab)


@clean("TCP139")
def has_no_more_to_send(lab: LintedLab) -> None:
    """Its program writes a block each second; or its window grows after some round trips."""
    blocks = "".join(
        f"+1 > P. {at}:{at + 1460}(1460) ack 1\n +0.02 < . 1:1(0) ack {at + 1460}\n"
        for at in range(1, 43_801, 1460)
    )
    play(lab, OPEN.replace("1460>", "1460> port 50001", 1) + blocks)
    upload = Upload().sends(1)
    for _ in range(10):
        upload.round(1)
    for _ in range(15):
        upload.round(2)
    upload.play(lab)


def scaled(under_way: int) -> str:
    """The other end's field says 8190, and its scale makes 65,520 of that."""
    lines = [
        "> S 0:0(0) win 65535 <mss 1460,nop,wscale 3>",
        "< S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 3>",
        "> . 1:1(0) ack 1 win 8192",
        *(f"> . {at}:{at + 1460}(1460) ack 1" for at in range(1, 4381, 1460)),
    ]
    sent, acked = 4381, 1
    for _ in range(40):
        acked += 1460
        lines.append(f"+0.01 < . 1:1(0) ack {acked} win 8190")
        while sent - acked + 1460 <= under_way:
            lines.append(f"> . {sent}:{sent + 1460}(1460) ack 1")
            sent += 1460
    return "\n".join(lines)


@example("TCP140")
def takes_the_field_for_the_window(lab: LintedLab) -> None:
    play(lab, scaled(8190))


@clean("TCP140")
def fills_the_window(lab: LintedLab) -> None:
    """Or much less, for its buffer is small."""
    play(lab, scaled(20_000))
    play(lab, scaled(6000).replace("scale 3>", "scale 3> port 50001", 1))


def stream(*sizes: int, wait: float = 0.04) -> str:
    """Segments, each `wait` seconds behind the last one, or when that is acknowledged."""
    script, at = OPEN, 1
    for size in sizes:
        script += f"> P. {at}:{at + size}({size}) ack 1\n +{wait} < . 1:1(0) ack {at + size}\n"
        at += size
    return script


@example("TCP143")
def compares_segments_with_bytes(lab: LintedLab) -> None:
    """Its congestion window of four is taken for bytes, and grows by one a time."""
    play(lab, stream(*range(4, 14)))


@example("TCP143")
def doubles_a_window_of_one_byte(lab: LintedLab) -> None:
    play(lab, stream(*(2**n for n in range(9))))


@clean("TCP143")
def writes_what_there_is(lab: LintedLab) -> None:
    """Lines of one length or another, full segments, or steps with time of their own."""
    play(lab, stream(4, 9, 6, 5, 6, 7, 8, 6, 7, 12))
    play(lab, stream(*[80] * 12).replace("1460>", "1460> port 50001", 1))
    play(lab, stream(*range(400, 420)).replace("1460>", "1460> port 50002", 1))
    timed = stream(*range(4, 14)).replace("> P.", "+0.1 > P.")
    play(lab, timed.replace("1460>", "1460> port 50003", 1))
