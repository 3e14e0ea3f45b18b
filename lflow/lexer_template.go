package lflow

import "strings"

// ExpandTemplates replaces each ^name in s by what lookup gives for it
// (Chassis_Template_Var, ovn-sb(5)). Names inside quoted strings stay. A name
// without a value is an error: the logical flow does not apply to this chassis.
func ExpandTemplates(s string, lookup func(name string) (string, bool)) (string, error) {
	if strings.IndexByte(s, '^') < 0 {
		return s, nil
	}
	var b strings.Builder
	done := 0
	for i := 0; ; {
		t := scanToken(s, i)
		switch t.Kind {
		case TokenEnd:
			b.WriteString(s[done:])
			return b.String(), nil
		case TokenError:
			// A number runs on into a template only after a mask's slash;
			// that, like any other bad token, is an error in either form.
			return "", &SyntaxError{Pos: t.Pos, What: t.Text}
		case TokenTemplate:
			v, ok := lookup(t.Text)
			if !ok {
				return "", &MissingTemplateError{Name: t.Text}
			}
			b.WriteString(s[done:t.Pos])
			b.WriteString(v)
			done = t.End
		}
		i = t.End
	}
}

// MissingTemplateError says that a template variable has no value on this
// chassis.
type MissingTemplateError struct{ Name string }

func (e *MissingTemplateError) Error() string {
	return "template variable ^" + e.Name + " has no value on this chassis"
}
