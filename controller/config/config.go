// Package config reads the agent's configuration: the keys of
// Open_vSwitch.external_ids that ovn-controller(8) documents, each as
// "<key>-<system-id>" first and "<key>" otherwise, so that several agents can
// share one switch.
//
// Parse is a pure function of the row; the loop calls it whenever the row changes
// and compares the results, so every key is followed while the agent runs.
package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// Defaults of ovn-controller(8).
const (
	DefaultBridge   = "br-int"
	DefaultDatapath = "system"
	maxCtZone       = 65535
	maxSystemID     = 63
	minProbe        = time.Second
	defaultProbe    = 5 * time.Second
)

// Identity says where the chassis name comes from: the command line, then the
// file system-id-override, then external_ids:system-id.
type Identity struct {
	CLI  string
	File string
}

// ReadIdentityFile reads system-id-override in the configuration directory; ""
// when there is none.
func ReadIdentityFile(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, "system-id-override"))
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("system-id-override: %w", err)
	}
	id := strings.TrimRight(string(b), "\n")
	if len(id) > maxSystemID {
		id = id[:maxSystemID]
	}
	return id, nil
}

// Config is everything the agent takes from its Open_vSwitch row. Config values
// compare with Equal.
type Config struct {
	SystemID string // "" when there is none yet

	Bridge             string
	BridgeDatapathType string        // "" leaves the bridge's own
	BridgeRemote       string        // "" is <ovs rundir>/<bridge>.mgmt
	BridgeRemoteProbe  time.Duration // 0 is none

	Remote      string        // ovn-remote, comma-separated targets; "" when unset
	RemoteProbe time.Duration // 0 is none

	EncapTypes      []string // geneve and vxlan, as given, without duplicates
	EncapIPs        []string
	EncapIPDefault  string
	EncapCsum       string
	EncapTOS        string // "" for none
	EncapDFDefault  string
	FlowBasedTunnel bool
	IsInterconn     bool
	TransportZones  []string // sorted

	Hostname       string
	BridgeMappings string // as given
	ChassisMACs    string // as given
	CMSOptions     string

	LflowCache LflowCache
	Learned    Learned

	MonitorAll      bool
	MonitorAllText  string // as echoed in Chassis.other_config
	MatchNorthd     bool
	CleanupOnExit   bool
	CtZoneMin       uint16
	CtZoneMax       uint16
	EVPNVXLANPorts  string
	EVPNLocalIP     string
	RoutingPortMap  string
	GARPMaxTimeout  time.Duration
	ARPNDMaxTimeout time.Duration
	// MaxFlowsPerLogicalFlow limits the flows a logical flow may yield on a datapath;
	// 0 is not configured. A key of this agent's own.
	MaxFlowsPerLogicalFlow int
	// Snapshot has the southbound contents kept on disk for the next start, in at most
	// SnapshotLimit bytes. Keys of this agent's own.
	Snapshot          bool
	SnapshotLimit     int64
	FlowRestoreMarked bool // ovn-managed-flow-restore-wait of an old version
}

// LflowCache holds keys of a cache this agent does not need limits for; they are
// echoed in Chassis.other_config because deployments compare them.
type LflowCache struct {
	Enable, Limit, MemLimitKB, TrimLimit, TrimWmarkPerc, TrimTimeoutMS string
}

// Key looks up a key in its two forms.
func Key(ids ovsdb.Map, systemID, key string) (string, bool) {
	if systemID != "" {
		if v, ok := ids.Lookup(key + "-" + systemID); ok {
			return v, true
		}
	}
	return ids.Lookup(key)
}

// reader reads keys in their two forms and collects complaints.
type reader struct {
	ids      ovsdb.Map
	systemID string
	problems []string
}

func (r *reader) text(key, def string) string {
	if v, ok := Key(r.ids, r.systemID, key); ok {
		return v
	}
	return def
}

// parseBool is how OVS reads booleans from maps: only the opposite of the
// default changes it.
func parseBool(v string, def bool) bool {
	if def {
		return !strings.EqualFold(v, "false")
	}
	return strings.EqualFold(v, "true")
}

func (r *reader) bool(key string, def bool) bool { return parseBool(r.text(key, ""), def) }

