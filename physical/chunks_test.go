package physical

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// TestLargeGroup follows a packet through the flows of groups of all sizes: it
// must be delivered to every member, in order, and come out as it went in; and no
// flow-mod may exceed what the length field of a message can say.
func TestLargeGroup(t *testing.T) {
	const key = 0x8000
	step := regexp.MustCompile(`set_field:0x([0-9a-f]+)->reg15|resubmit\(,(\d+)\)`)
	for _, members := range []int{1, 100, 1168, 5000, 20000} {
		c := newActionChunks(pipeline.TableLocalOutput, key)
		for i := range members {
			c.step(func(a *openflow.ActionBuilder) {
				loadPortZone(a, uint16(i+1))
				load(a, pipeline.RegOutport, uint64(i+1))
				a.Resubmit(pipeline.TableCheckLoopback)
			})
		}
		c.last(func(a *openflow.ActionBuilder) { load(a, pipeline.RegOutport, key) })
		out := new(Flows)
		b := &groupBuild{out: out, group: new(sbdb.MulticastGroup), dp: Datapath{Key: 7}}
		b.emit(c, 100, func(*openflow.MatchBuilder) {})

		byOutport := map[uint64]*openflow.Flow{}
		for _, f := range out.List {
			// ofp_flow_mod, match header, instruction header, bundle-add header.
			const headers = 56 + 16 + 8 + 16
			if n := headers + len(f.Match) + len(f.Actions); n > 0xffff {
				t.Errorf("%d members: message of %d bytes", members, n)
			}
			v, _, ok := f.Match.Get(pipeline.RegOutport)
			if !ok || byOutport[v.Lo] != nil {
				t.Fatalf("%d members: bad match %s", members, f.Match)
			}
			byOutport[v.Lo] = f
		}
		outport, delivered := uint64(key), 0
		for flow := byOutport[outport]; flow != nil; {
			var next *openflow.Flow
			for _, m := range step.FindAllStringSubmatch(flow.Actions.String(), -1) {
				switch {
				case m[1] != "":
					outport, _ = strconv.ParseUint(m[1], 16, 32)
				case m[2] == strconv.Itoa(pipeline.TableCheckLoopback):
					delivered++
					if outport != uint64(delivered) {
						t.Fatalf("%d members: delivery %d is to %d", members, delivered, outport)
					}
				case m[2] == strconv.Itoa(pipeline.TableLocalOutput):
					if next = byOutport[outport]; next == nil {
						t.Fatalf("%d members: nothing continues %#x", members, outport)
					}
				}
			}
			flow = next
		}
		if delivered != members || outport != key {
			t.Errorf("%d members: %d deliveries, out-port at the end %#x", members, delivered, outport)
		}
		if members < 1000 && len(out.List) != 1 {
			t.Errorf("%d members: %d flows", members, len(out.List))
		}
	}
}

// TestHashTable checks that entries come bucket by bucket, none twice and none
// lost; what order that is in fact is in testdata/oracle.
func TestHashTable(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 7, 8, 9, 100} {
		var s hashTable[int]
		for i := range n {
			name := fmt.Sprint("hv", i)
			if s.has(name) {
				t.Fatalf("has %s before it was added", name)
			}
			s.add(name, i)
		}
		seen := map[string]bool{}
		last := -1
		for name, i := range s.all() {
			if name != fmt.Sprint("hv", i) || seen[name] || !s.has(name) {
				t.Fatalf("%d names: bad entry %s", n, name)
			}
			seen[name] = true
			if b := int(hashName(name)) & (len(s.buckets) - 1); b < last {
				t.Fatalf("%d names: buckets out of order", n)
			} else {
				last = b
			}
		}
		if len(seen) != n {
			t.Errorf("%d names: %d found", n, len(seen))
		}
		// Two to a bucket, and as few buckets as hold that.
		if n > 0 && n/2 > len(s.buckets)-1 {
			t.Errorf("%d names in %d buckets", n, len(s.buckets))
		}
	}
	if strings.Join(order("hv2", "hv3"), " ") != "hv3 hv2" {
		t.Errorf("order of hv2 and hv3: %v", order("hv2", "hv3"))
	}
}

func order(names ...string) []string {
	var s hashTable[struct{}]
	for _, n := range names {
		s.add(n, struct{}{})
	}
	var list []string
	for n := range s.all() {
		list = append(list, n)
	}
	return list
}
