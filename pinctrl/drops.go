package pinctrl

import (
	"errors"
	"sync/atomic"

	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// dropReason is why a packet-in came to nothing.
type dropReason uint8

const (
	// dropQueue: too many packets of its port, or of all ports, waited already.
	dropQueue dropReason = iota
	// dropShort: the packet is cut short.
	dropShort
	// dropInvalid: the handler could make nothing of the packet or of its action.
	dropInvalid
	// dropPanic: the handler panicked.
	dropPanic
	// dropUnsent: the answer could not be sent.
	dropUnsent
	// dropUnhandled: no handler has this action.
	dropUnhandled
	// dropForbidden: such packets must not be answered.
	dropForbidden
	// dropLimited: its port had many answers already.
	dropLimited
	// dropFull: what the handler keeps packets or addresses in was full.
	dropFull
	dropReasons
)

var dropNames = [dropReasons]string{
	dropQueue: "queue-full", dropShort: "truncated", dropInvalid: "invalid", dropPanic: "panic", dropUnsent: "not-sent",
	dropUnhandled: "no-handler", dropForbidden: "forbidden", dropLimited: "limited", dropFull: "table-full",
}

// dropCounters count by action and reason.
type dropCounters [opcodes][dropReasons]atomic.Uint64

func (c *counters) drop(op pipeline.Opcode, why dropReason) {
	if int(op) < opcodes {
		c.drops[op][why].Add(1)
	}
}

// errUnsent wraps errors of the connection.
var errUnsent = errors.New("the answer was not sent")

// reasonOf is why a handler that failed with err dropped its packet.
func reasonOf(err error) dropReason {
	switch {
	case errors.Is(err, errShort):
		return dropShort
	case errors.Is(err, errPanic):
		return dropPanic
	case errors.Is(err, errUnsent):
		return dropUnsent
	}
	return dropInvalid
}

// Drop is how many packet-ins of an action came to nothing for one reason.
type Drop struct {
	Action, Reason string
	Packets        uint64
}

// Drops are the reasons that occurred.
func (l *Loop) Drops() (all []Drop) {
	for op := range opcodes {
		name, ok := actionNames[pipeline.Opcode(op)]
		if !ok {
			name = "unknown"
		}
		for why := range dropReasons {
			if n := l.stats.drops[op][why].Load(); n > 0 {
				all = append(all, Drop{name, dropNames[why], n})
			}
		}
	}
	return all
}
