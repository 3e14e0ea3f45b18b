package ovsdb

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Atoms. Each reads at d.pos and moves past what it read.

func (d *RowDecoder) str() (string, bool) {
	b, ok := d.quoted()
	if !ok {
		return "", false
	}
	return d.strings.String(b), true
}

func (d *RowDecoder) boolean() (bool, bool) {
	rest := d.buf[d.pos:]
	switch {
	case len(rest) >= 4 && string(rest[:4]) == "true":
		d.pos += 4
		return true, true
	case len(rest) >= 5 && string(rest[:5]) == "false":
		d.pos += 5
		return false, true
	}
	return false, false
}

func (d *RowDecoder) integer() (int64, bool) {
	i := d.pos
	negative := d.peek() == '-'
	if negative {
		i++
	}
	start := i
	var v uint64
	for ; i < len(d.buf) && '0' <= d.buf[i] && d.buf[i] <= '9'; i++ {
		v = v*10 + uint64(d.buf[i]-'0')
	}
	if i == start || i-start > 19 {
		return 0, false
	}
	if i < len(d.buf) && (d.buf[i] == '.' || d.buf[i] == 'e' || d.buf[i] == 'E') {
		return 0, false
	}
	if negative {
		if v > 1<<63 {
			return 0, false
		}
		d.pos = i
		return -int64(v), true
	}
	if v > 1<<63-1 {
		return 0, false
	}
	d.pos = i
	return int64(v), true
}

func (d *RowDecoder) real() (float64, bool) {
	i := d.pos
	for i < len(d.buf) && (d.buf[i] >= '0' && d.buf[i] <= '9' || d.buf[i] == '-' || d.buf[i] == '+' ||
		d.buf[i] == '.' || d.buf[i] == 'e' || d.buf[i] == 'E') {
		i++
	}
	v, err := strconv.ParseFloat(string(d.buf[d.pos:i]), 64)
	if err != nil {
		return 0, false
	}
	d.pos = i
	return v, true
}

// uuid reads ["uuid","…"].
func (d *RowDecoder) uuid() (UUID, bool) {
	const open, size = `["uuid","`, len(`["uuid","`) + 36
	if rest := d.buf[d.pos:]; len(rest) >= size+2 && string(rest[:len(open)]) == open &&
		rest[size] == '"' && rest[size+1] == ']' {
		u, ok := parseUUID(rest[len(open):size])
		if ok {
			d.pos += size + 2
		}
		return u, ok
	}
	if d.peek() != '[' {
		return UUID{}, false
	}
	d.pos++
	d.space()
	if tag, ok := d.quoted(); !ok || string(tag) != "uuid" {
		return UUID{}, false
	}
	d.separator()
	text, ok := d.quoted()
	if !ok {
		return UUID{}, false
	}
	u, ok := parseUUID(text)
	d.space()
	if !ok || d.peek() != ']' {
		return UUID{}, false
	}
	d.pos++
	return u, true
}

// enter moves behind [tag,[ and tells whether that was there.
func (d *RowDecoder) enter(tag string) bool {
	start := d.pos
	if d.peek() != '[' {
		return false
	}
	d.pos++
	d.space()
	name, ok := d.quoted()
	if !ok || string(name) != tag {
		d.pos = start
		return false
	}
	d.separator()
	if d.peek() != '[' {
		d.pos = start
		return false
	}
	d.pos++
	d.space()
	return true
}

// more moves to the next element of an entered array, false at its end.
func (d *RowDecoder) more() bool {
	d.separator()
	return d.pos < len(d.buf) && d.buf[d.pos] != ']'
}

// leave moves behind the ]] that ends what enter entered.
func (d *RowDecoder) leave() bool {
	for range 2 {
		d.space()
		if d.peek() != ']' {
			return false
		}
		d.pos++
	}
	return true
}

// count estimates the number of pairs of an entered map, without reading far
// ahead.
func (d *RowDecoder) count() int {
	n, depth := 0, 0
	for i := d.pos; i < len(d.buf) && depth >= 0 && n < 64; i++ {
		switch d.buf[i] {
		case '[':
			if depth == 0 {
				n++
			}
			depth++
		case ']':
			depth--
		case '"':
			i = d.endOfString(i) - 1
		}
	}
	return n
}

func (d *RowDecoder) peek() byte {
	if d.pos < len(d.buf) {
		return d.buf[d.pos]
	}
	return 0
}

func (d *RowDecoder) space() {
	for d.pos < len(d.buf) && (d.buf[d.pos] == ' ' || d.buf[d.pos] == '\n' || d.buf[d.pos] == '\r' || d.buf[d.pos] == '\t') {
		d.pos++
	}
}

// separator passes over white space and at most one comma.
func (d *RowDecoder) separator() {
	d.space()
	if d.peek() == ',' {
		d.pos++
		d.space()
	}
}

// quoted reads a string. The result is valid until the next call.
func (d *RowDecoder) quoted() ([]byte, bool) {
	if d.peek() != '"' {
		return nil, false
	}
	for i := d.pos + 1; i < len(d.buf); i++ {
		switch d.buf[i] {
		case '"':
			b := d.buf[d.pos+1 : i]
			d.pos = i + 1
			return b, true
		case '\\':
			return d.unquote(i)
		}
	}
	return nil, false
}

// unquote is quoted for a string whose first backslash is at i. OVN's matches
// are full of \", so that does not go through the general decoder.
func (d *RowDecoder) unquote(i int) ([]byte, bool) {
	d.scratch = append(d.scratch[:0], d.buf[d.pos+1:i]...)
	for i < len(d.buf) {
		c := d.buf[i]
		switch {
		case c == '"':
			d.pos = i + 1
			return d.scratch, true
		case c != '\\':
			d.scratch = append(d.scratch, c)
			i++
		case i+1 < len(d.buf) && (d.buf[i+1] == '"' || d.buf[i+1] == '\\' || d.buf[i+1] == '/'):
			d.scratch = append(d.scratch, d.buf[i+1])
			i += 2
		default:
			end := d.endOfString(d.pos)
			b, err := jsontext.AppendUnquote(d.scratch[:0], d.buf[d.pos:end])
			if err != nil {
				return nil, false
			}
			d.scratch = b
			d.pos = end
			return b, true
		}
	}
	return nil, false
}

// endOfString returns the index after the string that begins at i.
func (d *RowDecoder) endOfString(i int) int {
	for i++; i < len(d.buf); i++ {
		switch d.buf[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return len(d.buf)
}

// end returns the index after the value that begins at i.
func (d *RowDecoder) end(i int) int {
	depth := 0
	for i < len(d.buf) {
		switch d.buf[i] {
		case '"':
			i = d.endOfString(i) - 1
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return i
			}
			depth--
			if depth == 0 {
				return i + 1
			}
			i++
			continue
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
		if depth == 0 && (i >= len(d.buf) || d.buf[i] == ',' || d.buf[i] == '}' || d.buf[i] == ']') {
			return i
		}
	}
	return len(d.buf)
}
