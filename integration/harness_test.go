package integration

import (
	"errors"
	"testing"
	"time"
)

var _ T = (testing.TB)(nil)

func TestMain(m *testing.M) { Main(m) }

func TestSplitWords(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{`lsp-add sw0 p1`, []string{"lsp-add", "sw0", "p1"}},
		{`acl-add sw0 to-lport 1 'ip4.src == $as' drop`, []string{"acl-add", "sw0", "to-lport", "1", "ip4.src == $as", "drop"}},
		{`set x options:a="b c" d=\"q\"`, []string{"set", "x", "options:a=b c", `d="q"`}},
		{`a ''`, []string{"a", ""}},
	} {
		got, err := splitWords(c.in)
		if err != nil || len(got) != len(c.want) {
			t.Fatalf("%s: %q, %v", c.in, got, err)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %q", c.in, got)
			}
		}
	}
	if _, err := splitWords(`a 'b`); err == nil {
		t.Error("unfinished quote accepted")
	}
}

func TestSmoke(t *testing.T) {
	c := NewCluster(t, Options{Agent: Reference})
	hv1 := c.AddChassis("hv1")
	hv2 := c.AddChassis("hv2")
	c.NB(`
ls-add sw0
lsp-add sw0 p1
lsp-set-addresses p1 "00:00:00:00:01:01 10.0.0.1 fd00::1"
lsp-add sw0 p2
lsp-set-addresses p2 "00:00:00:00:01:02 10.0.0.2 fd00::2"
`)
	g1 := hv1.AddGuest(GuestSpec{Name: "g1", LPort: "p1", MAC: "00:00:00:00:01:01", IPs: []string{"10.0.0.1/24", "fd00::1/64"}})
	g2 := hv2.AddGuest(GuestSpec{Name: "g2", LPort: "p2", MAC: "00:00:00:00:01:02", IPs: []string{"10.0.0.2/24", "fd00::2/64"}})
	c.WaitUp("p1", "p2")
	c.WaitHV()
	g1.Reaches(g2.IP(4))
	g1.Reaches(g2.IP(6))
	g2.Serve("tcp", ":80")
	a := g1.Gets("tcp", "10.0.0.2:80")
	if a.Server != "g2" || a.Peer != "10.0.0.1" {
		t.Errorf("answer %+v", a)
	}
	l := g1.PingLoop("10.0.0.2", 10*time.Millisecond)
	WaitFor(t, 5*time.Second, "replies", func() error {
		if l.Received() < 20 {
			return errors.New("too few")
		}
		return nil
	})
	if loss := l.Stop(); loss.Lost > 0 {
		t.Errorf("loss %v", loss)
	}
	d := hv1.Dump()
	t.Logf("%d flows %d groups", len(d.Flows), len(d.Groups))
}
