package vlog

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Default patterns of Open vSwitch; ovs-appctl(8), "vlog/set PATTERN", explains
// the conversion specifiers.
var defaultPatterns = [nDestinations]string{
	Syslog:  "ovs|%05N|%c%T|%p|%m",
	Console: "%D{%Y-%m-%dT%H:%M:%SZ}|%05N|%c%T|%p|%m",
	File:    "%D{%Y-%m-%dT%H:%M:%S.###Z}|%05N|%c%T|%p|%m",
}

const defaultTimeFormat = "%Y-%m-%d %H:%M:%S.###"

// line is what a pattern is filled from.
type line struct {
	program string
	module  string
	thread  string
	level   Level
	text    string
	seq     uint64
	at      time.Time
	uptime  time.Duration
	prival  int // syslog facility and severity
}

// render expands pattern for l.
func (l *line) render(pattern string) string {
	var b strings.Builder
	for p := pattern; p != ""; {
		i := strings.IndexByte(p, '%')
		if i < 0 || i == len(p)-1 {
			b.WriteString(p)
			break
		}
		b.WriteString(p[:i])
		p = p[i+1:]
		left, pad, width := false, " ", 0
		if p[0] == '-' {
			left, p = true, p[1:]
		}
		if p != "" && p[0] == '0' {
			pad, p = "0", p[1:]
		}
		for p != "" && p[0] >= '0' && p[0] <= '9' {
			width, p = min(width*10+int(p[0]-'0'), 1024), p[1:]
		}
		if p == "" {
			break
		}
		verb := p[0]
		p = p[1:]
		var arg string
		if strings.HasPrefix(p, "{") {
			if end := strings.IndexByte(p, '}'); end >= 0 && strings.IndexByte("cdD", verb) >= 0 {
				arg, p = p[1:end], p[end+1:]
			}
		}
		s := l.expand(verb, arg)
		if n := width - len(s); n > 0 {
			if left {
				s += strings.Repeat(pad, n)
			} else {
				s = strings.Repeat(pad, n) + s
			}
		}
		b.WriteString(s)
	}
	return b.String()
}

func (l *line) expand(verb byte, arg string) string {
	switch verb {
	case 'A':
		return l.program
	case 'B':
		return strconv.Itoa(l.prival)
	case 'c':
		return l.module
	case 'd', 'D':
		if arg == "" {
			arg = defaultTimeFormat
		}
		t := l.at.Local()
		if verb == 'D' {
			t = l.at.UTC()
		}
		return strftime(arg, t)
	case 'E':
		name, _ := os.Hostname()
		return name
	case 'm':
		return l.text
	case 'N':
		return strconv.FormatUint(l.seq, 10)
	case 'n':
		return "\n"
	case 'p':
		return l.level.String()
	case 'P':
		return strconv.Itoa(os.Getpid())
	case 'r':
		return strconv.FormatInt(l.uptime.Milliseconds(), 10)
	case 't':
		if l.thread == "" {
			return "main"
		}
		return l.thread
	case 'T':
		if l.thread == "" {
			return ""
		}
		return "(" + l.thread + ")"
	default:
		return string(verb)
	}
}

// strftime knows the conversions that log patterns use; "###" is milliseconds.
func strftime(format string, t time.Time) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c == '#' && strings.HasPrefix(format[i:], "###") {
			fmt.Fprintf(&b, "%03d", t.Nanosecond()/1e6)
			i += 2
			continue
		}
		if c != '%' || i+1 == len(format) {
			b.WriteByte(c)
			continue
		}
		i++
		switch format[i] {
		case 'Y':
			fmt.Fprintf(&b, "%04d", t.Year())
		case 'm':
			fmt.Fprintf(&b, "%02d", int(t.Month()))
		case 'd':
			fmt.Fprintf(&b, "%02d", t.Day())
		case 'e':
			fmt.Fprintf(&b, "%2d", t.Day())
		case 'H':
			fmt.Fprintf(&b, "%02d", t.Hour())
		case 'M':
			fmt.Fprintf(&b, "%02d", t.Minute())
		case 'S':
			fmt.Fprintf(&b, "%02d", t.Second())
		case 'b', 'h':
			b.WriteString(t.Format("Jan"))
		case 'a':
			b.WriteString(t.Format("Mon"))
		case 'y':
			fmt.Fprintf(&b, "%02d", t.Year()%100)
		case 'j':
			fmt.Fprintf(&b, "%03d", t.YearDay())
		case 's':
			fmt.Fprintf(&b, "%d", t.Unix())
		case 'F':
			b.WriteString(t.Format("2006-01-02"))
		case 'T':
			b.WriteString(t.Format("15:04:05"))
		case 'z':
			b.WriteString(t.Format("-0700"))
		case 'Z':
			b.WriteString(t.Format("MST"))
		case '%':
			b.WriteByte('%')
		default:
			b.WriteByte('%')
			b.WriteByte(format[i])
		}
	}
	return b.String()
}
