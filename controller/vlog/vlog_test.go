package vlog

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newTest returns a hub that writes to the buffer at a fixed time.
func newTest(t *testing.T) (*Hub, *bytes.Buffer) {
	t.Helper()
	h := New("ovn-controller")
	var b bytes.Buffer
	h.SetConsole(&b)
	if err := h.SetSyslogMethod("null"); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 5, 12, 0, 1, 234e6, time.UTC)
	h.now = func() time.Time { return at }
	return h, &b
}

func TestLineFormat(t *testing.T) {
	h, console := newTest(t)
	name := filepath.Join(t.TempDir(), "x.log")
	if err := h.SetLogFile(name); err != nil {
		t.Fatal(err)
	}
	console.Reset()
	h.Logger("binding").Info("Claiming lport sw0-p1 for this chassis.")
	h.Logger("pinctrl").With("thread", "ovn_pinctrl0").Warn("odd packet", "len", 3, slog.Group("eth", "type", "0x86dd"))
	want := "2026-03-05T12:00:01Z|00002|binding|INFO|Claiming lport sw0-p1 for this chassis.\n" +
		"2026-03-05T12:00:01Z|00003|pinctrl(ovn_pinctrl0)|WARN|odd packet (len=3, eth.type=0x86dd)\n"
	if got := console.String(); got != want {
		t.Errorf("console:\n%s\nwant:\n%s", got, want)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(b), "2026-03-05T12:00:01.234Z|00002|binding|INFO|Claiming lport sw0-p1 for this chassis.\n"; !strings.Contains(got, want) {
		t.Errorf("file:\n%s\nlacks:\n%s", got, want)
	}
}

func TestLevelSpecs(t *testing.T) {
	for _, tc := range []struct {
		specs []string
		err   string
		// levels of binding and main at console and file
		binding, main [2]Level
	}{
		{nil, "", [2]Level{Info, Info}, [2]Level{Info, Info}},
		{[]string{"console:off"}, "", [2]Level{Off, Info}, [2]Level{Off, Info}},
		{[]string{"binding:dbg"}, "", [2]Level{Dbg, Dbg}, [2]Level{Info, Info}},
		{[]string{"ANY:file:warn", "binding:file"}, "", [2]Level{Info, Dbg}, [2]Level{Info, Warn}},
		{[]string{"info file,BINDING"}, "", [2]Level{Info, Info}, [2]Level{Info, Info}},
		{[]string{"syslog:console:info"}, "cannot specify multiple destinations", [2]Level{Info, Info}, [2]Level{Info, Info}},
		{[]string{"dbg:info"}, "cannot specify multiple levels", [2]Level{Info, Info}, [2]Level{Info, Info}},
		{[]string{"main:binding"}, "cannot specify multiple modules", [2]Level{Info, Info}, [2]Level{Info, Info}},
		{[]string{"nosuch"}, `no destination, level, or module "nosuch"`, [2]Level{Info, Info}, [2]Level{Info, Info}},
		{[]string{"PATTERN:nowhere:%m"}, `unknown destination "nowhere"`, [2]Level{Info, Info}, [2]Level{Info, Info}},
		{[]string{"FACILITY:nobody"}, "invalid facility", [2]Level{Info, Info}, [2]Level{Info, Info}},
	} {
		h, _ := newTest(t)
		got := ""
		for _, s := range tc.specs {
			if err := h.SetLevels(s); err != nil {
				got = err.Error()
			}
		}
		if got != tc.err {
			t.Errorf("%q: error %q, want %q", tc.specs, got, tc.err)
		}
		at := func(m string) [2]Level {
			mod := h.Module(m)
			return [2]Level{Level(mod.levels[Console].Load()), Level(mod.levels[File].Load())}
		}
		if at("binding") != tc.binding || at("main") != tc.main {
			t.Errorf("%q: binding %v main %v, want %v %v", tc.specs, at("binding"), at("main"), tc.binding, tc.main)
		}
	}
}

func TestPattern(t *testing.T) {
	l := line{program: "p", module: "m", level: Warn, text: "x", seq: 7, at: time.Date(2026, 3, 5, 12, 0, 1, 234e6, time.UTC), prival: 28}
	for pattern, want := range map[string]string{
		"%D{%H:%M:%S.###}|%05N|%c%T|%p|%m": "12:00:01.234|00007|m|WARN|x",
		"<%B>%A: %-5p|%%%n%t":              "<28>p: WARN |%\nmain",
		"%10p|%m%":                         "      WARN|x%",
		"%D{open":                          "2026-03-05 12:00:01.234{open",
	} {
		if got := l.render(pattern); got != want {
			t.Errorf("%q: %q, want %q", pattern, got, want)
		}
	}
}

// TestRateLimit: what one call site logs too often is counted and told later.
func TestRateLimit(t *testing.T) {
	h, console := newTest(t)
	now := h.now()
	h.now = func() time.Time { return now }
	log := h.Logger("main")
	say := func() { log.Warn("row is bad", RateLimit(6, 2)) }
	for range 5 {
		say()
	}
	now = now.Add(15 * time.Second)
	say()
	want := "|main|WARN|row is bad\n|main|WARN|row is bad\n" +
		"|main|WARN|Dropped 3 log messages in last 15 seconds (most recently, 15 seconds ago) due to excessive rate\n" +
		"|main|WARN|row is bad\n"
	var got strings.Builder
	for line := range strings.Lines(console.String()) {
		_, rest, _ := strings.Cut(line, "|")
		_, rest, _ = strings.Cut(rest, "|")
		got.WriteString("|" + rest)
	}
	if got.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
	if err := h.setRateLimits([]string{"main"}, false); err != nil {
		t.Fatal(err)
	}
	console.Reset()
	for range 5 {
		say()
	}
	if n := strings.Count(console.String(), "row is bad"); n != 5 {
		t.Errorf("with limits off %d of 5 lines", n)
	}
	if !strings.Contains(h.Levels(), "main              INFO       INFO       INFO    (rate limiting disabled)\n") {
		t.Errorf("vlog/list does not say that limits are off:\n%s", h.Levels())
	}
}

// TestReopen: after logrotate moved the file, vlog/reopen makes a new one.
func TestReopen(t *testing.T) {
	h, _ := newTest(t)
	if err := h.Reopen(); err != ErrNoLogFile {
		t.Errorf("reopen without a file: %v", err)
	}
	name := filepath.Join(t.TempDir(), "x.log")
	if err := h.SetLogFile(name); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	h.Logger("main").Info("to the old file")
	if err := h.Reopen(); err != nil {
		t.Fatal(err)
	}
	h.Logger("main").Info("to the new file")
	for file, want := range map[string]string{name: "to the new file", name + ".1": "to the old file"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %q:\n%s", file, want, b)
		}
	}
	h.CloseLogFile()
	h.Logger("main").Info("nowhere")
	if b, _ := os.ReadFile(name); strings.Contains(string(b), "nowhere") {
		t.Error("written after vlog/close")
	}
}

func TestSyslog(t *testing.T) {
	h, _ := newTest(t)
	name := filepath.Join(t.TempDir(), "log")
	sock, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	if err := h.SetSyslogMethod("unix:" + name); err != nil {
		t.Fatal(err)
	}
	h.Logger("main").Error("two\nlines")
	buf := make([]byte, 1024)
	var got []string
	for range 2 {
		_ = sock.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := sock.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(buf[:n]))
	}
	if !strings.HasPrefix(got[0], "<27>") || !strings.HasSuffix(got[0], "ovs|00001|main|ERR|two") || !strings.HasSuffix(got[1], "lines") {
		t.Errorf("%q", got)
	}
}
