package lflow

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestLexer checks testdata/lexer: text in, one token a line out.
func TestLexer(t *testing.T) {
	datadriven.RunTest(t, "testdata/lexer", func(t *testing.T, d *datadriven.TestData) string {
		if d.Cmd == "expand" {
			vars := map[string]string{"vip": "1.2.3.4", "list": "{1, 2}"}
			s, err := ExpandTemplates(d.Input, func(name string) (string, bool) {
				v, ok := vars[name]
				return v, ok
			})
			if err != nil {
				return "error: " + err.Error() + "\n"
			}
			return s + "\n"
		}
		var b strings.Builder
		for l := NewLexer(d.Input); l.Kind() != TokenEnd; l.Next() {
			tok := l.Token()
			fmt.Fprintf(&b, "%s", tok.Kind)
			switch tok.Kind {
			case TokenInteger:
				fmt.Fprintf(&b, " %s", hexText(tok.Value))
			case TokenMasked:
				fmt.Fprintf(&b, " %s/%s", hexText(tok.Value), hexText(tok.Mask))
			case TokenID, TokenMacro, TokenPortGrp, TokenTemplate, TokenString, TokenError:
				fmt.Fprintf(&b, " %q", tok.Text)
			}
			b.WriteByte('\n')
		}
		return b.String()
	})
}
