// Package vlog writes log/slog records the way Open vSwitch and OVN daemons
// write theirs, because operators, log shippers and test suites read them:
//
//	2026-03-05T12:00:00.123Z|00042|binding|INFO|Claiming lport sw0-p1 for this chassis.
//	TIME                    |SEQ  |MODULE |LEVEL|text
//
// Data flow: any package takes a *slog.Logger that carries the attribute
// "module"; Hub.Handler looks the module up once, asks whether any of the three
// destinations (console, syslog, file) wants the level, applies the rate limit of
// the call site, formats the line with the destination's pattern and writes it
// with one write call. Levels, patterns, rate limits and the file change while
// the daemon runs, through the vlog/* commands of the control socket
// (ovs-appctl(8), "LOGGING COMMANDS").
package vlog

import (
	"fmt"
	"log/slog"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Level is the severity in Open vSwitch's terms, most severe first. A module
// logs a message to a destination when the message's level is not greater than
// the level set for the pair.
type Level int32

const (
	Off Level = iota
	Emer
	Err
	Warn
	Info
	Dbg
)

// SlogEmer is the slog level that is written as EMER.
const SlogEmer = slog.LevelError + 4

var levelNames = [...]string{"OFF", "EMER", "ERR", "WARN", "INFO", "DBG"}

func (l Level) String() string { return levelNames[l] }

func parseLevel(s string) (Level, bool) {
	for i, n := range levelNames {
		if strings.EqualFold(s, n) {
			return Level(i), true
		}
	}
	return 0, false
}

func levelOf(l slog.Level) Level {
	switch {
	case l >= SlogEmer:
		return Emer
	case l >= slog.LevelError:
		return Err
	case l >= slog.LevelWarn:
		return Warn
	case l >= slog.LevelInfo:
		return Info
	default:
		return Dbg
	}
}

// Destination is where lines go.
type Destination int

const (
	Syslog Destination = iota
	Console
	File
	nDestinations
)

// AnyDestination stands for all of them.
const AnyDestination Destination = -1

var destinationNames = [nDestinations]string{"syslog", "console", "file"}

func (d Destination) String() string { return destinationNames[d] }

func parseDestination(s string) (Destination, bool) {
	for i, n := range destinationNames {
		if strings.EqualFold(s, n) {
			return Destination(i), true
		}
	}
	return 0, false
}

// Module is a named source of messages with a level per destination.
type Module struct {
	name       string
	levels     [nDestinations]atomic.Int32
	rateLimits atomic.Bool
}

func (m *Module) wants(l Level) bool {
	for d := range m.levels {
		if int32(l) <= m.levels[d].Load() {
			return true
		}
	}
	return false
}

// Hub holds the modules and the destinations of one process.
//
// Lock order: mu before outMu.
type Hub struct {
	// FileOpened is told of each log file opened; set before SetLogFile, may be nil.
	FileOpened func(*os.File)

	program string
	now     func() time.Time
	started time.Time
	seq     atomic.Uint64
	limits  limiter

	mu      sync.Mutex // guards modules, def
	modules map[string]*Module
	def     [nDestinations]Level // levels of modules not yet seen

	outMu sync.Mutex // guards out
	out   outputs
}

// Modules are the names known before anything was logged, so that an operator's
// `-vbinding:dbg` is accepted at start. They are those of the C agent where this
// agent has the same part.
var Modules = []string{
	"main", "acl_log", "binding", "bridge", "chassis", "coverage", "ct_zone", "daemon", "encaps",
	"engine", "features", "garp_rarp", "ha_chassis", "if_status", "jsonrpc", "lb", "lflow", "lport",
	"mac_cache", "memory", "neighbor", "ofctrl", "ovsdb", "patch", "physical", "pinctrl", "port_mirror",
	"reconnect", "route_exchange", "statctrl", "stream", "unixctl", "vconn", "vif_plug", "vlog",
	"actions", "expr", "extend_table", "inc_proc_eng", "ldata", "lflow_cache", "ovndns", "ovs_qos",
	"evpn_arp", "evpn_binding", "evpn_fdb", "ecmp_next_hop_monitor", "acl_ids", "controller_lb", "exchange",
	"host_if_monitor", "mac_binding_index", "memory_trim", "neighbor_exchange", "neighbor_exchange_netlink",
	"neighbor_table_notify", "ovn_bfd", "ovn_util", "ovsport", "resource_dep", "route_exchange_netlink",
	"route_table_notify", "vif_plug_dummy", "vif_plug_provider", "stopwatch", "timeval", "util",
}

// New returns a hub for the program of that name, all levels INFO, writing to
// standard error and syslog until told otherwise.
func New(program string) *Hub {
	h := &Hub{program: program, now: time.Now, started: time.Now(), modules: map[string]*Module{}}
	for d := range h.def {
		h.def[d] = Info
	}
	h.out.init(program)
	for _, n := range Modules {
		h.Module(n)
	}
	return h
}

// Module returns the module of that name, making it when it is new.
func (h *Hub) Module(name string) *Module {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m, ok := h.modules[name]; ok {
		return m
	}
	m := &Module{name: name}
	for d := range m.levels {
		m.levels[d].Store(int32(h.def[d]))
	}
	m.rateLimits.Store(true)
	h.modules[name] = m
	return m
}

func (h *Hub) lookup(name string) *Module {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.modules[strings.ToLower(name)]
}

// Logger returns a logger for one module.
func (h *Hub) Logger(module string) *slog.Logger {
	return slog.New(h.Handler()).With("module", module)
}

// setLevel sets the level of one module, or of all when m is nil, at one
// destination or at all.
func (h *Hub) setLevel(m *Module, d Destination, l Level) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range nDestinations {
		if d != AnyDestination && d != i {
			continue
		}
		if m != nil {
			m.levels[i].Store(int32(l))
			continue
		}
		h.def[i] = l
		for _, m := range h.modules {
			m.levels[i].Store(int32(l))
		}
	}
}

// Levels is the reply to vlog/list: a line per module, sorted.
func (h *Hub) Levels() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	lines := make([]string, 0, len(h.modules))
	for _, m := range h.modules {
		at := func(d Destination) Level { return Level(m.levels[d].Load()) }
		line := fmt.Sprintf("%-16s  %4s       %4s       %4s", m.name, at(Console), at(Syslog), at(File))
		if !m.rateLimits.Load() {
			line += "    (rate limiting disabled)"
		}
		lines = append(lines, line+"\n")
	}
	sort.Strings(lines)
	return "                 console    syslog    file\n" +
		"                 -------    ------    ------\n" + strings.Join(lines, "")
}
