package lflow

import (
	"errors"
	"testing"
)

// FuzzParseMatch feeds hostile matches. Whatever parses must format to text that
// parses to the same, and must be placed or refused without running away.
func FuzzParseMatch(f *testing.F) {
	for _, s := range []string{
		"ip4.src == {$a, 0.0.0.9} && tcp.dst != 80", "inport == @g || !(reg0[3..5] > 2)",
		"((((ip4))))", "1 < tcp.dst <= 0x10 || is_chassis_resident(\"p\\u0031\")", "ct.est && !ct.rel || 0",
		"eth.src == 01:02:03:04:05:06/ff:ff:00:00:00:00", "ip6.dst == ::ffff:1.2.3.4/128 // x", "^v == 1 /* y */",
	} {
		f.Add(s)
	}
	w := twinWorld(f)
	w.templates["v"] = "reg0"
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 {
			return
		}
		symbols := Symbols(false)
		e, err := parseExpr(text, symbols)
		if err == nil {
			if again, err := parseExpr(e.String(), symbols); err != nil {
				t.Fatalf("%q gives %q: %v", text, e, err)
			} else if again.String() != e.String() {
				t.Fatalf("%q gives %q, then %q", text, e, again)
			}
		}
		out, err := placeMatch(Compiler{MaxFlows: 500}, Source{Match: text, Actions: "next;"}, w, Datapath{Key: 3})
		var tooMany *TooManyFlowsError
		if err == nil && len(out.Flows)+len(out.Rows) > 500 && !errors.As(err, &tooMany) {
			t.Fatalf("%d flows and %d rows", len(out.Flows), len(out.Rows))
		}
	})
}

// FuzzLexer makes sure that tokens tile any input from start to end.
func FuzzLexer(f *testing.F) {
	f.Add("a$b@c^d 1.2.3.4/8::1 0x/\"x\\\"")
	f.Fuzz(func(t *testing.T, text string) {
		end := 0
		for i := 0; ; i++ {
			tok := scanToken(text, end)
			if tok.Pos < end || tok.End > len(text) || tok.End < tok.Pos {
				t.Fatalf("%q: token %+v after offset %d", text, tok, end)
			}
			if tok.Kind == TokenEnd {
				return
			}
			if tok.End == tok.Pos {
				t.Fatalf("%q: empty token %+v", text, tok)
			}
			end = tok.End
		}
	})
}
