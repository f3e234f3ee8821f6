// A guest whose stack is gVisor's netstack, on a network device of Linux that has no address of its
// own.
//
//	guest DEVICE ADDRESS/LENGTH ROUTER VERB ARGUMENT ... [VERB ARGUMENT ...] ...
//
// The stack has no DHCP, so it is given its address. The verbs and the lines that it prints are those
// of the guest with lwIP (tests/netns/lwip/guest.c); `step` is missing, and `reset` waits for nothing.
// Frames go through a packet socket (packet(7)). Where DEVICE is a number it is a seed, and the guest
// is in virtual time (virtual.go).
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	nic        = 1
	mtu        = 1500
	patience   = 2 * time.Minute
	reluctance = time.Second
	rest       = 500 * time.Millisecond // for the last acknowledgements
)

var (
	mac    = tcpip.LinkAddress("\x52\x54\x00\x12\x34\x56")
	guest  *stack.Stack
	router string
	sleep  = time.Sleep
)

// ------------------------------------------------------------------ the machine
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func mustDo(err tcpip.Error) {
	if err != nil {
		must(errors.New(err.String()))
	}
}

func openCard(device string) stack.LinkEndpoint {
	everything := uint16(unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8) // in network byte order
	card, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK, int(everything))
	must(err)
	must(unix.SetsockoptInt(card, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	found, err := net.InterfaceByName(device)
	must(err)
	must(unix.Bind(card, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: found.Index}))
	link, err := fdbased.New(&fdbased.Options{
		FDs: []int{card}, MTU: mtu, EthernetHeader: true, Address: mac,
	})
	must(err)
	return link
}

// The type of addresses is another one in later versions; they all take one from a header.
func addressOf(one netip.Addr) tcpip.Address {
	packet := make([]byte, header.IPv4MinimumSize)
	copy(packet[12:], one.AsSlice())
	return header.IPv4(packet).SourceAddress()
}

func parse(text string) tcpip.Address {
	one, err := netip.ParseAddr(text)
	must(err)
	return addressOf(one)
}

func start(options stack.Options, card stack.LinkEndpoint) {
	own, err := netip.ParsePrefix(os.Args[2])
	must(err)
	router = os.Args[3]
	options.NetworkProtocols = []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol}
	options.TransportProtocols = []stack.TransportProtocolFactory{
		tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4,
	}
	guest = stack.New(options)
	sack := tcpip.TCPSACKEnabled(true) // as its own programs have it
	mustDo(guest.SetTransportProtocolOption(tcp.ProtocolNumber, &sack))
	mustDo(guest.CreateNIC(nic, card))
	address := tcpip.ProtocolAddress{
		Protocol: ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{
			Address: addressOf(own.Addr()), PrefixLen: own.Bits(),
		},
	}
	mustDo(guest.AddProtocolAddress(nic, address, stack.AddressProperties{}))
	guest.SetRouteTable([]tcpip.Route{
		{Destination: address.AddressWithPrefix.Subnet(), NIC: nic},
		{Destination: header.IPv4EmptySubnet, Gateway: parse(router), NIC: nic},
	})
	fmt.Println("address", own.Addr())
}

func port(host, text string) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nic, Addr: parse(host), Port: uint16(number(text))}
}

// ------------------------------------------------------------------ names, pings and datagrams
func resolve(words []string) {
	resolver := net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			server := port(router, "53")
			return gonet.DialUDP(guest, nil, &server, ipv4.ProtocolNumber)
		},
	}
	found, err := resolver.LookupNetIP(context.Background(), "ip4", words[0]+".")
	if err != nil {
		fmt.Println("unknown")
	} else {
		fmt.Println(found[0].Unmap())
	}
}

func exchange(conn net.Conn, sent []byte) []byte {
	defer conn.Close()
	must(conn.SetDeadline(time.Now().Add(patience)))
	_, err := conn.Write(sent)
	must(err)
	back := make([]byte, 1<<16)
	size, err := conn.Read(back)
	must(err)
	return back[:size]
}

func ping(words []string) {
	var queue waiter.Queue
	waiting, came := waiter.NewChannelEntry(waiter.ReadableEvents)
	queue.EventRegister(&waiting)
	endpoint, failed := guest.NewEndpoint(icmp.ProtocolNumber4, ipv4.ProtocolNumber, &queue)
	mustDo(failed)
	mustDo(endpoint.Connect(tcpip.FullAddress{NIC: nic, Addr: parse(words[0])}))
	echo := header.ICMPv4(append(make([]byte, header.ICMPv4MinimumSize), pattern(32)...))
	echo.SetType(header.ICMPv4Echo)
	echo.SetSequence(1)
	_, failed = endpoint.Write(bytes.NewReader(echo), tcpip.WriteOptions{})
	mustDo(failed)
	<-came
	var back bytes.Buffer
	_, failed = endpoint.Read(&back, tcpip.ReadOptions{})
	mustDo(failed)
	if header.ICMPv4(back.Bytes()).Type() == header.ICMPv4EchoReply {
		fmt.Println("pong")
	}
}

