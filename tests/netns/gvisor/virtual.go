// The guest in virtual time: descriptor 0 is its wire, which also tells it the time, as
// pynat/testing/program.py has it. The stack's clock is ours, and its dice have a seed, so each run is
// the same.
package main

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	secure "gvisor.dev/gvisor/pkg/rand"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

const (
	never   = 1<<64 - 1
	stamp   = 8       // bytes of a time
	reading = 150     // nanoseconds from one look at the clock to the next one
	queue   = 1 << 14 // frames that wait to be sent
	yields  = 40      // after so many all goroutines wait for a frame or a timer
)

// ------------------------------------------------------------------ the clock
// Each look at it is later than the one before: RACK orders segments by when they were sent.
type clock struct {
	lock      sync.Mutex
	now, seen time.Duration
	timers    []*timer
}

type timer struct {
	clock *clock
	due   time.Duration
	fires func()
}

func (c *clock) Now() time.Time { return time.Unix(1_700_000_000, 0).Add(c.now) }

func (c *clock) NowMonotonic() tcpip.MonotonicTime {
	c.lock.Lock()
	defer c.lock.Unlock()
	return tcpip.MonotonicTime{}.Add(time.Second + c.look())
}

func (c *clock) AfterFunc(after time.Duration, fires func()) tcpip.Timer {
	one := &timer{clock: c, fires: fires}
	one.Reset(after)
	return one
}

func (c *clock) sleep(long time.Duration) {
	over := make(chan struct{})
	c.AfterFunc(long, func() { close(over) })
	<-over
}

func (one *timer) Reset(after time.Duration) {
	one.clock.lock.Lock()
	defer one.clock.lock.Unlock()
	one.clock.remove(one)
	one.due = one.clock.look() + after
	one.clock.timers = append(one.clock.timers, one)
}

func (one *timer) Stop() bool {
	one.clock.lock.Lock()
	defer one.clock.lock.Unlock()
	return one.clock.remove(one)
}

func (c *clock) look() time.Duration {
	c.seen += reading
	if c.seen < c.now {
		c.seen = c.now
	}
	return c.seen
}

func (c *clock) remove(one *timer) bool {
	for at, other := range c.timers {
		if other == one {
			c.timers = append(c.timers[:at], c.timers[at+1:]...)
			return true
		}
	}
	return false
}

// ------------------------------------------------------------------ the same, when all others wait
func (c *clock) next() *timer {
	var first *timer
	for _, one := range c.timers {
		if first == nil || one.due < first.due {
			first = one
		}
	}
	return first
}

// advance fires what is due until then.
func (c *clock) advance(until time.Duration) {
	for one := c.next(); one != nil && one.due <= until; one = c.next() {
		if one.due > c.now {
			c.now = one.due
		}
		one.Stop()
		go one.fires()
		settle()
	}
	c.now = until
}

// The nanosecond at which the program wants to be woken.
func (c *clock) wakes() uint64 {
	switch one := c.next(); {
	case one == nil:
		return never
	case one.due <= c.now:
		return uint64(c.now) + 1
	default:
		return uint64(one.due)
	}
}

// settle lets everybody else run until nobody has anything to do.
func settle() {
	for at := 0; at < yields; at++ {
		runtime.Gosched()
	}
}

// ------------------------------------------------------------------ the wire
var heard [stamp + 1<<16]byte

func inVirtualTime(seed int64, begin func(stack.Options, stack.LinkEndpoint), work func()) {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1) // who waits for the collector has something to do, and does not say so
	machine := &clock{}
	sleep = machine.sleep
	card := channel.New(queue, mtu+14, mac)
	dice := rand.New(rand.NewSource(seed))
	secure.Reader = dice // identifications of IP begin with it
	hear(machine)
	begin(stack.Options{Clock: machine, RandSource: dice, SecureRNG: dice}, ethernet.New(card))
	go work()
	for {
		settle()
		for card.NumQueued() > 0 {
			packet := card.Read()
			say(packet.ToView().AsSlice())
			packet.DecRef()
		}
		say(binary.LittleEndian.AppendUint64(nil, machine.wakes()))
		if frame := hear(machine); len(frame) > 0 {
			var options stack.PacketBufferOptions
			_, err := options.Payload.WriteFromReader(bytes.NewReader(frame), int64(len(frame)))
			must(err)
			packet := stack.NewPacketBuffer(options)
			card.InjectInbound(0, packet)
			packet.DecRef()
		}
	}
}

// hear waits for the time, and perhaps a frame.
func hear(machine *clock) []byte {
	size, err := unix.Read(0, heard[:])
	must(err)
	if size == 0 {
		os.Exit(0)
	}
	machine.advance(time.Duration(binary.LittleEndian.Uint64(heard[:])))
	return append([]byte(nil), heard[stamp:size]...)
}

func say(message []byte) {
	_, err := unix.Write(0, message)
	must(err)
}
