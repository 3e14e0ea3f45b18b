package maccache

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Use says that a flow of a learned address was used.
type Use struct {
	Cookie   uint64
	Datapath uint32
	Port     uint32      // tunnel key of the port that the address is behind
	IP       netip.Addr  // of neighbours
	MAC      pinctrl.MAC // of addresses on switches
	At       time.Time   // when it was used last, to the second
}

// tables are those whose flows are looked at: a router's neighbour was sent to, a
// router's neighbour was heard, an address on a switch was heard.
var tables = [...]uint8{pipeline.TableMACBinding, pipeline.TableMACCacheUse, pipeline.TableLookupFDB}

// Uses are the flows in use of one table.
type Uses struct {
	Table uint8
	List  []Use
}

// Statistics asks the switch, over a connection of its own and only while somebody
// wants to know, which flows of learned addresses are in use.
type Statistics struct {
	// Wake is called when there is something to Take.
	Wake func()

	log    *slog.Logger
	change chan struct{}

	mu     sync.Mutex // guards what follows
	target string
	period time.Duration // 0: nobody wants to know
	taken  map[uint8]Uses
	asked  uint64
}

// NewStatistics returns one that asks for nothing.
func NewStatistics(log *slog.Logger) *Statistics {
	return &Statistics{log: log, change: make(chan struct{}, 1), taken: map[uint8]Uses{}}
}

// Ask has the switch asked each period from now on, never with 0.
func (s *Statistics) Ask(target string, period time.Duration) {
	if period > 0 {
		period = max(period, minPeriod)
	}
	s.mu.Lock()
	changed := s.target != target || s.period != period
	s.target, s.period = target, period
	s.mu.Unlock()
	if changed {
		select {
		case s.change <- struct{}{}:
		default:
		}
	}
}

// minPeriod bounds the load of very short thresholds.
const minPeriod = 100 * time.Millisecond

// Take returns what the last answers said, each once.
func (s *Statistics) Take() []Uses {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Uses
	for _, t := range tables {
		if u, ok := s.taken[t]; ok {
			out = append(out, u)
		}
	}
	clear(s.taken)
	return out
}

// Asked is how many times a table was asked for.
func (s *Statistics) Asked() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *Statistics) wanted() (target string, period time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.target, s.period
}

// Times between attempts to connect.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 8 * time.Second
)

// Run asks until ctx ends.
func (s *Statistics) Run(ctx context.Context) {
	backoff := minBackoff
	for ctx.Err() == nil {
		target, period := s.wanted()
		if period == 0 || target == "" {
			select {
			case <-ctx.Done():
			case <-s.change:
			}
			continue
		}
		up, err := s.session(ctx, target)
		if up {
			backoff = minBackoff
		}
		if err == nil {
			continue
		}
		s.log.Debug("statistics of learned addresses", "err", err)
		select {
		case <-ctx.Done():
		case <-s.change:
		case <-time.After(backoff):
			backoff = min(2*backoff, maxBackoff)
		}
	}
}

// session asks over one connection as long as it is wanted.
func (s *Statistics) session(ctx context.Context, target string) (up bool, err error) {
	conn, err := openflow.Dial(ctx, target, openflow.ConnOptions{})
	if err != nil {
		return false, err
	}
	defer conn.Close()
	heard := map[uint8]map[openflow.Match]counted{}
	for {
		begin := time.Now()
		for _, table := range tables {
			if err := s.dump(ctx, conn, table, heard); err != nil {
				return true, err
			}
		}
		for {
			now, period := s.wanted()
			if now != target || period == 0 {
				return true, nil
			}
			timer := time.NewTimer(period - time.Since(begin))
			select {
			case <-ctx.Done():
				timer.Stop()
				return true, ctx.Err()
			case <-conn.Done():
				timer.Stop()
				return true, conn.Err()
			case <-s.change:
				timer.Stop()
				continue
			case <-timer.C:
			}
			break
		}
	}
}

