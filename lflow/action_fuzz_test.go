package lflow

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// FuzzParseActions feeds any text to the parser. What it accepts must encode to
// actions that decode to themselves, the same each time.
func FuzzParseActions(f *testing.F) {
	eachGolden(f, func(c actionCase, _ *Program) { f.Add(c.src.Actions, c.src.Ingress, c.src.Table) })
	f.Add("clone { clone { drop; }; };", true, uint8(33))
	f.Add(`reg0 = select(values=(1, 2); hash_fields="");`, true, uint8(0))
	f.Fuzz(func(t *testing.T, text string, ingress bool, table uint8) {
		src := Source{Ingress: ingress, Table: table}
		l, _, err := parseActionList(text, src, actionEnv{}, Symbols(false))
		if err != nil {
			return
		}
		ctx := encodeCtx{View: actionView{}, Datapath: Datapath{Key: 5, Switch: true}}
		var b openflow.ActionBuilder
		if l.encode(&ctx, &b) != nil {
			return
		}
		first := b.Actions()
		again, err := openflow.DecodeActions([]byte(first))
		if err != nil {
			t.Fatalf("%q encodes to %x: %v", text, first, err)
		}
		if again != first {
			t.Fatalf("%q is not canonical:\n%x\n%x", text, first, again)
		}
		b.Reset()
		if err := l.encode(&ctx, &b); err != nil || b.Actions() != first {
			t.Fatalf("%q encodes differently a second time", text)
		}
	})
}
