package pinctrl

import (
	"sync/atomic"

	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// replyCounters count what became of packets that ask for an answer.
type replyCounters struct {
	answered, passed, forbidden [opcodes]atomic.Uint64
	limited                     atomic.Uint64
	logged                      atomic.Uint64
}

func (c *replyCounters) answer(op pipeline.Opcode) { bump(&c.answered, op) }
func (c *replyCounters) pass(op pipeline.Opcode)   { bump(&c.passed, op) }
func (c *replyCounters) forbid(op pipeline.Opcode) { bump(&c.forbidden, op) }

func bump(c *[opcodes]atomic.Uint64, op pipeline.Opcode) {
	if int(op) < opcodes {
		c[op].Add(1)
	}
}

// ReplyStats counts, since New, what became of packets that ask for an answer, by
// logical action.
type ReplyStats struct {
	Answered map[string]uint64
	// Passed went on as they were: there is nothing to say to them.
	Passed map[string]uint64
	// Forbidden must not be answered: errors, multicast, fragments.
	Forbidden map[string]uint64
	// Limited were not answered because their port had many answers already.
	Limited uint64
	Logged  uint64 // packets of log actions
}

// ReplyStats returns the counters. It may be called from any goroutine.
func (l *Loop) ReplyStats() ReplyStats {
	c := &l.stats.replies
	s := ReplyStats{
		Answered: map[string]uint64{}, Passed: map[string]uint64{}, Forbidden: map[string]uint64{},
		Limited: c.limited.Load(), Logged: c.logged.Load(),
	}
	for op, name := range actionNames {
		s.Answered[name] = c.answered[op].Load()
		s.Passed[name] = c.passed[op].Load()
		s.Forbidden[name] = c.forbidden[op].Load()
	}
	return s
}
