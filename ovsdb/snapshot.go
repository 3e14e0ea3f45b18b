package ovsdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"time"
)

// A snapshot is a replica at a Mark, for a later process to go on from:
//
//	 0  "OVNCSNAP"
//	 8  version of this format, 32 bits, big endian
//	12  packed: database and checksum of the schema the row types are made from,
//	    owner, time, mark; number of tables; for each its name, number of rows, rows
//	-4  CRC-32C of all before
const (
	snapshotMagic   = "OVNCSNAP"
	snapshotVersion = 1
	snapshotStart   = len(snapshotMagic) + 4
	snapshotEnd     = crc32.Size
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// SnapshotHead is what a snapshot says about itself.
type SnapshotHead struct {
	// Owner names whose replica it is.
	Owner string
	// Saved is when, in seconds.
	Saved time.Time
	Mark  *Mark
}

// WriteSnapshot writes the rows of a replica that is in the state head.Mark.
func WriteSnapshot[U any](w io.Writer, m *Model[U], head SnapshotHead, rows []Frozen) error {
	sum := crc32.New(castagnoli)
	all := io.MultiWriter(w, sum)
	begin := binary.BigEndian.AppendUint32([]byte(snapshotMagic), snapshotVersion)
	if _, err := all.Write(begin); err != nil {
		return err
	}
	p := NewPacker(all)
	p.String(m.Name)
	p.String(m.Cksum)
	p.String(head.Owner)
	p.Int(head.Saved.Unix())
	packMark(p, head.Mark)
	p.Count(uint64(len(rows)))
	for _, t := range rows {
		p.String(t.Table())
		p.Count(uint64(t.Len()))
		t.Pack(p)
	}
	if err := p.Flush(); err != nil {
		return err
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}

// Reasons why bytes are no snapshot, or none that is of use here.
var (
	ErrSnapshotDamaged = errors.New("damaged")
	ErrSnapshotForeign = errors.New("of no use here")
)

// ReadSnapshot reads a snapshot into an update that is the whole contents. accept
// is asked after the head has been read; its error is returned as it is.
func ReadSnapshot[U any](b []byte, m *Model[U], accept func(SnapshotHead) error) (SnapshotHead, *U, error) {
	var head SnapshotHead
	if len(b) < snapshotStart+snapshotEnd || string(b[:len(snapshotMagic)]) != snapshotMagic {
		return head, nil, fmt.Errorf("%w: not a snapshot, or cut off", ErrSnapshotDamaged)
	}
	if v := binary.BigEndian.Uint32(b[len(snapshotMagic):]); v != snapshotVersion {
		return head, nil, fmt.Errorf("%w: it has format %d, not %d", ErrSnapshotForeign, v, snapshotVersion)
	}
	body, sum := b[:len(b)-snapshotEnd], binary.BigEndian.Uint32(b[len(b)-snapshotEnd:])
	if crc32.Checksum(body, castagnoli) != sum {
		return head, nil, fmt.Errorf("%w: the checksum is wrong", ErrSnapshotDamaged)
	}
	return readSnapshot(NewUnpacker(body[snapshotStart:]), m, accept)
}

// readSnapshot reads what is between version and checksum.
func readSnapshot[U any](u *Unpacker, m *Model[U], accept func(SnapshotHead) error) (SnapshotHead, *U, error) {
	var head SnapshotHead
	if name := u.string(); u.err == nil && name != m.Name {
		return head, nil, fmt.Errorf("%w: it is of database %q", ErrSnapshotForeign, name)
	}
	if cksum := u.string(); u.err == nil && cksum != m.Cksum {
		return head, nil, fmt.Errorf("%w: it was made by a program that knows another schema", ErrSnapshotForeign)
	}
	head.Owner = u.string()
	head.Saved = time.Unix(u.int(), 0)
	head.Mark = unpackMark(u)
	if u.err != nil {
		return head, nil, fmt.Errorf("%w: head: %w", ErrSnapshotDamaged, u.err)
	}
	if err := accept(head); err != nil {
		return head, nil, err
	}
	update := m.New()
	m.Meta(update).Replace = true
	tables := make(map[string]*TableModel[U], len(m.Tables))
	for i := range m.Tables {
		tables[m.Tables[i].Name] = &m.Tables[i]
	}
	for range u.Elements(2) {
		name := u.string()
		// A row is at least its UUID and the set of its columns.
		n := u.Elements(len(UUID{}) + 1)
		t := tables[name]
		if u.err == nil && (t == nil || t.Unpack == nil) {
			u.fail(fmt.Errorf("table %q: unknown, or there twice", name))
		}
		if u.err != nil {
			break
		}
		delete(tables, name)
		t.Unpack(update, u, n)
	}
	if u.err == nil && u.Left() > 0 {
		u.fail(fmt.Errorf("%d bytes too many", u.Left()))
	}
	if u.err != nil {
		return head, nil, fmt.Errorf("%w: %w", ErrSnapshotDamaged, u.err)
	}
	return head, update, nil
}

func packMark(p *Packer, m *Mark) {
	p.UUID(m.Txn)
	p.UUID(m.ClusterID)
	p.String(m.SchemaVersion)
	p.String(m.Columns)
	p.Count(uint64(len(m.Conditions)))
	for _, table := range slices.Sorted(maps.Keys(m.Conditions)) {
		p.String(table)
		w := m.Conditions[table]
		// nil selects all rows, an empty list none.
		p.Bool(w != nil)
		p.Count(uint64(len(w)))
		for _, c := range w {
			p.String(c.Column)
			p.String(c.Function)
			p.String(c.Value)
		}
	}
}

func unpackMark(u *Unpacker) *Mark {
	m := &Mark{Txn: u.uuid(), ClusterID: u.uuid(), SchemaVersion: u.string(), Columns: u.string()}
	n := u.Elements(3)
	m.Conditions = make(Conditions, n)
	for range n {
		table := u.string()
		some := u.bool()
		clauses := u.Elements(3)
		var w Where
		if some {
			w = make(Where, 0, clauses)
		}
		for range clauses {
			w = append(w, Condition{u.string(), u.string(), u.string()})
		}
		m.Conditions[table] = w
	}
	return m
}
