package vlog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// outputs are the destinations' present state. Guarded by Hub.outMu.
type outputs struct {
	patterns [nDestinations]string
	console  io.Writer
	file     *os.File
	fileName string // kept when the file is closed by vlog/close
	syslog   syslogWriter
	facility int
	remote   syslogWriter // --syslog-target
}

func (o *outputs) init(program string) {
	o.patterns = defaultPatterns
	o.console = os.Stderr
	o.facility = facilities["daemon"]
	o.syslog = newLibcSyslog(program)
}

// emit writes one message to every destination that wants it.
func (h *Hub) emit(m *Module, thread string, level Level, text string) {
	now := h.now()
	h.outMu.Lock()
	defer h.outMu.Unlock()
	l := line{
		program: h.program, module: m.name, thread: thread, level: level, text: text,
		seq: h.seq.Add(1), at: now, uptime: now.Sub(h.started), prival: h.out.facility + severities[level],
	}
	wants := func(d Destination) bool { return int32(level) <= m.levels[d].Load() }
	if wants(Console) && h.out.console != nil {
		// A console that went away must not stop the daemon.
		_, _ = io.WriteString(h.out.console, l.render(h.out.patterns[Console])+"\n")
	}
	if wants(File) && h.out.file != nil {
		_, _ = h.out.file.WriteString(l.render(h.out.patterns[File]) + "\n")
	}
	if wants(Syslog) {
		for one := range strings.SplitSeq(l.render(h.out.patterns[Syslog]), "\n") {
			h.out.syslog.send(l.prival, one)
			if h.out.remote != nil {
				h.out.remote.send(l.prival, one)
			}
		}
	}
}

// SetConsole replaces standard error, for tests and for daemons that detach.
func (h *Hub) SetConsole(w io.Writer) {
	h.outMu.Lock()
	defer h.outMu.Unlock()
	h.out.console = w
}

func (h *Hub) setPattern(d Destination, pattern string) {
	h.outMu.Lock()
	defer h.outMu.Unlock()
	for i := range nDestinations {
		if d == AnyDestination || d == i {
			h.out.patterns[i] = pattern
		}
	}
}

// SetLogFile logs to the named file from now on, appending.
func (h *Hub) SetLogFile(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o660)
	if err != nil {
		h.Logger("vlog").Warn(fmt.Sprintf("failed to open %s for logging: %v", name, errnoText(err)))
		return err
	}
	h.outMu.Lock()
	old := h.out.file
	if old != nil && sameFile(old, f) {
		h.outMu.Unlock()
		return f.Close()
	}
	h.outMu.Unlock()
	if old != nil {
		h.Logger("vlog").Info("closing log file")
	}
	h.outMu.Lock()
	h.out.file, h.out.fileName = f, name
	h.outMu.Unlock()
	if h.FileOpened != nil {
		h.FileOpened(f)
	}
	if old != nil {
		_ = old.Close()
	}
	h.Logger("vlog").Info("opened log file " + name)
	return nil
}

// ErrNoLogFile is the answer to vlog/reopen of a daemon that logs to no file.
//
//lint:ignore ST1005 wording that scripts match
var ErrNoLogFile = errors.New("Logging to file not configured")

// Reopen opens the log file again by name, after it was rotated.
func (h *Hub) Reopen() error {
	h.outMu.Lock()
	name := h.out.fileName
	h.outMu.Unlock()
	if name == "" {
		return ErrNoLogFile
	}
	return h.SetLogFile(name)
}

// CloseLogFile stops logging to the file until Reopen.
func (h *Hub) CloseLogFile() {
	h.outMu.Lock()
	defer h.outMu.Unlock()
	if h.out.file != nil {
		_ = h.out.file.Close()
		h.out.file = nil
	}
}

// LogFile returns the open log file, or nil.
func (h *Hub) LogFile() *os.File {
	h.outMu.Lock()
	defer h.outMu.Unlock()
	return h.out.file
}

// ChownLogFile gives the log file to the user that the daemon is about to become.
func (h *Hub) ChownLogFile(uid, gid int) error {
	f := h.LogFile()
	if f == nil {
		return nil
	}
	if err := f.Chown(uid, gid); err != nil {
		return fmt.Errorf("changing the owner of %s: %w", f.Name(), err)
	}
	return nil
}

// Patterns is the reply to vlog/list-pattern.
func (h *Hub) Patterns() string {
	h.outMu.Lock()
	defer h.outMu.Unlock()
	var b strings.Builder
	b.WriteString("         prefix                            format\n")
	b.WriteString("         ------                            ------\n")
	for d := range nDestinations {
		prefix := "none"
		if d == Syslog {
			prefix = h.out.syslog.prefix()
		}
		fmt.Fprintf(&b, "%-7s  %-32s  %s\n", d, prefix, h.out.patterns[d])
	}
	return b.String()
}

func sameFile(a, b *os.File) bool {
	x, err1 := a.Stat()
	y, err2 := b.Stat()
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

func errnoText(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}