func pattern(size int) []byte {
	data := make([]byte, size)
	for at := range data {
		data[at] = byte(at % 251)
	}
	return data
}

func number(text string) int {
	size, err := strconv.Atoi(text)
	must(err)
	return size
}

func echo(words []string) {
	server, data := port(words[0], words[1]), pattern(number(words[2]))
	conn, err := gonet.DialUDP(guest, nil, &server, ipv4.ProtocolNumber)
	must(err)
	if bytes.Equal(exchange(conn, data), data) {
		fmt.Println("same")
	} else {
		fmt.Println("different")
	}
}

// ------------------------------------------------------------------ streams
func tell(err error) {
	if text := err.Error(); strings.Contains(text, "refused") || strings.Contains(text, "reset") {
		fmt.Println("refused")
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		fmt.Println("nothing")
		os.Exit(1)
	} else {
		fmt.Println("aborted")
	}
}

func dial(host, service string) *gonet.TCPConn {
	soon, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := gonet.DialContextTCP(soon, guest, port(host, service), ipv4.ProtocolNumber)
	if err != nil {
		tell(err)
		return nil
	}
	must(conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

func tellSum(conn *gonet.TCPConn) {
	data, err := io.ReadAll(conn)
	if err != nil {
		tell(err)
		return
	}
	sum := 0
	for _, value := range data {
		sum += int(value)
	}
	fmt.Println(len(data), sum)
}

func fetch(words []string) {
	if conn := dial(words[0], words[1]); conn != nil {
		defer conn.Close()
		tellSum(conn)
	}
}

func slow(words []string) {
	if conn := dial(words[0], words[1]); conn != nil {
		defer conn.Close()
		sleep(reluctance)
		tellSum(conn)
	}
}

func get(words []string) {
	if conn := dial(words[0], "80"); conn != nil {
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
			tell(err)
			return
		}
		tellSum(conn)
	}
}

func push(words []string) {
	conn := dial(words[0], words[1])
	if conn == nil {
		return
	}
	defer conn.Close()
	if _, err := conn.Write(pattern(number(words[2]))); err != nil {
		tell(err)
		return
	}
	conn.CloseWrite() // what has been reset meanwhile, reading tells
	line, err := bufio.NewReader(conn).ReadString('\n')
	switch {
	case line != "":
		fmt.Println(strings.TrimSpace(line))
	case errors.Is(err, io.EOF):
		fmt.Println("no answer")
	default:
		tell(err)
	}
}

func reset(words []string) {
	var queue waiter.Queue
	endpoint, failed := guest.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, &queue)
	mustDo(failed)
	waiting, happened := waiter.NewChannelEntry(waiter.WritableEvents)
	queue.EventRegister(&waiting)
	endpoint.Connect(port(words[0], words[1]))
	<-happened
	_, failed = endpoint.Write(bytes.NewReader(pattern(1)), tcpip.WriteOptions{})
	mustDo(failed)
	endpoint.Abort()
	fmt.Println("aborted")
}

func serve(words []string) {
	own := tcpip.FullAddress{Port: uint16(number(words[0]))}
	listener, err := gonet.ListenTCP(guest, own, ipv4.ProtocolNumber)
	must(err)
	fmt.Println("listening")
	conn, err := listener.Accept()
	must(err)
	_, err = io.Copy(conn, conn)
	must(err)
	conn.Close()
	listener.Close()
	fmt.Println("served")
}

// ------------------------------------------------------------------
var verbs = map[string]struct {
	arguments int
	run       func([]string)
}{
	"resolve": {1, resolve},
	"ping":    {1, ping},
	"echo":    {3, echo},
	"fetch":   {2, fetch},
	"slow":    {2, slow},
	"get":     {1, get},
	"push":    {3, push},
	"reset":   {2, reset},
	"serve":   {1, serve},
}

func work() {
	for words := os.Args[4:]; len(words) > 0; {
		verb, known := verbs[words[0]]
		if !known {
			must(fmt.Errorf("no verb: %s", words[0]))
		}
		verb.run(words[1:])
		words = words[1+verb.arguments:]
	}
}

func main() {
	if seed, err := strconv.ParseInt(os.Args[1], 10, 64); err == nil {
		inVirtualTime(seed, start, work)
	}
	start(stack.Options{}, openCard(os.Args[1]))
	work()
	sleep(rest)
}
