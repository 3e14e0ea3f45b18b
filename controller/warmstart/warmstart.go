// Package warmstart keeps a snapshot of the southbound replica in a file, so that an
// agent that is started again asks a clustered server only for what has changed.
//
//	replica at rest ──► Freeze ──► Save (a goroutine) ──► FILE.tmp ──► FILE
//	FILE ──► Load ──► replica, ovsdb.Session.Resume
//
// The file is a help and never needed: whatever is wrong with it, the agent says so
// and starts as if there were none. Nothing is done on the strength of it before the
// server has said what changed since.
package warmstart

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Loaded is a snapshot that was read.
type Loaded struct {
	Mark  *ovsdb.Mark
	Saved time.Time
	Rows  *sbdb.Update
	Bytes int64
}

// ErrTooLarge: the snapshot has more bytes than allowed.
var ErrTooLarge = errors.New("larger than allowed")

// Load reads the snapshot that a chassis has saved, of at most limit bytes. With no
// file the error is fs.ErrNotExist.
func Load(path, chassis string, limit int64) (*Loaded, error) {
	b, err := read(path, limit)
	if err != nil {
		return nil, err
	}
	head, rows, err := ovsdb.ReadSnapshot(b, sbdb.Model(), func(h ovsdb.SnapshotHead) error {
		if h.Owner != chassis {
			return fmt.Errorf("%w: it is of chassis %q", ovsdb.ErrSnapshotForeign, h.Owner)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &Loaded{Mark: head.Mark, Saved: head.Saved, Rows: rows, Bytes: int64(len(b))}, nil
}

func read(path string, limit int64) ([]byte, error) {
	// Whatever somebody put there must not hold the agent up, or lead it elsewhere.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	case st.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("others may write to it, mode %#o", st.Mode().Perm())
	case st.Size() > limit:
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, st.Size(), limit)
	}
	b := make([]byte, st.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, err
	}
	return b, nil
}

// Save writes a snapshot of the rows, which are those of a replica in the state mark,
// and puts it in the place of the one before at once; other files and directories
// are left as they are. It returns the bytes written.
func Save(path, chassis string, limit int64, mark *ovsdb.Mark, rows []ovsdb.Frozen, now time.Time) (n int64, err error) {
	tmp := path + ".tmp"
	// What an agent left there that was killed while it wrote.
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp)
		}
	}()
	w := &limited{w: f, left: limit}
	buf := bufio.NewWriterSize(w, 256<<10)
	err = ovsdb.WriteSnapshot(buf, sbdb.Model(), ovsdb.SnapshotHead{Owner: chassis, Saved: now, Mark: mark}, rows)
	for _, step := range []func() error{buf.Flush, f.Sync, f.Close} {
		if e := step(); err == nil {
			err = e
		}
	}
	if err != nil {
		return 0, fmt.Errorf("writing %s: %w", tmp, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return 0, err
	}
	// The name is to survive as the contents do. Some file systems cannot.
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
	return limit - w.left, nil
}

// Remove deletes a snapshot; that there is none is no error.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// limited fails when more is written than is left.
type limited struct {
	w    io.Writer
	left int64
}

func (l *limited) Write(b []byte) (int, error) {
	if int64(len(b)) > l.left {
		return 0, ErrTooLarge
	}
	n, err := l.w.Write(b)
	l.left -= int64(n)
	return n, err
}
