package pinctrl

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Snooping is how a switch learns who listens to what (table IP_Multicast).
type Snooping struct {
	TableSize int           // groups
	Idle      time.Duration // how long a listener counts without reporting again
	// FlushNo differs when all is to be forgotten.
	FlushNo int64

	// The querier, which sends nothing for a family without a source address.
	Interval, MaxResponse time.Duration
	MAC                   MAC
	IPv4, IPv6            netip.Addr
}

// MulticastGroup is who listens to a group, or, with an invalid address, where
// multicast routers are.
type MulticastGroup struct {
	Address  netip.Addr
	Protocol string
	Ports    []uint32 // sorted keys
}

// routerIdle is how long a port leads to a multicast router without a query.
const routerIdle = 180 * time.Second

// Keys of the groups that every switch has.
const (
	keyFlood        = pipeline.MinMulticastKey
	keyFloodRouters = pipeline.MinMulticastKey + 2
	keyFloodL2      = pipeline.MinMulticastKey + 4
)

// multicast is what the switches have learned.
type multicast struct {
	mu       sync.Mutex // guards what follows
	switches map[uint32]*snooper
	checked  time.Time // when listeners were last looked through
}

// snooper is one switch. It has at most TableSize groups, each with at most
// maxListeners ports.
type snooper struct {
	Snooping
	groups  map[netip.Addr]*listeners
	routers map[uint32]time.Time // until when
	query   time.Time            // when the next is due
}

const maxListeners = 4096

type listeners struct {
	protocol string
	ports    map[uint32]time.Time // until when
	heard    time.Time
}

// SetSnooping configures a switch by its key; nil ends its snooping. It may be
// called from any goroutine.
func (l *Loop) SetSnooping(datapath uint32, c *Snooping) {
	defer l.ordered()
	m := &l.multicast
	m.mu.Lock()
	defer m.mu.Unlock()
	if c == nil {
		delete(m.switches, datapath)
		return
	}
	s := m.switches[datapath]
	if s == nil || s.FlushNo != c.FlushNo {
		s = &snooper{groups: map[netip.Addr]*listeners{}, routers: map[uint32]time.Time{}}
		if m.switches == nil {
			m.switches = map[uint32]*snooper{}
		}
		m.switches[datapath] = s
	}
	if now := l.cfg.Now(); s.query.After(now.Add(c.Interval)) {
		s.query = now
	}
	s.Snooping = *c
	for len(s.groups) > s.TableSize {
		s.evict()
	}
}

