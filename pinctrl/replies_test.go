package pinctrl

import (
	"bufio"
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// To record answers after cases were added: run this test with the flag, then
// TestRepliesOfTheCAgent of package integration with its flag.
var rewriteReplies = flag.Bool("rewrite-replies", false, "write new cases, and our answers where they are to differ, to "+repliesFile)

const repliesFile = "testdata/replies.txt"

// recorded is a paragraph of the file: a packet-in and its answers.
//
//	case NAME
//	table N
//	metadata, userdata, packet HEX
//	agent ANSWER   of the C agent
//	ours ANSWER    where ours differs
//	why REASON
type recorded map[string]string

var recordedKeys = []string{"case", "table", "metadata", "userdata", "packet", "agent", "ours", "why"}

func readReplies(t *testing.T) map[string]recorded {
	f, err := os.Open(repliesFile)
	if os.IsNotExist(err) && *rewriteReplies {
		return map[string]recorded{}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]recorded{}
	var r recorded
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		key, value, _ := strings.Cut(s.Text(), " ")
		switch key {
		case "", "#":
		case "case":
			r = recorded{"case": value}
			all[value] = r
		default:
			r[key] = value
		}
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return all
}

func writeReplies(t *testing.T, all map[string]recorded) {
	var b strings.Builder
	b.WriteString("# Packet-ins and the answers of ovn-controller 26.03 to them. See replies_test.go.\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.WriteByte('\n')
		for _, k := range recordedKeys {
			if v, ok := all[name][k]; ok {
				fmt.Fprintf(&b, "%s %s\n", k, v)
			}
		}
	}
	if err := os.WriteFile(repliesFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// in is the packet-in of a case.
func (c *replyCase) in() *openflow.PacketIn {
	in := punt(c.op, c.packet, func(m *openflow.MatchBuilder) {
		m.SetU(openflow.FieldReg9, 0x10)
		m.SetU(pipeline.RegFlags, 1)
		if c.metadata != nil {
			c.metadata(m)
		}
	})
	in.Userdata = append(in.Userdata[:opcodeLen:opcodeLen], c.args...)
	in.Table = pipeline.TableIngress + 2
	if c.egress {
		in.Table = pipeline.TableEgress + 2
	}
	switch c.op {
	case pipeline.OpPutNDRAOpts, pipeline.OpPutDHCPOpts, pipeline.OpPutDHCPv6Opts, pipeline.OpDHCPRelayReqChk,
		pipeline.OpDHCPRelayRespChk, pipeline.OpDNSLookup:
	default:
		in.Continuation = nil
	}
	return in
}

// lines keeps what is logged.
type lines struct{ b strings.Builder }

func (l *lines) Write(b []byte) (int, error) { return l.b.Write(b) }

// answerOf is what a Loop sends and logs about a packet-in, as text.
func answerOf(t *testing.T, in *openflow.PacketIn) string {
	b := newBench(t)
	var log lines
	b.Loop.cfg.ACLLog = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.MessageKey {
				// Hex, so that the handler quotes nothing.
				return slog.String("line", hex.EncodeToString([]byte(a.Value.String())))
			}
			return slog.Attr{}
		}}))
	b.Loop.cfg.Names = names(testNames)
	b.packetIn(in)
	if s := b.Stats(); s.Panics != 0 {
		t.Errorf("a handler panicked")
	}
	var out []string
	for _, m := range b.sent {
		switch m := m.(type) {
		case *openflow.PacketOut:
			out = append(out, fmt.Sprintf("out %x %s", m.Packet, m.Actions))
		case *openflow.Resume:
			out = append(out, fmt.Sprintf("resume %x %s", m.Packet, m.Metadata))
		default:
			out = append(out, fmt.Sprintf("%T", m))
		}
	}
	if s := strings.TrimSpace(log.b.String()); s != "" {
		raw, err := hex.DecodeString(strings.TrimPrefix(s, "line="))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, "log "+fmt.Sprintf("%q", raw))
	}
	if out == nil {
		return "nothing"
	}
	return strings.Join(out, "; ")
}

// Every answer is the C agent's, byte for byte, but where a case says why not.
func TestRepliesAreTheCAgents(t *testing.T) {
	all := readReplies(t)
	seen := map[string]bool{}
	for _, c := range allCases(t) {
		if seen[c.name] {
			t.Fatalf("two cases %s", c.name)
		}
		seen[c.name] = true
		in := c.in()
		input := recorded{
			"case": c.name, "table": fmt.Sprint(in.Table), "metadata": hex.EncodeToString([]byte(in.Metadata)),
			"userdata": hex.EncodeToString(in.Userdata), "packet": hex.EncodeToString(in.Packet),
		}
		r := all[c.name]
		got := answerOf(t, in)
		if *rewriteReplies {
			same := r != nil
			for k, v := range input {
				same = same && r[k] == v
			}
			if !same {
				r = input
				all[c.name] = r
			}
			delete(r, "why")
			delete(r, "ours")
			if c.differs != "" {
				r["why"], r["ours"] = c.differs, got
			}
			continue
		}
		for k, v := range input {
			if r[k] != v {
				t.Errorf("%s: the recorded %s is not that of the case", c.name, k)
			}
		}
		want := r["agent"]
		if c.differs != "" {
			want = r["ours"]
			if want == r["agent"] {
				t.Errorf("%s: the C agent answers the same, though %s", c.name, c.differs)
			}
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, want)
		}
	}
	if *rewriteReplies {
		maps.DeleteFunc(all, func(name string, _ recorded) bool { return !seen[name] })
		writeReplies(t, all)
		return
	}
	if len(seen) != len(all) {
		t.Errorf("%d cases, %d are recorded", len(seen), len(all))
	}
	const enough = 150
	if len(seen) < enough {
		t.Errorf("%d cases, want %d", len(seen), enough)
	}
}
