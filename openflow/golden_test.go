package openflow

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestGoldens holds text and bytes of flows to what they were. A flow is given
// as ovs-ofctl prints it; the bytes of its match and of each of its actions
// follow. TestSwitchGivesBack tells whether they are right; -rewrite only after
// that test passes.
func TestGoldens(t *testing.T) {
	datadriven.Walk(t, "testdata/flows", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var b strings.Builder
			switch d.Cmd {
			case "flow":
				f, err := ParseFlow(d.Input)
				if err != nil {
					return err.Error()
				}
				if text := f.String(); text != d.Input {
					fmt.Fprintf(&b, "text: %s\n", text)
				}
				for rest := string(f.Match); rest != ""; {
					tlv, err := nextTLV(rest)
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&b, "match  %x\n", rest[:tlv.size])
					rest = rest[tlv.size:]
				}
				for rest := string(f.Actions); rest != ""; {
					a, next, err := nextAction(rest)
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&b, "action %x\n", a.raw)
					rest = next
				}
			default:
				t.Fatalf("unknown command %s", d.Cmd)
			}
			return b.String()
		})
	})
}
