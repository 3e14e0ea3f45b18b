package vlog

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// Syslog facilities by name, shifted into place (RFC 3164 section 4.1.1).
var facilities = map[string]int{
	"kern": 0 << 3, "user": 1 << 3, "mail": 2 << 3, "daemon": 3 << 3, "auth": 4 << 3, "syslog": 5 << 3,
	"lpr": 6 << 3, "news": 7 << 3, "uucp": 8 << 3, "clock": 9 << 3, "ftp": 11 << 3, "ntp": 12 << 3,
	"audit": 13 << 3, "alert": 14 << 3, "clock2": 15 << 3, "local0": 16 << 3, "local1": 17 << 3,
	"local2": 18 << 3, "local3": 19 << 3, "local4": 20 << 3, "local5": 21 << 3, "local6": 22 << 3, "local7": 23 << 3,
}

// severities of RFC 3164, by Level.
var severities = [...]int{Off: 7, Emer: 1, Err: 3, Warn: 4, Info: 6, Dbg: 7}

// syslogWriter sends one line. It never blocks the daemon on a dead logger:
// failures lose the line.
type syslogWriter interface {
	send(prival int, text string)
	prefix() string // for vlog/list-pattern
}

// socketSyslog writes RFC 3164 lines to a datagram or stream socket, dialling
// again after an error, at most once a second.
type socketSyslog struct {
	network, addr string
	fallback      string // second network to try on addr
	tag           string // "program[pid]: ", written by daemons that syslogd does not stamp
	withHost      bool
	prefixText    string

	conn    net.Conn
	retryAt time.Time
}

func newLibcSyslog(program string) syslogWriter {
	return &socketSyslog{
		network: "unixgram", addr: "/dev/log", fallback: "unix",
		tag:        fmt.Sprintf("%s[%d]: ", program, os.Getpid()),
		prefixText: program,
	}
}

// nullSyslog is --syslog-method=null.
type nullSyslog struct{}

func (nullSyslog) send(int, string) {}
func (nullSyslog) prefix() string   { return "none" }

// SetSyslogMethod applies --syslog-method: libc, null, unix:FILE or udp:IP:PORT.
func (h *Hub) SetSyslogMethod(method string) error {
	var w syslogWriter
	switch {
	case method == "libc":
		w = newLibcSyslog(h.program)
	case method == "null":
		w = nullSyslog{}
	case strings.HasPrefix(method, "unix:"):
		w = &socketSyslog{network: "unixgram", addr: strings.TrimPrefix(method, "unix:"), prefixText: "<%B>"}
	case strings.HasPrefix(method, "udp:"):
		w = &socketSyslog{network: "udp", addr: strings.TrimPrefix(method, "udp:"), withHost: true,
			tag:        fmt.Sprintf("%s[%d]: ", h.program, os.Getpid()),
			prefixText: "<%B>1 %D{%Y-%m-%dT%H:%M:%S.###Z} %E %A %P %A - "}
	default:
		return fmt.Errorf("unsupported syslog method %q", method)
	}
	h.outMu.Lock()
	defer h.outMu.Unlock()
	h.out.syslog = w
	return nil
}

// SetSyslogTarget applies --syslog-target=HOST:PORT: also send there, over UDP.
func (h *Hub) SetSyslogTarget(target string) error {
	if _, _, err := net.SplitHostPort(target); err != nil {
		return fmt.Errorf("syslog target %q: %w", target, err)
	}
	h.outMu.Lock()
	defer h.outMu.Unlock()
	h.out.remote = &socketSyslog{network: "udp", addr: target, withHost: true,
		tag: fmt.Sprintf("%s[%d]: ", h.program, os.Getpid())}
	return nil
}

func (s *socketSyslog) prefix() string { return s.prefixText }

func (s *socketSyslog) send(prival int, text string) {
	now := time.Now()
	if s.conn == nil {
		if now.Before(s.retryAt) {
			return
		}
		s.retryAt = now.Add(time.Second)
		c, err := net.DialTimeout(s.network, s.addr, 100*time.Millisecond)
		if err != nil && s.fallback != "" {
			c, err = net.DialTimeout(s.fallback, s.addr, 100*time.Millisecond)
		}
		if err != nil {
			return
		}
		s.conn = c
	}
	host := ""
	if s.withHost {
		host, _ = os.Hostname()
		host += " "
	}
	_ = s.conn.SetWriteDeadline(now.Add(100 * time.Millisecond))
	if _, err := fmt.Fprintf(s.conn, "<%d>%s %s%s%s", prival, now.Format(time.Stamp), host, s.tag, text); err != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}