func (r *reader) list(key string) []string {
	var out []string
	for _, e := range strings.Split(r.text(key, ""), ",") {
		if e = strings.TrimSpace(e); e != "" && !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

func (r *reader) seconds(key string, def int) time.Duration {
	v, ok := r.ids.Lookup(key) // no per-chassis form
	if !ok {
		return time.Duration(def) * time.Second
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		r.problems = append(r.problems, fmt.Sprintf("%s: not a number of seconds: %q", key, v))
		return time.Duration(def) * time.Second
	}
	return time.Duration(n) * time.Second
}

// MaxFlowsKey limits how many flows one logical flow may yield on one datapath. It is
// this agent's own: the C agent has no limit.
const MaxFlowsKey = "ovn-chassis-max-flows-per-logical-flow"

// Keys about the snapshot of the southbound contents, this agent's own: whether there
// is one, and how many MiB it may have.
const (
	SnapshotKey      = "ovn-chassis-snapshot"
	SnapshotLimitKey = "ovn-chassis-snapshot-limit"

	defaultSnapshotLimit = 256 << 20
)

// count reads a number of things, 0 when the key is not set.
func (r *reader) count(key string) int {
	v := r.text(key, "")
	if v == "" {
		return 0
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 1 {
		r.problems = append(r.problems, fmt.Sprintf("%s: not a number from 1 up: %q", key, v))
		return 0
	}
	return int(n)
}

// Parse reads external_ids. Problems are lines for the log about entries that
// were ignored.
func Parse(ids ovsdb.Map, identity Identity) (c Config, problems []string) {
	c.SystemID = identity.CLI
	if c.SystemID == "" {
		c.SystemID = identity.File
	}
	if c.SystemID == "" {
		c.SystemID = ids.Get("system-id")
	}
	r := &reader{ids: ids, systemID: c.SystemID}

	c.Bridge = r.text("ovn-bridge", DefaultBridge)
	c.BridgeDatapathType = r.text("ovn-bridge-datapath-type", "")
	c.BridgeRemote = ids.Get("ovn-bridge-remote")
	if ms, err := strconv.ParseUint(ids.Get("ovn-bridge-remote-probe-interval"), 10, 31); err == nil {
		c.BridgeRemoteProbe = time.Duration(ms/1000) * time.Second // whole seconds, as the C agent
	}
	c.Remote = r.text("ovn-remote", "")
	c.RemoteProbe = probe(c.Remote, r.text("ovn-remote-probe-interval", ""))

	r.encaps(&c)
	c.Hostname = r.text("hostname", "")
	if c.Hostname == "" {
		c.Hostname, _ = os.Hostname()
	}
	c.BridgeMappings = r.text("ovn-bridge-mappings", "")
	c.ChassisMACs = r.text("ovn-chassis-mac-mappings", "")
	c.CMSOptions = r.text("ovn-cms-options", "")
	c.LflowCache = LflowCache{
		Enable:        r.text("ovn-enable-lflow-cache", ""),
		Limit:         r.text("ovn-limit-lflow-cache", ""),
		MemLimitKB:    r.text("ovn-memlimit-lflow-cache-kb", ""),
		TrimLimit:     r.text("ovn-trim-limit-lflow-cache", ""),
		TrimWmarkPerc: r.text("ovn-trim-wmark-perc-lflow-cache", ""),
		TrimTimeoutMS: r.text("ovn-trim-timeout-ms", ""),
	}
	c.Learned = r.learned()
	c.MonitorAllText = r.text("ovn-monitor-all", "false")
	c.MonitorAll = parseBool(c.MonitorAllText, false)
	c.MatchNorthd = r.bool("ovn-match-northd-version", false)
	c.CleanupOnExit = r.bool("ovn-cleanup-on-exit", true)
	c.CtZoneMin, c.CtZoneMax = r.zoneRange()
	c.EVPNVXLANPorts = r.text("ovn-evpn-vxlan-ports", "")
	c.EVPNLocalIP = r.text("ovn-evpn-local-ip", "")
	c.RoutingPortMap = ids.Get("dynamic-routing-port-mapping")
	c.GARPMaxTimeout = r.seconds("garp-max-timeout-sec", 0)
	c.ARPNDMaxTimeout = r.seconds("arp-nd-max-timeout-sec", 16)
	c.MaxFlowsPerLogicalFlow = r.count(MaxFlowsKey)
	c.Snapshot = r.bool(SnapshotKey, true)
	c.SnapshotLimit = defaultSnapshotLimit
	if n := r.count(SnapshotLimitKey); n > 0 {
		c.SnapshotLimit = int64(n) << 20
	}
	c.FlowRestoreMarked = r.bool("ovn-managed-flow-restore-wait", false)
	return c, r.problems
}

func (r *reader) encaps(c *Config) {
	c.EncapTypes = r.list("ovn-encap-type")
	c.EncapTypes = slices.DeleteFunc(c.EncapTypes, func(t string) bool {
		known := t == "geneve" || t == "vxlan"
		if !known && t != "stt" { // stt is retired: accepted and ignored
			r.problems = append(r.problems, "Unknown tunnel type: "+t)
		}
		return !known
	})
	for _, ip := range r.list("ovn-encap-ip") {
		if _, err := netip.ParseAddr(ip); err != nil {
			r.problems = append(r.problems, fmt.Sprintf("ovn-encap-ip: %v", err))
			continue
		}
		c.EncapIPs = append(c.EncapIPs, ip)
	}
	c.EncapIPDefault = r.text("ovn-encap-ip-default", "")
	if c.EncapIPDefault != "" && !slices.Contains(c.EncapIPs, c.EncapIPDefault) {
		r.problems = append(r.problems, fmt.Sprintf("ovn-encap-ip-default (%s) must be one of the IPs in ovn-encap-ip.", c.EncapIPDefault))
		c.EncapIPDefault = ""
	}
	c.EncapCsum = r.text("ovn-encap-csum", "true")
	if c.EncapTOS = r.text("ovn-encap-tos", ""); c.EncapTOS == "none" {
		c.EncapTOS = ""
	}
	c.EncapDFDefault = r.text("ovn-encap-df_default", "")
	c.FlowBasedTunnel = r.bool("ovn-enable-flow-based-tunnels", false)
	c.IsInterconn = r.bool("ovn-is-interconn", false)
	c.TransportZones = r.list("ovn-transport-zones")
	slices.Sort(c.TransportZones)
}

// zoneRange reads ct-zone-range, "min-max".
func (r *reader) zoneRange() (lo, hi uint16) {
	lo, hi = 1, maxCtZone
	v := r.text("ct-zone-range", "")
	if v == "" {
		return lo, hi
	}
	a, b, _ := strings.Cut(v, "-")
	x, err1 := strconv.ParseUint(strings.TrimSpace(a), 10, 16)
	y, err2 := strconv.ParseUint(strings.TrimSpace(b), 10, 16)
	if err1 != nil || x < 1 || (b != "" && (err2 != nil || y < x)) {
		r.problems = append(r.problems, fmt.Sprintf("ct-zone-range: not a range of zones within 1-%d: %q", maxCtZone, v))
		return lo, hi
	}
	if b == "" {
		y = maxCtZone
	}
	return uint16(x), uint16(y)
}

// probe is the inactivity probe interval for a remote: none on unix sockets, five
// seconds elsewhere, never between zero and one second.
func probe(remote, ms string) time.Duration {
	if n, err := strconv.ParseInt(ms, 10, 32); err == nil && n >= 0 {
		d := time.Duration(n) * time.Millisecond
		if d != 0 {
			d = max(d, minProbe)
		}
		return d
	}
	if remote == "" || strings.HasPrefix(remote, "unix:") {
		return 0
	}
	return defaultProbe
}

// Equal tells whether two configurations are the same.
func (c Config) Equal(d Config) bool {
	lists := slices.Equal(c.EncapTypes, d.EncapTypes) && slices.Equal(c.EncapIPs, d.EncapIPs) &&
		slices.Equal(c.TransportZones, d.TransportZones)
	return lists && c.Learned == d.Learned && c.scalars() == d.scalars()
}

type scalars struct {
	text  [20]string
	flags [7]bool
	nums  [8]int64
	cache LflowCache
}

func (c *Config) scalars() scalars {
	return scalars{
		text: [20]string{c.SystemID, c.Bridge, c.BridgeDatapathType, c.BridgeRemote, c.Remote, c.EncapIPDefault,
			c.EncapCsum, c.EncapTOS, c.EncapDFDefault, c.Hostname, c.BridgeMappings, c.ChassisMACs, c.CMSOptions,
			c.MonitorAllText, c.EVPNVXLANPorts, c.EVPNLocalIP, c.RoutingPortMap},
		flags: [7]bool{c.FlowBasedTunnel, c.IsInterconn, c.MonitorAll, c.MatchNorthd, c.CleanupOnExit, c.FlowRestoreMarked, c.Snapshot},
		nums: [8]int64{int64(c.BridgeRemoteProbe), int64(c.RemoteProbe), int64(c.CtZoneMin), int64(c.CtZoneMax),
			int64(c.GARPMaxTimeout), int64(c.ARPNDMaxTimeout), int64(c.MaxFlowsPerLogicalFlow), c.SnapshotLimit},
		cache: c.LflowCache,
	}
}
