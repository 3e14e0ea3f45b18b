package integration

import (
	"fmt"
	"strings"
)

// scriptArgs turns a script, one command a line, into the arguments of one
// invocation of an OVN or OVS client: words split as a shell would (single and
// double quotes, backslash), commands joined by "--".
func scriptArgs(script string) ([]string, error) {
	var args []string
	for line := range strings.Lines(script) {
		words, err := splitWords(line)
		if err != nil {
			return nil, err
		}
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(args) > 0 {
			args = append(args, "--")
		}
		args = append(args, words...)
	}
	return args, nil
}

func splitWords(line string) ([]string, error) {
	var (
		words  []string
		word   strings.Builder
		inWord bool
		quote  rune
		escape bool
	)
	for _, r := range strings.TrimSpace(line) {
		switch {
		case escape:
			word.WriteRune(r)
			escape = false
		case r == '\\' && quote != '\'':
			escape, inWord = true, true
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 || escape {
		return nil, fmt.Errorf("unfinished quote in %q", line)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
