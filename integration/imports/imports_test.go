package imports

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/ovn-chassis/ovn-chassis/"

// layers lists the packages in the order data meets them. A package may import
// packages of earlier layers and of its own folder, nothing else of this
// module. Packages of one layer do not know each other.
var layers = []struct {
	packages []string
	reason   string
}{
	{[]string{"openflow", "ovsdb"},
		"wire formats know nothing of OVN, so that a hostile message is judged by its bytes alone"},
	{[]string{"sbdb", "vswitchdb"},
		"row types are generated from the schemas and say what a row is, never what it does"},
	{[]string{"engine"},
		"the build system is generic: knowing OpenFlow or OVN it would grow handlers for kinds of change"},
	{[]string{"pipeline"},
		"table numbers and registers are declared once, for all that translate"},
	{[]string{"lflow"},
		"a logical flow means the same wherever it is placed; where that is, is physical's"},
	{[]string{"physical"},
		"what flows a port or tunnel needs does not depend on how they reach the switch"},
	{[]string{"ofbundle"},
		"installing compares bytes; knowing why a flow changed would tempt it to trust the reason"},
	{[]string{"pinctrl"},
		"packets are answered from snapshots; reaching into the loop would let a storm of them delay a flow"},
	{[]string{"controller"},
		"the loop ties the above together; nothing above may call back into it but by channels"},
	{[]string{"cmd", "integration"},
		"what is outermost: flags, wiring, tests from outside; nothing may depend on it"},
}

// strangers are earlier packages that a package nevertheless must not import.
var strangers = []struct{ pkg, other, reason string }{
	{"sbdb", "openflow", "a row is not a flow"},
	{"vswitchdb", "openflow", "a row is not a flow"},
	{"engine", "openflow", "the engine compares outputs, it does not read them"},
	{"engine", "sbdb", "inputs are dense ids to the engine, whatever table they stand for"},
	{"engine", "vswitchdb", "inputs are dense ids to the engine, whatever table they stand for"},
	{"lflow", "engine", "compiling is a pure function; who calls it when is the engine's matter"},
	{"physical", "engine", "translating a row is a pure function; who calls it when is the engine's matter"},
	{"ofbundle", "sbdb", "flows come with their owner's UUID; what the owner says is not asked"},
	{"ofbundle", "engine", "the writer takes differences from whoever makes them"},
	{"pinctrl", "lflow", "packet-ins carry all that is needed in their userdata"},
	{"pinctrl", "ofbundle", "packets have their own connection: they must not wait for a bundle"},
	{"pinctrl", "engine", "packets are answered from snapshots, not from a build under way"},
}

func layerOf(pkg string) int {
	top := folder(pkg)
	for i, l := range layers {
		for _, p := range l.packages {
			if p == top {
				return i
			}
		}
	}
	return -1
}

func TestImportOrder(t *testing.T) {
	out, err := exec.Command("go", "list", "-e", "-deps", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg, ours := strings.CutPrefix(fields[0], module)
		if !ours {
			continue
		}
		seen++
		layer := layerOf(pkg)
		if layer < 0 {
			t.Errorf("%s is in no layer: give it one, with the reason, in this test and in docs/design.md", pkg)
			continue
		}
		for _, imported := range fields[1:] {
			if imported, ours = strings.CutPrefix(imported, module); !ours {
				continue
			}
			if violates(pkg, imported) {
				t.Errorf("%s imports %s: %s", pkg, imported, layers[layer].reason)
			}
			for _, s := range strangers {
				if folder(pkg) == s.pkg && folder(imported) == s.other {
					t.Errorf("%s imports %s: %s", pkg, imported, s.reason)
				}
			}
		}
	}
	if seen < len(layers) {
		t.Errorf("only %d packages seen", seen)
	}
}

// violates tells whether pkg may not import other, both without the module's
// name.
func violates(pkg, other string) bool {
	return folder(pkg) != folder(other) && layerOf(other) >= layerOf(pkg)
}

// folder is the top-level folder of a package.
func folder(pkg string) string {
	top, _, _ := strings.Cut(pkg, "/")
	return top
}

func TestViolates(t *testing.T) {
	for _, c := range []struct {
		pkg, other string
		want       bool
	}{
		{"lflow", "openflow", false},
		{"openflow", "lflow", true},
		{"openflow", "ovsdb", true},
		{"controller/binding", "controller/ctzone", false},
		{"cmd/ovn-controller", "controller", false},
		{"controller", "cmd/ovn-controller", true},
		{"lflow", "physical", true},
	} {
		if got := violates(c.pkg, c.other); got != c.want {
			t.Errorf("%s imports %s: violation is %v", c.pkg, c.other, got)
		}
	}
}
