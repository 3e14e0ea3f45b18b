package pinctrl

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

const eventArgs = "\x00\x00\x00\x00\x00\x01\x00\x0a10.0.0.1:8\x00\x02\x00\x03tcp\x00\x03\x00\x02lb"

func TestEvent(t *testing.T) {
	b := newBench(t)
	var got []EmptyLoadBalancer
	b.cfg.Event = func(e EmptyLoadBalancer) { got = append(got, e) }
	for n := range len(eventArgs) + 1 {
		in := punt(pipeline.OpEvent, udp4(t), func(*openflow.MatchBuilder) {})
		in.Userdata = append(in.Userdata[:opcodeLen:opcodeLen], eventArgs[:n]...)
		b.packetIn(in)
	}
	want := EmptyLoadBalancer{"10.0.0.1:8", "tcp", "lb"}
	if len(got) != 1 || got[0] != want || b.Stats().Dropped["trigger_event"] != uint64(len(eventArgs)) {
		t.Errorf("events %v, %d dropped", got, b.Stats().Dropped["trigger_event"])
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(eventArgs))
	f.Fuzz(func(t *testing.T, args []byte) { _, _ = parseEvent(args) })
}
