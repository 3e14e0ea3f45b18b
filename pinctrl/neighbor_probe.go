package pinctrl

import (
	"sync"
	"time"
)

// maxNeighborProbes bounds the probes that wait to be sent.
const maxNeighborProbes = 10_000

// neighborProbes are questions to be asked once.
type neighborProbes struct {
	mu   sync.Mutex // guards what follows
	list []Solicitation
}

// ProbeNeighbors has neighbours asked for once. What finds no room is dropped: it is found
// due again. It may be called from any goroutine.
func (l *Loop) ProbeNeighbors(list []Solicitation) {
	if len(list) == 0 {
		return
	}
	defer l.ordered()
	p := l.senders.neighborProbes
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, list[:min(len(list), maxNeighborProbes-len(p.list))]...)
}

func (l *Loop) sendNeighborProbes(time.Time) error {
	p := l.senders.neighborProbes
	p.mu.Lock()
	n := min(len(p.list), sendTick)
	due := p.list[:n:n]
	if p.list = p.list[n:]; len(p.list) == 0 {
		p.list = nil
	}
	p.mu.Unlock()
	for _, s := range due {
		l.stats.probed.Add(1)
		l.asked(s.Out, s)
		if err := l.deliver(s.packet(), s.Out, 0); err != nil {
			return err
		}
	}
	return nil
}
