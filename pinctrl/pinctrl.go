// Package pinctrl answers the packets that the switch sends up because a flow
// cannot: it owns a connection to br-int of its own, so that neither a storm of
// packets delays a flow nor a long translation a packet.
//
//	br-int ─packet-in─► Loop ─► handler of the action ─► packet-out, resume ─► br-int
//	                     │  ▲
//	     learned addresses  snapshot of the replicas
//	                     ▼  │
//	                  controller
//
// Which logical action punted a packet is in the first eight bytes of the
// controller action's userdata (pipeline.Opcode); nested actions follow in
// OpenFlow 1.5 encoding. There is one file per logical action.
//
// Packets come from guests: nothing in them is trusted, every length is checked,
// and what a handler keeps is bounded.
package pinctrl

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// MAC is an Ethernet address.
type MAC [6]byte

func (m MAC) String() string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, 17)
	for i, x := range m {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, digits[x>>4], digits[x&15])
	}
	return string(b)
}

func (m MAC) multicast() bool { return m[0]&1 != 0 }

// Neighbor is an address as a logical router port knows it.
type Neighbor struct {
	Datapath, Port uint32 // tunnel keys
	IP             netip.Addr
}

// Snapshot is what handlers see of the southbound database. It never changes.
type Snapshot interface {
	// Neighbor is the MAC that a MAC_Binding or Static_MAC_Binding gives for n. A
	// chassisredirect port has those of its distributed port.
	Neighbor(n Neighbor) (MAC, bool)
}

