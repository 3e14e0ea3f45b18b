package ovsdb

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cockroachdb/datadriven"
	"github.com/go-json-experiment/json/jsontext"
)

// anyRow decodes columns of each type.
type anyRow struct {
	values []string
}

func (a *anyRow) decode(d *RowDecoder) {
	add := func(ok bool, v any) {
		if ok {
			a.values = append(a.values, fmt.Sprintf("%s = %s", d.Column(), v))
		}
	}
	for d.Next() {
		name := string(d.Column())
		kind, _, _ := strings.Cut(name, "-")
		switch kind {
		case "string":
			add(readAs(d.String, "%q"))
		case "int":
			add(readAs(d.Int, "%d"))
		case "range":
			var v int64
			ok := d.IntRange(&v, -5, 70)
			add(ok, fmt.Sprint(v))
		case "real":
			add(readAs(d.Real, "%v"))
		case "bool":
			add(readAs(d.Bool, "%v"))
		case "uuid":
			add(readAs(d.UUID, "%s"))
		case "enum":
			var v string
			ok := d.Enum(&v, "ingress", "egress")
			add(ok, fmt.Sprint(v))
		case "optenum":
			var v Optional[string]
			ok := d.OptEnum(&v, "tcp", "udp")
			add(ok, fmt.Sprint(v))
		case "optstring":
			add(readAs(d.OptString, "%v"))
		case "optint":
			add(readAs(d.OptInt, "%v"))
		case "optreal":
			add(readAs(d.OptReal, "%v"))
		case "optbool":
			add(readAs(d.OptBool, "%v"))
		case "optuuid":
			add(readAs(d.OptUUID, "%s"))
		case "strings":
			add(readAs(d.StringSet, "%q"))
		case "ints":
			add(readAs(d.IntSet, "%v"))
		case "uuids":
			add(readAs(d.UUIDSet, "%s"))
		case "map":
			add(readAs(d.StringStringMap, "%s"))
		case "mapint":
			add(readAs(d.StringIntMap, "%v"))
		case "mapuuid":
			add(readAs(d.StringUUIDMap, "%v"))
		case "intint":
			add(readAs(d.IntIntMap, "%v"))
		case "intstring":
			add(readAs(d.IntStringMap, "%v"))
		case "intuuid":
			add(readAs(d.IntUUIDMap, "%v"))
		default:
			d.Skip()
		}
	}
}

func readAs[T any](read func(*T) bool, format string) (bool, any) {
	var v T
	ok := read(&v)
	return ok, fmt.Sprintf(format, v)
}

// Each case of testdata/row is a <row>, one column a line; the column's name says
// how it is to be read. Use -rewrite only when the notation of results changes.
func TestRowDecoder(t *testing.T) {
	datadriven.RunTest(t, "testdata/row", func(t *testing.T, td *datadriven.TestData) string {
		text := []byte(td.Input)
		d := NewRowDecoder(new(Interner))
		d.Reset(text)
		var a anyRow
		a.decode(d)
		if err := d.Err(); err != nil {
			a.values = append(a.values, "error: "+err.Error())
		}
		if err := d.Note(); err != nil {
			a.values = append(a.values, "note: "+err.Error())
		}
		return strings.Join(a.values, "\n") + "\n"
	})
}

// What is written is read back as it was.
func TestEncodeDecode(t *testing.T) {
	in := struct {
		s  string
		m  Map
		mi MapOf[int64, UUID]
		u  []UUID
		o  Optional[int64]
		r  UUID
	}{
		s:  "a \"b\"\n\\ ü\u2028\x01",
		m:  NewMap("k", "v", "", "empty", "x\ty", `\`),
		mi: MapOfPairs([]Pair[int64, UUID]{{-3, UUID{1}}, {7, UUID{2}}}),
		u:  []UUID{{1}, {2}, {3}},
		o:  Some(int64(-1 << 63)),
		r:  NewUUID(),
	}
	out := in
	out.s, out.m, out.mi, out.u, out.o, out.r = "", Map{}, MapOf[int64, UUID]{}, nil, Optional[int64]{}, UUID{}
	b := append([]byte(`{"s":`), AppendString(nil, in.s)...)
	b = append(append(b, `,"m":`...), AppendMap(nil, in.m, AppendString, AppendString)...)
	b = append(append(b, `,"mi":`...), AppendMap(nil, in.mi, AppendInt, AppendUUID)...)
	b = append(append(b, `,"u":`...), AppendSet(nil, in.u, AppendUUID)...)
	b = append(append(b, `,"o":`...), AppendOptional(nil, in.o, AppendInt)...)
	b = append(append(b, `,"r":`...), AppendOptUUID(nil, in.r)...)
	b = append(b, '}')
	if !json.Valid(b) {
		t.Fatalf("not JSON: %s", b)
	}
	d := NewRowDecoder(new(Interner))
	d.Reset(b)
	for d.Next() {
		switch string(d.Column()) {
		case "s":
			d.String(&out.s)
		case "m":
			d.StringStringMap(&out.m)
		case "mi":
			d.IntUUIDMap(&out.mi)
		case "u":
			d.UUIDSet(&out.u)
		case "o":
			d.OptInt(&out.o)
		case "r":
			d.OptUUID(&out.r)
		}
	}
	if d.Err() != nil || fmt.Sprint(in) != fmt.Sprint(out) {
		t.Errorf("error %v\n%v\n%v", d.Err(), in, out)
	}
}

// FuzzRowDecoder reads any bytes, JSON or not: it must end and must not panic. Of
// valid JSON, strings are what the general decoder makes of them.
func FuzzRowDecoder(f *testing.F) {
	f.Add([]byte(`{"string-a":"x","map-b":["map",[["a","b"]]],"uuids":["set",[["uuid","00000000-0000-0000-0000-000000000001"]]]}`))
	f.Add([]byte(`{"string":"\u0041\"\\\n\ud83d\ude00","ints":["set",[1,2,3]],"optint":["set",[]],"intuuid":["map",[[1,["uuid","x"]]]]}`))
	f.Add([]byte(`{"strings":["set",["a`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewRowDecoder(new(Interner))
		d.Reset(b)
		var a anyRow
		a.decode(d)
		if !jsontext.Value(b).IsValid() || !utf8.Valid(b) {
			return
		}
		var want map[string]any
		if json.Unmarshal(b, &want) != nil {
			return
		}
		d.Reset(b)
		for d.Next() {
			name := string(d.Column())
			var s string
			text, isString := want[name].(string)
			if d.String(&s); isString && d.Err() == nil && s != text && !strings.ContainsRune(text, utf8.RuneError) {
				t.Errorf("column %q: %q instead of %q", name, s, text)
			}
		}
	})
}
