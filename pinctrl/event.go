package pinctrl

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// EmptyLoadBalancer is the event that a packet came for a load balancer without
// backends.
type EmptyLoadBalancer struct{ VIP, Protocol, LoadBalancer string }

// The one event there is, and its options.
const (
	eventEmptyLoadBalancer = 0
	eventVIP               = 1
	eventProtocol          = 2
	eventLoadBalancer      = 3
)

// handleEvent is trigger_event: it tells whoever manages the network that
// something happened. The packet itself is dropped.
//
//	| event | code | length | text | code | length | text …
func (l *Loop) handleEvent(_ *openflow.PacketIn, args []byte) error {
	e, err := parseEvent(args)
	if err == nil && l.cfg.Event != nil {
		l.cfg.Event(e)
	}
	return err
}

func parseEvent(args []byte) (e EmptyLoadBalancer, err error) {
	if len(args) < 4 {
		return e, errors.New("no event in userdata")
	}
	if n := binary.BigEndian.Uint32(args); n != eventEmptyLoadBalancer {
		return e, fmt.Errorf("unknown event %d", n)
	}
	seen := 0
	for args = args[4:]; len(args) > 0; {
		if len(args) < 4 {
			return e, errors.New("option of an event is cut short")
		}
		code, n := binary.BigEndian.Uint16(args), int(binary.BigEndian.Uint16(args[2:]))
		if args = args[4:]; len(args) < n {
			return e, errors.New("option of an event is cut short")
		}
		text := string(args[:n])
		args = args[n:]
		switch code {
		case eventVIP:
			e.VIP = text
		case eventProtocol:
			e.Protocol = text
		case eventLoadBalancer:
			e.LoadBalancer = text
		default:
			return e, fmt.Errorf("unknown option %d of an event", code)
		}
		seen |= 1 << code
	}
	if seen != 1<<eventVIP|1<<eventProtocol|1<<eventLoadBalancer {
		return e, errors.New("options of an event are missing")
	}
	return e, nil
}
