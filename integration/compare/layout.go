package compare

import (
	"fmt"
	"regexp"
	"strconv"
)

// Layout tells which table of OVN 26.03 stands for a table of an older release.
// Tables that an older release lacks have nothing to compare with.
type Layout struct {
	// output is where the tables between the pipelines begin, egress where the
	// logical egress pipeline does.
	output, egress int
	between        []int // those of 26.03, in the order of the release
}

// Layouts by release: ovn-architecture(7) of 23.03 and 25.03. From table 64 on
// they are those of 26.03.
var layouts = map[int]*Layout{
	23: {output: 37, egress: 42, between: []int{42, 43, 44, 46, 47}},
	25: {output: 40, egress: 45, between: []int{42, 43, 44, 46, 47}},
}

// Where 26.03 has the logical pipelines.
const (
	firstIngress = 8
	firstOutput  = 42
	firstEgress  = 48
	firstLookup  = 64
)

// table returns the table of 26.03 that stands for one of the layout's.
func (l *Layout) table(number int) int {
	switch {
	case number < l.output || number >= firstLookup:
		return number
	case number < l.egress:
		return l.between[number-l.output]
	}
	return number - l.egress + firstEgress
}

// logical tells whether a table of 26.03 holds logical flows.
func logical(table string) bool {
	n, err := strconv.Atoi(table)
	return err == nil && (n >= firstIngress && n < firstOutput || n >= firstEgress && n < firstLookup)
}

var (
	tableRef = regexp.MustCompile(`(\bresubmit\([a-zA-Z_0-9<> .:-]*,|\btable=|\bgoto_table:)(\d+)`)
	// A resubmit among the actions that a packet carries back from the agent:
	// Nicira's action 14, in any port.
	tableHex = regexp.MustCompile(`(ff\.ff\.00\.10\.00\.00\.23\.20\.00\.0e\.[0-9a-f]{2}\.[0-9a-f]{2}\.)([0-9a-f]{2})`)
)

// text rewrites the tables that actions mention.
func (l *Layout) text(s string) string {
	s = replace(s, tableRef, func(m []string) string {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return m[0]
		}
		return m[1] + strconv.Itoa(l.table(n))
	})
	return replace(s, tableHex, func(m []string) string {
		n, err := strconv.ParseUint(m[2], 16, 8)
		if err != nil {
			return m[0]
		}
		return m[1] + fmt.Sprintf("%02x", l.table(int(n)))
	})
}
