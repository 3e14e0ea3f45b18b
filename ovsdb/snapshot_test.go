package ovsdb_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// filler makes values of any column.
type filler struct{ *rand.Rand }

func (f filler) text() string {
	switch f.IntN(8) {
	case 0:
		return ""
	case 1:
		return strings.Repeat("long ", 300)
	case 2:
		return fmt.Sprint("rare ", f.Int64())
	}
	return fmt.Sprint("s", f.IntN(20))
}

func (f filler) number() int64 {
	return []int64{0, 1, -1, 65535, math.MinInt64, math.MaxInt64, f.Int64N(1000)}[f.IntN(7)]
}

func (f filler) id() ovsdb.UUID { return ovsdb.UUID{0: byte(f.IntN(256)), 15: 1} }

func sorted[T any](f filler, one func() T, compare func(a, b T) int) []T {
	var out []T
	for range f.IntN(5) {
		out = append(out, one())
	}
	slices.SortFunc(out, compare)
	return slices.CompactFunc(out, func(a, b T) bool { return compare(a, b) == 0 })
}

// fill sets every field of a row.
func (f filler) fill(t testing.TB, row any) {
	v := reflect.ValueOf(row).Elem()
	for i := 1; i < v.NumField(); i++ { // the first is the UUID
		switch p := v.Field(i).Addr().Interface().(type) {
		case *string:
			*p = f.text()
		case *int64:
			*p = f.number()
		case *bool:
			*p = f.IntN(2) == 0
		case *float64:
			*p = f.NormFloat64()
		case *ovsdb.UUID:
			*p = f.id()
		case *ovsdb.Optional[string]:
			*p = ovsdb.Some(f.text())
		case *ovsdb.Optional[int64]:
			*p = ovsdb.Some(f.number())
		case *ovsdb.Optional[bool]:
			*p = ovsdb.Some(f.IntN(2) == 0)
		case *[]string:
			*p = sorted(f, f.text, strings.Compare)
		case *[]ovsdb.UUID:
			*p = sorted(f, f.id, ovsdb.UUID.Compare)
		case *ovsdb.Map:
			*p = ovsdb.NewMap(f.text(), f.text(), f.text(), f.text())
		case *ovsdb.MapOf[string, ovsdb.UUID]:
			*p = ovsdb.MapFrom(map[string]ovsdb.UUID{f.text(): f.id()})
		case *ovsdb.MapOf[string, int64]:
			*p = ovsdb.MapFrom(map[string]int64{f.text(): f.number()})
		default:
			t.Fatalf("%T.%s: no value for a %T", row, v.Type().Field(i).Name, p)
		}
	}
}

// world makes n rows in each table.
func world(t testing.TB, n int) *sbdb.Update {
	f := filler{rand.New(rand.NewPCG(1, 2))}
	u := &sbdb.Update{Meta: ovsdb.Meta{Replace: true}}
	tables := reflect.ValueOf(u).Elem()
	for i := 1; i < tables.NumField(); i++ {
		list := tables.Field(i)
		for j := range n {
			id := ovsdb.UUID{0: byte(j >> 8), 1: byte(j), 14: byte(i)}
			row := reflect.New(list.Type().Elem().Field(3).Type.Elem())
			row.Elem().Field(0).Set(reflect.ValueOf(id))
			if j > 0 { // the first row is empty
				f.fill(t, row.Interface())
			}
			e := reflect.New(list.Type().Elem()).Elem()
			e.FieldByName("ID").Set(reflect.ValueOf(id))
			e.FieldByName("Row").Set(row)
			list.Set(reflect.Append(list, e))
		}
	}
	return u
}

var someMark = &ovsdb.Mark{
	Txn: ovsdb.UUID{1, 2, 3}, ClusterID: ovsdb.UUID{4}, SchemaVersion: "21.8.0", Columns: "abc",
	Conditions: ovsdb.Conditions{
		"Port_Binding": {ovsdb.WhereString("type", "patch"), ovsdb.WhereInt("tunnel_key", 7)}, "FDB": {}, "DNS": nil,
	},
}

func someHead() ovsdb.SnapshotHead {
	return ovsdb.SnapshotHead{Owner: "hv1", Saved: time.Unix(1e9, 0), Mark: someMark}
}

func anyHead(ovsdb.SnapshotHead) error { return nil }

