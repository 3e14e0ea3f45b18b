package ofbundle

import (
	"context"
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Contents is what a switch holds.
type Contents struct {
	Flows  []InstalledFlow
	Groups map[uint32]string // canonical content
	Meters map[uint32]openflow.MeterSpec
}

// InstalledFlow is a flow as dumped. Foreign ones have timeouts, flags or
// instructions that the agent never sends.
type InstalledFlow struct {
	Flow    openflow.Flow
	Foreign bool
}

// Read dumps a switch. It changes nothing there.
func Read(ctx context.Context, cfg Config) (*Contents, error) {
	cfg.Observe = true
	w := New(cfg)
	conn, err := w.cfg.Dial(ctx, cfg.Target)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	s := newSession(ctx, w, conn)
	defer s.drain()
	defer cancel()
	s.patience = connectPatience
	d := &dump{groups: map[uint32]string{}, meters: map[uint32]openflow.MeterSpec{}}
	if err := s.probe(ctx); err != nil {
		return nil, fmt.Errorf("probing features: %w", err)
	}
	if err := s.dump(ctx, d); err != nil {
		return nil, fmt.Errorf("reading the switch: %w", err)
	}
	c := &Contents{Flows: make([]InstalledFlow, len(d.flows)), Groups: d.groups, Meters: d.meters}
	for i := range d.flows {
		c.Flows[i] = InstalledFlow{Flow: *d.flows[i].flow, Foreign: d.flows[i].foreign}
	}
	return c, nil
}

// observe stands in for write when the Writer only observes: what is wanted gets
// its numbers, those of the switch wherever it holds the same, and nothing is sent.
func (s *session) observe() {
	w := s.w
	w.state.number()
	w.zones, w.flushes = nil, nil
	if w.unanswered {
		w.unanswered = false
		w.events.push(Committed{Seq: w.seq})
	}
}
