package pinctrl

import (
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

func TestPutFDB(t *testing.T) {
	b := newBench(t)
	got := map[PortKey]MAC{}
	b.cfg.Bridged = func(p PortKey, m MAC) { got[p] = m }
	none := func(*openflow.MatchBuilder) {}
	b.packetIn(punt(pipeline.OpPutFDB, udp4(t), none))
	if b.bridgeDue(); len(got) != 0 {
		t.Error("learned without delay")
	}
	// It moves meanwhile: the last port counts.
	b.packetIn(punt(pipeline.OpPutFDB, udp4(t), func(m *openflow.MatchBuilder) { m.SetU(pipeline.RegInport, 9) }))
	b.now = b.now.Add(maxLearnDelay + time.Millisecond)
	if b.bridgeDue(); len(got) != 1 || got[PortKey{3, 9}] != macA {
		t.Errorf("learned %v", got)
	}
	packet := udp4(t)
	for i := range 2 * maxDelayed {
		packet[10], packet[11] = byte(i>>8), byte(i)
		b.packetIn(punt(pipeline.OpPutFDB, packet, none))
	}
	if len(b.bridged.at) != maxDelayed || b.Stats().LearnDropped != maxDelayed {
		t.Errorf("%d addresses wait, %d were dropped", len(b.bridged.at), b.Stats().LearnDropped)
	}
}

func TestBindVport(t *testing.T) {
	b := newBench(t)
	var port, parent PortKey
	b.cfg.Virtual = func(v, p PortKey) { port, parent = v, p }
	in := punt(pipeline.OpBindVport, udp4(t), func(*openflow.MatchBuilder) {})
	in.Userdata = append(in.Userdata[:opcodeLen:opcodeLen], 0, 0, 1, 2)
	b.packetIn(in)
	if (port != PortKey{3, 0x102}) || (parent != PortKey{3, 1}) {
		t.Errorf("virtual port %v behind %v", port, parent)
	}
	in.Userdata = in.Userdata[:opcodeLen+3]
	if b.packetIn(in); b.Stats().Dropped["bind_vport"] != 1 {
		t.Error("short arguments were taken")
	}
}

func TestActivate(t *testing.T) {
	b := newBench(t)
	var port PortKey
	b.cfg.Activated = func(p PortKey) { port = p }
	b.packetIn(punt(pipeline.OpActivationStrategy, udp4(t), func(*openflow.MatchBuilder) {}))
	if (port != PortKey{3, 1}) {
		t.Errorf("activated %v", port)
	}
}
