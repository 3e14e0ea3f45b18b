package integration_test

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

var rewriteReplies = flag.Bool("rewrite-replies", false, "write the C agent's answers to the file of replies")

const repliesFile = "../pinctrl/testdata/replies.txt"

// tapped is a chassis whose agent waits for packet-ins from a tap, with the DNS
// records that the file of replies is about.
func tapped(t integration.T, kind integration.AgentKind) (*integration.Chassis, *integration.PuntTap) {
	c := integration.NewCluster(t, integration.Options{Agent: kind, NoNorthd: true, Dummy: true})
	c.SB("init")
	c.SB("--id=@dp create Datapath_Binding tunnel_key=3 external_ids:name=sw0 -- " +
		`create DNS datapaths=@dp records:vm1.ovn.org="10.0.0.4 aef0::4" records:vm6.ovn.org=aef0::6 ` +
		`records:4.0.0.10.in-addr.arpa=vm1.ovn.org records:bad.ovn.org="no address" records:single=10.0.0.9 -- ` +
		`create DNS datapaths=@dp records:vm4.ovn.org=10.0.0.5 options:ovn-owned=true`)
	ch := c.AddBareChassis("hv1")
	ch.VSCtl("set Open_vSwitch . external_ids:ovn-monitor-all=true")
	tap := ch.TapPunts()
	ch.StartAgent()
	integration.WaitFor(t, 20*time.Second, "packet-in channel", tap.Ready)
	return ch, tap
}

// TestRepliesOfTheCAgent: the C agent answers packet-ins as the file says that
// our packet-in loop is compared with.
func TestRepliesOfTheCAgent(t *testing.T) {
	ch, tap := tapped(t, integration.Reference)
	if out, err := ch.Agent.Ctl("vlog/disable-rate-limit"); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	text, err := os.ReadFile(repliesFile)
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(ch.Dir(), "ovn-controller.log")
	cases := strings.Split(string(text), "\n\n")
	// The records reach the agent some time after it is up.
	integration.WaitFor(t, 20*time.Second, "records in the agent", func() error {
		for _, p := range cases {
			if strings.HasPrefix(p, "case dns_lookup/single") || strings.HasPrefix(p, "case dns_lookup/case-false") {
				if a := answer(t, tap, log, fields(p)); !strings.Contains(a, hex.EncodeToString([]byte{0, 4, 10, 0, 0, 4})) {
					return fmt.Errorf("answer %s", a)
				}
			}
		}
		return nil
	})
	for i, p := range cases {
		f := fields(p)
		if f["case"] == "" {
			continue
		}
		got := answer(t, tap, log, f)
		if *rewriteReplies {
			cases[i] = withAgent(p, got)
		} else if got != f["agent"] {
			t.Errorf("%s:\n got %s\nwant %s", f["case"], got, f["agent"])
		}
	}
	if *rewriteReplies {
		if err := os.WriteFile(repliesFile, []byte(strings.Join(cases, "\n\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func fields(paragraph string) map[string]string {
	f := map[string]string{}
	for line := range strings.Lines(paragraph) {
		k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		f[k] = v
	}
	return f
}

// withAgent replaces the answer in a paragraph.
func withAgent(paragraph, answer string) string {
	var out []string
	end := ""
	if strings.HasSuffix(paragraph, "\n") {
		end = "\n"
	}
	for _, line := range strings.Split(strings.TrimSuffix(paragraph, "\n"), "\n") {
		if strings.HasPrefix(line, "agent ") {
			continue
		}
		out = append(out, line)
		if strings.HasPrefix(line, "packet ") {
			out = append(out, "agent "+answer)
		}
	}
	return strings.Join(out, "\n") + end
}

// answer asks the agent and writes what it does as text.
func answer(t *testing.T, tap *integration.PuntTap, log string, f map[string]string) string {
	t.Helper()
	before := logSize(t, log)
	var out []string
	for _, raw := range tap.Ask(packetIn(t, f)) {
		_, m, err := openflow.DecodeMessage(raw)
		if err != nil {
			t.Fatalf("%s: %v", f["case"], err)
		}
		switch m := m.(type) {
		case *openflow.PacketOut:
			out = append(out, fmt.Sprintf("out %x %s", m.Packet, m.Actions))
		case *openflow.Resume:
			out = append(out, fmt.Sprintf("resume %x %s", m.Packet, m.Metadata))
		default:
			out = append(out, fmt.Sprintf("%T", m))
		}
	}
	if strings.HasPrefix(f["userdata"], "00000007") { // log
		integration.WaitFor(t, 5*time.Second, f["case"], func() error {
			line := aclLine(t, log, before)
			if line == "" {
				return errors.New("nothing in the log")
			}
			out = append(out, line)
			return nil
		})
	}
	if out == nil {
		return "nothing"
	}
	return strings.Join(out, "; ")
}

// packetIn is the message of a case.
func packetIn(t testing.TB, f map[string]string) []byte {
	t.Helper()
	in := &openflow.PacketIn{Reason: openflow.ReasonApplyAction, Packet: unhex(t, f["packet"]),
		Metadata: openflow.Match(unhex(t, f["metadata"])), Userdata: unhex(t, f["userdata"])}
	table, err := strconv.Atoi(f["table"])
	if err != nil {
		t.Fatal(err)
	}
	in.Table = uint8(table)
	if resumes(in.Userdata) {
		in.Continuation = []byte("continuation")
	}
	message, err := openflow.AppendMessage(nil, openflow.Version15, 7, in)
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// resumes says whether the action of userdata pauses the packet.
func resumes(userdata []byte) bool {
	switch userdata[3] {
	case 2, 5, 6, 8, 28, 29: // DHCP, DHCPv6, DNS, RA, relay
		return true
	}
	return false
}

func logSize(t *testing.T, log string) int64 {
	fi, err := os.Stat(log)
	if err != nil {
		t.Fatal(err)
	}
	return fi.Size()
}

// aclLine is the line of the log of ACLs since before.
func aclLine(t *testing.T, log string, before int64) string {
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text[before:])) {
		// The number of the thread varies.
		if _, after, ok := strings.Cut(line, "|acl_log(ovn_pinctrl"); ok {
			_, after, _ = strings.Cut(after, ")|INFO|")
			return "log " + strconv.Quote(strings.TrimSuffix(after, "\n"))
		}
	}
	return ""
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
