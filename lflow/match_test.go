package lflow

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// TestMatch checks testdata/match_*: one topic a file. Expected output was
// compared with what ovn-controller 26.03 installs for the same match; rewrite it
// (go test -rewrite) only after comparing again.
//
// Commands:
//
//	world            adds definitions, see matchWorld.define
//	parse            the match as it is read, as text
//	annotate         the match with prerequisites, as text
//	reduce           the match in its reduced form, as text
//	flows [options]  the matches of its flows; options: egress, router, ct, reads, limit=N
//	rows [options]   like flows, with sets left symbolic
func TestMatch(t *testing.T) {
	files, err := filepath.Glob("testdata/match_*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			w := newMatchWorld()
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				return runMatchCommand(t, w, d)
			})
		})
	}
}

func runMatchCommand(t *testing.T, w *matchWorld, d *datadriven.TestData) string {
	switch d.Cmd {
	case "world":
		w.define(t, d.Input)
		return ""
	case "parse", "annotate", "reduce":
		e, err := parseExpr(d.Input, Symbols(d.HasArg("ct")))
		if err != nil {
			return err.Error() + "\n"
		}
		if d.Cmd != "parse" {
			e = annotate(e)
		}
		if d.Cmd == "reduce" {
			n := newNormaliser(DefaultMaxFlows)
			if e, err = n.normalise(n.simplify(e)); err != nil {
				return err.Error() + "\n"
			}
		}
		return e.String() + "\n"
	case "flows", "rows":
	default:
		t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
	c := Compiler{}
	d.MaybeScanArgs(t, "limit", &c.MaxFlows)
	src := Source{
		Match: strings.TrimSpace(d.Input), Actions: "next;", Ingress: !d.HasArg("egress"),
		Priority: 100, CtTranslation: d.HasArg("ct"),
	}
	w.reads = nil
	out, err := placeMatch(c, src, w, Datapath{Key: 3, Switch: !d.HasArg("router")})
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	if d.Cmd == "flows" {
		expandRows(w, out)
	}
	s := formatOutput(out)
	if d.HasArg("reads") {
		s += "reads: " + strings.Join(w.reads, ", ") + "\n"
	}
	return strings.ReplaceAll(s, ",metadata=0x3", "")
}

func placeMatch(c Compiler, src Source, w *matchWorld, dp Datapath) (*Output, error) {
	p, err := c.Compile(src, w)
	if err != nil {
		return nil, err
	}
	out := new(Output)
	return out, p.Place(w, dp, [16]byte{1, 2, 3, 4}, out)
}

// expandRows replaces rows by their flows. Flows that are there twice count once.
func expandRows(w *matchWorld, out *Output) {
	for i := range out.Rows {
		for _, m := range w.members(out.Rows[i].Set, false) {
			f := out.Rows[i].Expand(m)
			if !slices.ContainsFunc(out.Flows, func(g *openflow.Flow) bool { return *g == *f }) {
				out.Flows = append(out.Flows, f)
			}
		}
	}
	out.Rows = nil
}

// TestEverySymbol: match_fields has each symbol that can be matched.
func TestEverySymbol(t *testing.T) {
	text, err := os.ReadFile("testdata/match_fields")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range Symbols(false).byName {
		if s.OVNField != OVNFieldNone { // for actions only
			continue
		}
		if !strings.Contains(string(text), "\nflows\n"+name+"\n") && !strings.Contains(string(text), "\nflows\n"+name+" == ") {
			t.Errorf("%s is not there", name)
		}
	}
}