// MulticastGroups returns what a switch has learned, ok is false if it does not
// snoop. It may be called from any goroutine.
func (l *Loop) MulticastGroups(datapath uint32) (groups []MulticastGroup, ok bool) {
	m := &l.multicast
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.switches[datapath]
	if s == nil {
		return nil, false
	}
	for a, g := range s.groups {
		groups = append(groups, MulticastGroup{a, g.protocol, sortedKeys(g.ports)})
	}
	groups = append(groups, MulticastGroup{Ports: sortedKeys(s.routers)})
	slices.SortFunc(groups, func(a, b MulticastGroup) int { return a.Address.Compare(b.Address) })
	return groups, true
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// handleIGMP is igmp: a switch learns from an IGMP or MLD message, which then goes
// to the multicast routers, if it is a report, or to all hosts.
func (l *Loop) handleIGMP(in *openflow.PacketIn, _ []byte) error {
	h, _ := extract(in.Packet)
	msg, err := parseMulticast(&h)
	if err != nil {
		return err
	}
	at := portKeys(in)
	changed, ok := l.multicast.learn(at, msg, l.cfg.Now())
	if !ok {
		return nil // not a switch that snoops
	}
	if changed && l.cfg.Multicast != nil {
		l.cfg.Multicast()
	}
	switch {
	case msg.report:
		return l.reinject(in.Packet, at, keyFloodRouters)
	case msg.query:
		return l.reinject(in.Packet, at, keyFloodL2)
	}
	return nil
}

// reinject sends a packet on to a group of ports, marked so that it does not come
// here again.
func (l *Loop) reinject(packet []byte, in PortKey, out uint32) error {
	var a openflow.ActionBuilder
	a.SetField(pipeline.RegDatapath, openflow.U64(uint64(in.Datapath)))
	a.SetField(pipeline.RegInport, openflow.U64(uint64(in.Port)))
	a.SetField(pipeline.RegOutport, openflow.U64(uint64(out)))
	a.SetFieldMasked(pipeline.RegFlags, openflow.U64(pipeline.FlagIGMPSnoopInject), openflow.U64(pipeline.FlagIGMPSnoopInject))
	a.Resubmit(pipeline.TableOutputInit)
	return l.packetOut(packet, a.Actions())
}

func (m *multicast) learn(at PortKey, msg multicastMessage, now time.Time) (changed, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.switches[at.Datapath]
	if s == nil {
		return false, false
	}
	if msg.query {
		if _, known := s.routers[at.Port]; known || len(s.routers) < maxListeners {
			s.routers[at.Port] = now.Add(routerIdle)
			changed = !known
		}
	}
	for _, r := range msg.members {
		if r.leave {
			changed = s.leave(r.group, at.Port) || changed
		} else {
			changed = s.join(r, at.Port, now) || changed
		}
	}
	return changed, true
}

func (s *snooper) join(r membership, port uint32, now time.Time) (changed bool) {
	// A multicast router is sent everything anyway.
	if _, router := s.routers[port]; router || !r.group.IsMulticast() || s.TableSize <= 0 {
		return false
	}
	g := s.groups[r.group]
	if g == nil {
		if len(s.groups) >= s.TableSize {
			s.evict()
		}
		g = &listeners{ports: map[uint32]time.Time{}}
		s.groups[r.group] = g
	}
	_, known := g.ports[port]
	if !known && len(g.ports) >= maxListeners {
		return false
	}
	changed = !known || g.protocol != r.protocol
	g.ports[port], g.protocol, g.heard = now.Add(s.Idle), r.protocol, now
	return changed
}

func (s *snooper) leave(group netip.Addr, port uint32) bool {
	g := s.groups[group]
	if g == nil {
		return false
	}
	_, known := g.ports[port]
	delete(g.ports, port)
	if len(g.ports) == 0 {
		delete(s.groups, group)
	}
	return known
}

// evict makes room: the group that was heard of longest ago goes.
func (s *snooper) evict() {
	var oldest netip.Addr
	for a, g := range s.groups {
		if !oldest.IsValid() || g.heard.Before(s.groups[oldest].heard) {
			oldest = a
		}
	}
	delete(s.groups, oldest)
}

// expire forgets who has not been heard for too long.
func (s *snooper) expire(now time.Time) (changed bool) {
	old := func(ports map[uint32]time.Time) {
		for p, until := range ports {
			if now.After(until) {
				delete(ports, p)
				changed = true
			}
		}
	}
	old(s.routers)
	for a, g := range s.groups {
		if old(g.ports); len(g.ports) == 0 {
			delete(s.groups, a)
		}
	}
	return changed
}

// multicastCheck is how often listeners and queriers are looked through.
const multicastCheck = 500 * time.Millisecond

// sendQueries lets queriers ask who listens, and forgets those who do not answer.
func (l *Loop) sendQueries(now time.Time) error {
	m := &l.multicast
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.checked) < multicastCheck {
		return nil
	}
	m.checked = now
	changed := false
	for dp, s := range m.switches {
		changed = s.expire(now) || changed
		if now.Before(s.query) || !s.IPv4.IsValid() && !s.IPv6.IsValid() {
			continue
		}
		s.query = now.Add(s.Interval)
		for _, q := range s.queries() {
			l.stats.queries.Add(1)
			if err := l.deliver(q, PortKey{dp, keyFlood}, pipeline.FlagLocalOnly); err != nil {
				return err
			}
		}
	}
	if changed && l.cfg.Multicast != nil {
		l.cfg.Multicast()
	}
	return nil
}

// queries are general queries of IGMP version 3 and MLD version 2.
func (s *Snooping) queries() (out [][]byte) {
	var untagged packet
	if s.IPv4.Is4() {
		tenths := byte(min(s.MaxResponse/(100*time.Millisecond), 127))
		m := []byte{igmpQuery, tenths, 0, 0, 0, 0, 0, 0, 0, tenths, 0, 0}
		binary.BigEndian.PutUint16(m[2:], finish(sum(0, m)))
		b := untagged.appendEth(nil, MAC{0x01, 0x00, 0x5e, 0, 0, 1}, s.MAC, ethTypeIPv4)
		out = append(out, append(appendIPv4(b, s.IPv4, netip.AddrFrom4([4]byte{224, 0, 0, 1}), protoIGMP, 1, len(m)), m...))
	}
	if s.IPv6.Is6() {
		all := netip.IPv6LinkLocalAllNodes()
		m := make([]byte, 28)
		m[0], m[25] = mldQuery, byte(min(s.MaxResponse/time.Second, 127))
		binary.BigEndian.PutUint16(m[4:], uint16(min(s.MaxResponse/time.Millisecond, 32767)))
		binary.BigEndian.PutUint16(m[2:], finish(sum(pseudo(s.IPv6, all, protoICMPv6, len(m)), m)))
		// A hop-by-hop header with the router alert option stands before it.
		alert := []byte{protoICMPv6, 0, 5, 2, 0, 0, 1, 0}
		b := untagged.appendEth(nil, MAC{0x33, 0x33, 0, 0, 0, 0}, s.MAC, ethTypeIPv6)
		b = appendIPv6(b, s.IPv6, all, protoHopOpts, 1, len(alert)+len(m))
		out = append(out, append(append(b, alert...), m...))
	}
	return out
}
