package pinctrl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

var (
	logVerdicts   = [...]string{"allow", "drop", "reject", "pass"}
	logSeverities = [...]string{1: "alert", 4: "warning", 5: "notice", 6: "info", 7: "debug"}
)

// handleLog is log(name=..., verdict=..., severity=...): a line about the packet
// for the log of ACLs. The userdata is verdict, severity and name.
//
//	name="acl", verdict=drop, severity=info, direction=to-lport: tcp,vlan_tci=0x0000,...
func (l *Loop) handleLog(in *openflow.PacketIn, args []byte) error {
	if l.cfg.ACLLog == nil || !l.cfg.ACLLog.Enabled(context.Background(), slog.LevelInfo) {
		return nil
	}
	if len(args) < 2 {
		return errors.New("userdata without verdict and severity")
	}
	h, ok := extract(in.Packet)
	if !ok {
		return errShort
	}
	name := string(args[2:])
	if name == "" {
		name = "<unnamed>"
	}
	direction := "to-lport"
	if in.Table < pipeline.TableEgress {
		direction = "from-lport"
	}
	b := fmt.Appendf(nil, "name=")
	b = appendQuoted(b, name)
	b = fmt.Appendf(b, ", verdict=%s, severity=%s, direction=%s: ",
		nameOf(logVerdicts[:], args[0]), nameOf(logSeverities[:], args[1]), direction)
	l.cfg.ACLLog.Info(string(h.appendText(b)))
	l.stats.replies.logged.Add(1)
	return nil
}

func nameOf(names []string, i byte) string {
	if int(i) < len(names) && names[i] != "" {
		return names[i]
	}
	return "<unknown>"
}

// appendQuoted writes s as a JSON string; bytes that are not ASCII stay as they
// are.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ':
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
