package loop

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// registerLists offers the lists of numbers the agent chose.
func (l *Loop) registerLists(s *unixctl.Server) {
	s.Register("debug/dump-lflow-conj-ids", "", 0, 0, func(req *unixctl.Request) (string, error) {
		ctx, cancel := context.WithTimeout(req.Context, time.Minute)
		defer cancel()
		d, err := l.writer.Desired(ctx)
		if err != nil {
			return "", err
		}
		keys := map[uint32]ovsdb.UUID{}
		if !l.Do(req.Context, func() {
			for id, dp := range l.binding.Datapaths() {
				keys[dp.Key] = id
			}
		}) {
			return "", errEnding
		}
		return conjunctionList(d.Conjunctions, keys), nil
	})
	// Nothing is learned from EVPN, so there is nothing to list.
	for _, name := range []string{"remote-vtep", "vtep-binding", "vtep-multicast-group", "vtep-fdb", "vtep-arp"} {
		s.Register("evpn/"+name+"-list", "", 0, 0, func(*unixctl.Request) (string, error) { return "", nil })
	}
}

// conjunctionList is the reply to debug/dump-lflow-conj-ids: a line for each run of
// numbers that a logical flow has on a datapath, marked where it does not begin at
// the first bits of the flow's UUID.
func conjunctionList(list []ofbundle.Conjunction, datapaths map[uint32]ovsdb.UUID) string {
	var b strings.Builder
	b.WriteString("Conjunction IDs allocations:\n")
	for i := 0; i < len(list); {
		first, n := list[i], 1
		for i+n < len(list) {
			next := list[i+n]
			if next.Owner != first.Owner || next.Datapath != first.Datapath || next.ID != first.ID+uint32(n) {
				break
			}
			n++
		}
		id := ovsdb.UUID(first.Owner)
		mark := ""
		if first.ID != id.First32()+uint32(first.N) {
			mark = " (*)"
		}
		fmt.Fprintf(&b, "lflow: %s, dp: %s, start: %d, n: %d%s\n", id, datapaths[first.Datapath], first.ID, n, mark)
		i += n
	}
	fmt.Fprintf(&b, "---\nTotal %d IDs used.\n", len(list))
	return b.String()
}