func write(t testing.TB, rows []ovsdb.Frozen) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := ovsdb.WriteSnapshot(&b, sbdb.Model(), someHead(), rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Every column of every table comes back as it was.
func TestSnapshotRoundTrip(t *testing.T) {
	u := world(t, 900) // more strings than are remembered
	db := sbdb.NewDB()
	db.Apply(u)
	b := write(t, db.Freeze())
	head, back, err := ovsdb.ReadSnapshot(b, sbdb.Model(), anyHead)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(someHead(), head); diff != "" {
		t.Errorf("head: %s", diff)
	}
	if w := head.Mark.Conditions["FDB"]; w == nil {
		t.Error("a condition that selects nothing became one that selects all")
	}
	again := sbdb.NewDB()
	if c := again.Apply(back); len(c.Errors) > 0 || len(c.PortBinding) != 900 {
		t.Errorf("%d ports, %v", len(c.PortBinding), c.Errors)
	}
	if c := again.Apply(u); !c.Empty() {
		t.Errorf("differs: %+v", c)
	}
}

// Rows are frozen: what happens to the tables afterwards is not in the snapshot.
func TestSnapshotFrozen(t *testing.T) {
	db := sbdb.NewDB()
	db.Apply(world(t, 3))
	rows := db.Freeze()
	want := write(t, rows)
	u := &sbdb.Update{Meta: ovsdb.Meta{Replace: true}}
	db.Apply(u)
	if !bytes.Equal(want, write(t, rows)) || len(want) < 1000 || len(db.Freeze()) != 0 {
		t.Error("frozen rows have changed")
	}
}

func TestSnapshotDamaged(t *testing.T) {
	db := sbdb.NewDB()
	db.Apply(world(t, 2))
	good := write(t, db.Freeze())
	read := func(b []byte) error {
		_, u, err := ovsdb.ReadSnapshot(b, sbdb.Model(), anyHead)
		if err == nil && u == nil {
			t.Fatal("neither rows nor an error")
		}
		return err
	}
	for i := 0; i < len(good); i += 1 + i/200 {
		if err := read(good[:i]); !errors.Is(err, ovsdb.ErrSnapshotDamaged) {
			t.Fatalf("cut off at %d of %d: %v", i, len(good), err)
		}
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if err := read(bad); err == nil {
			t.Fatalf("byte %d of %d changed: accepted", i, len(good))
		}
	}
	if err := read(append(bytes.Clone(good), 0)); err == nil {
		t.Error("a byte too many accepted")
	}
	for what, b := range map[string][]byte{
		"another format":   sealed(append([]byte("OVNCSNAP\x00\x00\x00\x02"), good[12:len(good)-4]...)),
		"another database": sealed(append([]byte("OVNCSNAP\x00\x00\x00\x01"), bytes.Replace(good[12:len(good)-4], []byte("OVN_Southbound"), []byte("OVN_Northbound"), 1)...)),
		"another schema":   sealed(append([]byte("OVNCSNAP\x00\x00\x00\x01"), bytes.Replace(good[12:len(good)-4], []byte(sbdb.SchemaCksum), []byte("1"+sbdb.SchemaCksum[1:]), 1)...)),
	} {
		if err := read(b); !errors.Is(err, ovsdb.ErrSnapshotForeign) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused := errors.New("refused")
	if _, _, err := ovsdb.ReadSnapshot(good, sbdb.Model(), func(ovsdb.SnapshotHead) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("refused: %v", err)
	}
	full := errors.New("full")
	if err := ovsdb.WriteSnapshot(failing{full}, sbdb.Model(), someHead(), db.Freeze()); !errors.Is(err, full) {
		t.Errorf("writing: %v", err)
	}
}

// sealed appends the checksum.
func sealed(b []byte) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(b), crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

type failing struct{ err error }

func (f failing) Write(b []byte) (int, error) { return 0, f.err }

// FuzzSnapshot gives the reader bytes whose checksum is right: it must not panic,
// and what it accepts must be a replica that can be written and read again.
func FuzzSnapshot(f *testing.F) {
	db := sbdb.NewDB()
	db.Apply(world(f, 2))
	good := write(f, db.Freeze())
	f.Add(good[:len(good)-4])
	f.Add(good[:len(good)/2])
	f.Add(bytes.TrimSuffix(write(f, nil), []byte{0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		head, u, err := ovsdb.ReadSnapshot(sealed(b), sbdb.Model(), anyHead)
		if err != nil {
			return
		}
		db := sbdb.NewDB()
		if c := db.Apply(u); len(c.Errors) > 0 {
			t.Fatal(c.Errors)
		}
		var out bytes.Buffer
		if err := ovsdb.WriteSnapshot(&out, sbdb.Model(), head, db.Freeze()); err != nil {
			t.Fatal(err)
		}
		_, back, err := ovsdb.ReadSnapshot(out.Bytes(), sbdb.Model(), anyHead)
		if err != nil {
			t.Fatal(err)
		}
		if c := db.Apply(back); !c.Empty() {
			t.Fatalf("differs: %+v", c)
		}
	})
}

// frozen50k is a replica of 50,000 logical flows.
func frozen50k(b *testing.B) []ovsdb.Frozen {
	u, _, err := ovsdb.DecodeUpdate(sbdb.Model(), logicalFlowsJSON(50_000, "initial"))
	if err != nil {
		b.Fatal(err)
	}
	u.Replace = true
	db := sbdb.NewDB()
	db.Apply(u)
	return db.Freeze()
}

func BenchmarkSnapshotFreeze50kLogicalFlows(b *testing.B) {
	u, _, err := ovsdb.DecodeUpdate(sbdb.Model(), logicalFlowsJSON(50_000, "initial"))
	if err != nil {
		b.Fatal(err)
	}
	u.Replace = true
	db := sbdb.NewDB()
	db.Apply(u)
	b.ReportAllocs()
	for b.Loop() {
		if rows := db.Freeze(); rows[0].Len() != 50_000 {
			b.Fatal(rows)
		}
	}
}

func BenchmarkSnapshotWrite50kLogicalFlows(b *testing.B) {
	rows := frozen50k(b)
	var out bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := ovsdb.WriteSnapshot(&out, sbdb.Model(), someHead(), rows); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(out.Len()))
	b.ReportMetric(float64(out.Len())/50_000, "B/row")
}

func BenchmarkSnapshotRead50kLogicalFlows(b *testing.B) {
	data := write(b, frozen50k(b))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		_, u, err := ovsdb.ReadSnapshot(data, sbdb.Model(), anyHead)
		if err != nil || len(u.LogicalFlow) != 50_000 {
			b.Fatal(err)
		}
	}
}