// Config is what a Loop needs.
type Config struct {
	// Target is the bridge's management socket.
	Target string
	// Learned is called with each address learned from a packet, from the Loop's
	// goroutine; it must not block.
	Learned func(Neighbor, MAC)
	// Router is the router port behind a port: a chassisredirect port's distributed
	// one, itself, or the peer of a switch's port that faces it; nil knows none.
	Router func(PortKey) (PortKey, bool)
	// Bridged, Virtual and Activated are called likewise: with an address seen behind
	// a port of a switch, with a virtual port seen behind a parent, and with a port
	// whose activation was waited for.
	Bridged   func(PortKey, MAC)
	Virtual   func(port, parent PortKey)
	Activated func(PortKey)
	// Multicast is called likewise when MulticastGroups of some switch changed.
	Multicast func()
	// Event is called likewise with what the management system is to know.
	Event func(EmptyLoadBalancer)
	// Probed is called likewise when a service came online or went offline.
	Probed func(k ServiceKey, online bool)
	// BFD is called likewise when BFDStates has changed.
	BFD func()
	// Delegated is called likewise with the prefix that a router port was given.
	Delegated func(port string, d Delegated)
	// Names answers DNS questions; nil knows none.
	Names Names
	// Count is called with the name of each event that has a coverage counter; nil
	// counts none.
	Count func(event string)
	// ACLLog is where log actions write; nil is nowhere.
	ACLLog *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// Loop is the packet-in loop.
type Loop struct {
	cfg      Config
	log      *slog.Logger
	snapshot atomic.Pointer[Snapshot]
	target   atomic.Pointer[string]
	probe    atomic.Int64 // time.Duration
	retarget chan struct{}
	wake     chan struct{}
	orders   chan struct{} // something may be due
	stats    counters

	queue     *queue // from the reading goroutine to Run
	connected atomic.Bool
	busyUntil atomic.Int64 // Unix time in ns

	// handling is held by who handles packets or does what is due.
	handling sync.Mutex
	// Guarded by handling.
	conn       sender
	in         openflow.PacketIn
	unhurried  bool    // Run waits for more than paceSoon
	headers    headers // of the packet that replace is about
	batch      []*slot
	complaints *rate.Limiter // of the log, about packets
	buffer     buffer
	delayed    delayedLearning
	bridged    delayedBridged
	senders    senders
	// multicast is shared: it has a lock of its own.
	multicast multicast
	prober    prober
	bfd       bfdSessions
	// delegations are the clients of DHCPv6 that ask for prefixes.
	delegations delegations
	replies     replies
}

// sender is the connection, or a test's record of what was sent.
type sender interface {
	Send(openflow.Message) (uint32, error)
}

// New makes a Loop; it does nothing before Run.
func New(cfg Config) *Loop {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	l := &Loop{
		cfg: cfg, log: cfg.Log,
		retarget: make(chan struct{}, 1),
		wake:     make(chan struct{}, 1),
		orders:   make(chan struct{}, 1),

		queue:      newQueue(),
		complaints: rate.NewLimiter(rate.Limit(warningsPerMinute)/60, warningsBurst),

		buffer:  newBuffer(),
		delayed: newDelayedLearning(),
		bridged: newDelayedBridged(),
		senders: newSenders(),
		replies: newReplies(),
	}
	l.target.Store(&cfg.Target)
	return l
}

// SetSnapshot replaces what handlers see. Packets that waited for what it brings
// go on.
func (l *Loop) SetSnapshot(s Snapshot) {
	l.snapshot.Store(&s)
	poke(l.wake)
}

// SetProbe changes the inactivity probe of the connection, 0 for none.
func (l *Loop) SetProbe(d time.Duration) {
	if l.probe.Swap(int64(d)) != int64(d) {
		poke(l.retarget)
	}
}

// SetTarget changes the socket to connect to.
func (l *Loop) SetTarget(target string) {
	if old := l.target.Swap(&target); *old != target {
		poke(l.retarget)
	}
}

// SwitchIsThere ends the wait between two attempts to connect: somebody else's
// connection came up.
func (l *Loop) SwitchIsThere() {
	if !l.connected.Load() {
		poke(l.retarget)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Limits of what packets can make the log say: warnings a minute, and at once.
const (
	warningsPerMinute = 30
	warningsBurst     = 60
)

var handlers = map[pipeline.Opcode]handler{
	pipeline.OpARP:         (*Loop).handleARP,
	pipeline.OpNDNS:        (*Loop).handleNDNS,
	pipeline.OpNDNA:        (*Loop).handleNDNA,
	pipeline.OpNDNARouter:  (*Loop).handleNDNARouter,
	pipeline.OpPutARP:      (*Loop).handlePutARP,
	pipeline.OpPutND:       (*Loop).handlePutND,
	pipeline.OpRouterQuery: (*Loop).handleRouterQuery,

	pipeline.OpICMP:             (*Loop).handleICMP,
	pipeline.OpICMP4Error:       (*Loop).handleICMPError,
	pipeline.OpICMP6Error:       (*Loop).handleICMPError,
	pipeline.OpTCPReset:         (*Loop).handleTCPReset,
	pipeline.OpSCTPAbort:        (*Loop).handleSCTPAbort,
	pipeline.OpReject:           (*Loop).handleReject,
	pipeline.OpPutNDRAOpts:      (*Loop).handlePutNDRAOpts,
	pipeline.OpPutDHCPOpts:      (*Loop).handlePutDHCPOpts,
	pipeline.OpPutDHCPv6Opts:    (*Loop).handlePutDHCPv6Opts,
	pipeline.OpDHCPRelayReqChk:  (*Loop).handleDHCPRelayReqChk,
	pipeline.OpDHCPRelayRespChk: (*Loop).handleDHCPRelayRespChk,
	pipeline.OpDNSLookup:        (*Loop).handleDNSLookup,
	pipeline.OpLog:              (*Loop).handleLog,

	pipeline.OpPutFDB:             (*Loop).handlePutFDB,
	pipeline.OpIGMP:               (*Loop).handleIGMP,
	pipeline.OpEvent:              (*Loop).handleEvent,
	pipeline.OpBindVport:          (*Loop).handleBindVport,
	pipeline.OpActivationStrategy: (*Loop).handleActivate,

	pipeline.OpHandleSvcCheck: (*Loop).handleSvcCheck,
	pipeline.OpBFDMsg:         (*Loop).handleBFDMsg,
	pipeline.OpDHCP6Server:    (*Loop).handleDHCP6Reply,
}

var actionNames = map[pipeline.Opcode]string{
	pipeline.OpARP:         "arp",
	pipeline.OpNDNS:        "nd_ns",
	pipeline.OpNDNA:        "nd_na",
	pipeline.OpNDNARouter:  "nd_na_router",
	pipeline.OpPutARP:      "put_arp",
	pipeline.OpPutND:       "put_nd",
	pipeline.OpRouterQuery: "router_query",

	pipeline.OpICMP:             "icmp",
	pipeline.OpICMP4Error:       "icmp4_error",
	pipeline.OpICMP6Error:       "icmp6_error",
	pipeline.OpTCPReset:         "tcp_reset",
	pipeline.OpSCTPAbort:        "sctp_abort",
	pipeline.OpReject:           "reject",
	pipeline.OpPutNDRAOpts:      "put_nd_ra_opts",
	pipeline.OpPutDHCPOpts:      "put_dhcp_opts",
	pipeline.OpPutDHCPv6Opts:    "put_dhcpv6_opts",
	pipeline.OpDHCPRelayReqChk:  "dhcp_relay_req_chk",
	pipeline.OpDHCPRelayRespChk: "dhcp_relay_resp_chk",
	pipeline.OpDNSLookup:        "dns_lookup",
	pipeline.OpLog:              "log",

	pipeline.OpPutFDB:             "put_fdb",
	pipeline.OpIGMP:               "igmp",
	pipeline.OpEvent:              "trigger_event",
	pipeline.OpBindVport:          "bind_vport",
	pipeline.OpActivationStrategy: "activation_strategy",

	pipeline.OpHandleSvcCheck: "handle_svc_check",
	pipeline.OpBFDMsg:         "handle_bfd_msg",
	pipeline.OpDHCP6Server:    "handle_dhcpv6_reply",
}

// answer sends a packet made in answer to in through the actions that the logical
// action holds, from where in was in the pipeline.
func (l *Loop) answer(in *openflow.PacketIn, packet, actions []byte) error {
	nested, err := openflow.DecodeActions(actions)
	if err != nil {
		return fmt.Errorf("nested actions: %w", err)
	}
	_, err = l.conn.Send(&openflow.PacketOut{
		InPort:  openflow.PortController,
		Actions: restore(in.Metadata) + nested,
		Packet:  packet,
	})
	if err == nil {
		l.stats.replies.answer(opcode(in))
	}
	return err
}

// restore makes the actions that bring back the registers and datapath of a
// packet.
func restore(md openflow.Match) openflow.Actions {
	var b openflow.ActionBuilder
	set := func(f openflow.Field) {
		if v, mask, ok := md.Get(f); ok && !mask.IsZero() {
			b.SetField(f, v)
		}
	}
	for f := openflow.FieldReg0; f <= openflow.FieldReg15; f++ {
		set(f)
	}
	set(pipeline.RegDatapath)
	return b.Actions()
}

// register is the value of a field, 0 if the packet-in does not have it.
func register(md openflow.Match, f openflow.Field) openflow.U128 {
	v, _, _ := md.Get(f)
	return v
}

// ParseMAC reads an Ethernet address in the form that MAC_Binding has it in.
func ParseMAC(s string) (MAC, error) {
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != len(MAC{}) {
		return MAC{}, fmt.Errorf("%q is not an Ethernet address", s)
	}
	return MAC(hw), nil
}

// Refresh lets packets go on whose neighbour the snapshot has learned meanwhile.
// It may be called from any goroutine.
func (l *Loop) Refresh() { poke(l.wake) }