// replyTimeout is how long the switch may take for one table.
const replyTimeout = time.Minute

// dump asks for one table and keeps which of its flows were used.
func (s *Statistics) dump(ctx context.Context, conn *openflow.Conn, table uint8, heard map[uint8]map[openflow.Match]counted) error {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	xid, err := conn.Send(&openflow.FlowDescRequest{Table: table})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.asked++
	s.mu.Unlock()
	uses := Uses{Table: table}
	before, counts := heard[table], map[openflow.Match]counted{}
	heard[table] = counts
	for {
		h, m, err := conn.Recv(ctx)
		if err != nil {
			return err
		}
		if h.XID != xid {
			continue
		}
		switch m := m.(type) {
		case *openflow.FlowDescReply:
			now := time.Now()
			for i := range m.Flows {
				f := &m.Flows[i]
				used := now.Add(-time.Duration(f.IdleNsec))
				if conn.Version() != openflow.Version15 {
					c, ok := before[f.Match]
					if !ok || c.packets != f.Packets {
						c = counted{f.Packets, now}
					}
					counts[f.Match] = c
					used = c.at
				}
				if u, ok := use(f); ok {
					u.At = used
					uses.List = append(uses.List, u)
				}
			}
			if m.More {
				continue
			}
			s.mu.Lock()
			s.taken[table] = uses
			s.mu.Unlock()
			if s.Wake != nil {
				s.Wake()
			}
			return nil
		case *openflow.ErrorMsg:
			return m
		case *openflow.Malformed:
			return errors.Join(errors.New("malformed reply"), m.Err)
		}
	}
}

// counted tells over OpenFlow 1.4, which has packet counts but no idle times, when
// a flow was used.
type counted struct {
	packets uint64
	at      time.Time
}

// use reads what a flow is about. A flow that no packet has met yet is of no use.
func use(f *openflow.FlowDesc) (u Use, ok bool) {
	if f.Packets == 0 || f.Foreign {
		return u, false
	}
	u.Cookie = f.Cookie
	get := func(field openflow.Field) uint64 {
		v, _, _ := f.Match.Get(field)
		return v.Lo
	}
	u.Datapath = uint32(get(pipeline.RegDatapath))
	switch f.Table {
	case pipeline.TableMACBinding:
		u.Port = uint32(get(pipeline.RegOutport))
		// An IPv4 address is in reg0, an IPv6 one in xxreg1.
		if v, _, has := f.Match.Get(openflow.FieldReg0); has {
			u.IP = ipv4(v)
		} else if v, _, has := f.Match.Get(openflow.FieldXXReg1); has {
			u.IP = ipv6(v)
		}
		return u, u.IP.IsValid()
	case pipeline.TableMACCacheUse:
		u.Port = uint32(get(pipeline.RegInport))
		for _, field := range [...]openflow.Field{openflow.FieldIPv4Src, openflow.FieldARPSPA} {
			if v, _, has := f.Match.Get(field); has {
				u.IP = ipv4(v)
			}
		}
		if v, _, has := f.Match.Get(openflow.FieldIPv6Src); has {
			u.IP = ipv6(v)
		}
		return u, u.IP.IsValid()
	case pipeline.TableLookupFDB:
		u.Port = uint32(get(pipeline.RegInport))
		v, _, has := f.Match.Get(openflow.FieldEthSrc)
		for i := range u.MAC {
			u.MAC[i] = byte(v.Lo >> (40 - 8*i))
		}
		return u, has
	}
	return u, false
}

func ipv4(v openflow.U128) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v.Lo >> 24), byte(v.Lo >> 16), byte(v.Lo >> 8), byte(v.Lo)})
}

func ipv6(v openflow.U128) netip.Addr {
	var b [16]byte
	for i := range 8 {
		b[i] = byte(v.Hi >> (56 - 8*i))
		b[8+i] = byte(v.Lo >> (56 - 8*i))
	}
	return netip.AddrFrom16(b)
}
