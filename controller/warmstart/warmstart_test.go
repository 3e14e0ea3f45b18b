package warmstart

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

var mark = &ovsdb.Mark{Txn: ovsdb.UUID{1}, Conditions: ovsdb.Conditions{}}

func rows(names ...string) []ovsdb.Frozen {
	u := &sbdb.Update{}
	for i, n := range names {
		u.PutAddressSet(&sbdb.AddressSet{UUID: ovsdb.UUID{0: byte(i + 1)}, Name: n})
	}
	db := sbdb.NewDB()
	db.Apply(u)
	return db.Freeze()
}

const limit = 1 << 20

func save(t *testing.T, path string, names ...string) {
	t.Helper()
	if _, err := Save(path, "hv1", limit, mark, rows(names...), time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot")
	// Left behind by an agent that was killed.
	if err := os.WriteFile(path+".tmp", []byte("half a snaps"), 0o644); err != nil {
		t.Fatal(err)
	}
	save(t, path, "old")
	save(t, path, "a", "b")
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	l, err := Load(path, "hv1", limit)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Rows.AddressSet) != 2 || !l.Rows.Replace || l.Mark.Txn != mark.Txn || l.Saved != time.Unix(1e9, 0) || l.Bytes != st.Size() {
		t.Errorf("%+v", l)
	}
	if err := Remove(path); err != nil {
		t.Error(err)
	}
	if _, err := Load(path, "hv1", limit); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := Remove(path); err != nil {
		t.Error(err)
	}
}

// TestLoadRefuses: everything that does not fit is named.
func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	save(t, good, "a")
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, b []byte, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link, fifo := filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	if err := errors.Join(os.Symlink(good, link), syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), b...)
	flipped[len(b)/2] ^= 1
	for _, c := range []struct {
		path, chassis string
		limit         int64
		want          string
	}{
		{good, "hv2", limit, `it is of chassis "hv1"`},
		{good, "hv1", int64(len(b)) - 1, "larger than allowed"},
		{file("flipped", flipped, 0o600), "hv1", limit, "checksum"},
		{file("short", b[:len(b)-3], 0o600), "hv1", limit, "checksum"},
		{file("empty", nil, 0o600), "hv1", limit, "cut off"},
		{file("open", b, 0o620), "hv1", limit, "others may write"},
		{link, "hv1", limit, "symbolic link"},
		{fifo, "hv1", limit, "not a regular file"},
		{dir, "hv1", limit, "not a regular file"},
	} {
		if _, err := Load(c.path, c.chassis, c.limit); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, not %q", filepath.Base(c.path), err, c.want)
		}
	}
	if _, err := Load(file("exact", b, 0o600), "hv1", int64(len(b))); err != nil {
		t.Error(err)
	}
}

// TestSaveFails: a snapshot that cannot be written leaves the one before.
func TestSaveFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "snapshot")
	save(t, path, "a")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Save(path, "hv1", 50, mark, rows("a", "b"), time.Now()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := Save(filepath.Join(dir, "none", "snapshot"), "hv1", limit, mark, nil, time.Now()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(before) {
		t.Errorf("the snapshot before is gone: %v", err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSchedule(t *testing.T) {
	t0 := time.Unix(1e9, 0)
	var s Schedule
	s.Changed()
	if !s.Next().IsZero() {
		t.Error("before the contents have settled")
	}
	s.Settled(t0)
	s.Settled(t0.Add(time.Hour))
	if s.Next() != t0.Add(first) {
		t.Errorf("the first: %v", s.Next())
	}
	s.Begin()
	if !s.Next().IsZero() || s.Stale() {
		t.Errorf("while one is written and nothing changes: %v", s.Next())
	}
	s.Changed()
	s.Done(t0, time.Millisecond, nil)
	if s.Next() != t0.Add(late) || !s.Stale() {
		t.Errorf("after one change: %v", s.Next())
	}
	for range many {
		s.Changed()
	}
	if s.Next() != t0.Add(soon) {
		t.Errorf("after many: %v", s.Next())
	}
	s.Begin()
	s.Done(t0, time.Second, nil)
	for range many {
		s.Changed()
	}
	if s.Next() != t0.Add(share*time.Second) {
		t.Errorf("after many, when writing is slow: %v", s.Next())
	}
	s.Begin()
	s.Done(t0, 0, ErrTooLarge)
	if s.Next() != t0.Add(failed) {
		t.Errorf("after a failure: %v", s.Next())
	}
	var r Schedule
	r.Resumed(t0)
	if !r.Next().IsZero() {
		t.Errorf("resumed, nothing new: %v", r.Next())
	}
	r.Settled(t0)
	r.Changed()
	if r.Next() != t0.Add(late) {
		t.Errorf("resumed: %v", r.Next())
	}
}
