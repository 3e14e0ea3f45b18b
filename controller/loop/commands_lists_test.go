package loop

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

func TestConjunctionList(t *testing.T) {
	one, two := [16]byte{0, 0, 1, 0}, [16]byte{0, 0, 2, 0}
	got := conjunctionList([]ofbundle.Conjunction{
		{Owner: one, Datapath: 3, N: 0, ID: 256}, {Owner: one, Datapath: 3, N: 1, ID: 257}, {Owner: one, Datapath: 4, N: 0, ID: 258},
		{Owner: two, Datapath: 3, N: 0, ID: 512},
	}, map[uint32]ovsdb.UUID{3: {3}, 4: {4}})
	const want = `Conjunction IDs allocations:
lflow: 00000100-0000-0000-0000-000000000000, dp: 03000000-0000-0000-0000-000000000000, start: 256, n: 2
lflow: 00000100-0000-0000-0000-000000000000, dp: 04000000-0000-0000-0000-000000000000, start: 258, n: 1 (*)
lflow: 00000200-0000-0000-0000-000000000000, dp: 03000000-0000-0000-0000-000000000000, start: 512, n: 1
---
Total 4 IDs used.
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
}
