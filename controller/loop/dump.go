package loop

import (
	"fmt"
	"sort"
	"strings"
)

// dumpTemplates is the reply to debug/dump-local-template-vars.
func (l *Loop) dumpTemplates() string {
	var lines []string
	for row := range l.sb.ChassisTemplateVar.All() {
		if row.Chassis != l.cfg.SystemID {
			continue
		}
		for k, v := range row.Variables.All() {
			lines = append(lines, fmt.Sprintf("name: '%s' value: '%s'\n", k, v))
		}
	}
	sort.Strings(lines)
	return "Local template vars:\n" + strings.Join(lines, "")
}

// dumpMACBindings is the reply to debug/dump-mac-bindings.
func (l *Loop) dumpMACBindings() string {
	var lines []string
	for m := range l.sb.MACBinding.All() {
		dp := l.sb.DatapathBinding.Get(m.Datapath)
		p := l.sb.PortByName.One(m.LogicalPort)
		if dp == nil || p == nil || !l.binding.IsLocal(dp.UUID) {
			continue
		}
		lines = append(lines, fmt.Sprintf("cookie: 0x%08x, datapath-key: %d, port-key: %d, ip: %s, mac: %s\n",
			m.UUID.First32(), dp.TunnelKey, p.TunnelKey, m.IP, m.MAC))
	}
	sort.Strings(lines)
	return "Local MAC bindings:\n" + strings.Join(lines, "")
}
