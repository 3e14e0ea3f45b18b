package openflow

// defaultPriority is the one that text leaves out.
const defaultPriority = 32768

// FormatFlow is the line that ovs-ofctl -O OpenFlow15 --no-names --no-stats
// dump-flows prints of a flow, without the space before it.
func FormatFlow(table uint8, priority uint16, cookie uint64, m Match, a Actions) string {
	var b []byte
	if cookie != 0 {
		b = append(appendHex(append(b, "cookie="...), cookie), ", "...)
	}
	if table != 0 {
		b = append(appendDec(append(b, "table="...), uint64(table)), ", "...)
	}
	start := len(b)
	if priority != defaultPriority {
		b = append(appendDec(append(b, "priority="...), uint64(priority)), ',')
	}
	b = appendMatchText(b, m)
	if len(b) > start {
		b[len(b)-1] = ' '
	}
	t := actionText{b: append(b, "actions="...)}
	t.list(string(a), 0)
	return string(t.b)
}

// String is the flow as FormatFlow prints it; the numbers that symbols stand
// for are zero.
func (f *Flow) String() string {
	return FormatFlow(f.Table, f.Priority, f.Cookie, f.Match, f.Actions)
}
