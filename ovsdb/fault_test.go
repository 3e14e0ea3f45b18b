package ovsdb_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/ovsdb/ovsdbtest"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

func TestOlderMonitors(t *testing.T) {
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	for _, c := range []struct {
		method string
		refuse []string
	}{
		{"monitor_cond", []string{"monitor_cond_since"}},
		// Without monitor_cond there is no _Server database either.
		{"monitor", []string{"monitor_cond_since", "monitor_cond", "set_db_change_aware"}},
	} {
		t.Run(c.method, func(t *testing.T) {
			p := ovsdbtest.StartProxy(t, srv.Unix)
			p.Set(ovsdbtest.Faults{Refuse: c.refuse})
			r := southbound(t, ovsdb.Config{
				Remotes:    []string{p.Remote},
				Conditions: ovsdb.Conditions{"SB_Global": {}},
			})
			r.connected()
			if r.State().Method != c.method {
				t.Errorf("method %s", r.State().Method)
			}
			tx := ovsdb.NewTxn("")
			key := rand.Int64N(1 << 20)
			_, ids := insertSwitch(tx, key+1, fmt.Sprint(key, "-a"), fmt.Sprint(key, "-b"))
			r.must(tx)
			r.until("ports", func() bool { return r.db.PortBinding.Get(ids[1]) != nil })
			old := r.db.PortBinding.Get(ids[0])
			tx = ovsdb.NewTxn("")
			sbdb.UpdatePortBinding(tx, ids[0]).MutateOptionsInsert(ovsdb.NewMap("z", "9")).MutateMACDelete("unknown")
			sbdb.DeletePortBinding(tx, ids[1])
			r.net = new(sbdb.Changes)
			r.must(tx)
			r.until("changes", func() bool { return r.db.PortBinding.Get(ids[1]) == nil })
			now := r.db.PortBinding.Get(ids[0])
			if now.Options.Len() != old.Options.Len()+1 || len(now.MAC) != 1 {
				t.Errorf("row %+v", now)
			}
			for _, c := range r.net.PortBinding {
				if c.New != nil && c.Cols != sbdb.PortBindingColOptions|sbdb.PortBindingColMAC {
					t.Errorf("columns %b", c.Cols)
				}
			}
			seq := r.SetConditions(nil)
			r.until("conditions", func() bool { return r.cond == seq })
		})
	}
}

// Whatever a server or the network does, the session comes back, does not spin,
// and the replica ends up right.
func TestFaults(t *testing.T) {
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	p := ovsdbtest.StartProxy(t, srv.Unix)
	r := southbound(t, ovsdb.Config{Remotes: []string{p.Remote}, Probe: 100 * time.Millisecond})
	r.connected()
	tx := ovsdb.NewTxn("")
	var ports []string
	for i := range 200 {
		ports = append(ports, fmt.Sprint("lp", i))
	}
	insertSwitch(tx, 1, ports...)
	r.must(tx)
	r.until("ports", func() bool { return r.db.PortBinding.Len() == 200 })
	for _, c := range []struct {
		name   string
		faults ovsdbtest.Faults
		cut    bool
	}{
		{"closed at once", ovsdbtest.Faults{CutAfter: 1}, true},
		{"closed within the server's state", ovsdbtest.Faults{CutAfter: 100}, true},
		{"closed within the schema", ovsdbtest.Faults{CutAfter: 10_000}, true},
		{"closed within the contents", ovsdbtest.Faults{CutAfter: 60_000}, true},
		{"silent", ovsdbtest.Faults{Stall: true}, false},
		{"not JSON", ovsdbtest.Faults{Garbage: []byte("HTTP/1.1 400 Bad Request\r\n\r\n")}, true},
		{"a number", ovsdbtest.Faults{Garbage: []byte("17 ")}, true},
		{"deeply nested", ovsdbtest.Faults{Garbage: []byte(strings.Repeat("[", 1<<16))}, true},
		{"unknown reply", ovsdbtest.Faults{Garbage: []byte(`{"id":99,"result":[],"error":null}`)}, true},
		{"updates too early", ovsdbtest.Faults{Garbage: []byte(`{"id":null,"method":"update3","params":["ovn-chassis","00000000-0000-0000-0000-000000000000",{}]}`)}, true},
		{"a schema that is none", ovsdbtest.Faults{Garbage: []byte(`{"id":2,"error":"x"}{"id":3,"result":{"tables":7}}`)}, true},
		{"bits flipped", ovsdbtest.Faults{Flip: 3000}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, attempts := p.Connections(), r.State().Attempts
			p.Set(c.faults)
			if c.cut {
				p.Cut()
			}
			// Garbage and cuts are met at once, silence by the probe.
			r.until("attempts", func() bool {
				st := r.State()
				return st.Attempts >= attempts+2 || c.faults.Flip > 0 && st.Attempts > attempts && st.Connected
			})
			p.Set(ovsdbtest.Faults{})
			p.Cut()
			r.until("recovery", func() bool { return r.State().Connected && r.states[len(r.states)-1].Connected })
			if n := p.Connections() - before; n > 40 {
				t.Errorf("%d connections: it spins", n)
			}
			if r.db.PortBinding.Len() != 200 {
				r.until("contents", func() bool { return r.db.PortBinding.Len() == 200 })
			}
		})
	}
}

// All remotes are tried in a row before the session waits, so that the one that works
// is found at once.
func TestBackoff(t *testing.T) {
	var remotes []string
	for range 5 {
		remotes = append(remotes, fmt.Sprintf("tcp:127.0.0.1:%d", ovsdbtest.FreePort(t)))
	}
	r := southbound(t, ovsdb.Config{Remotes: remotes, MinBackoff: time.Second, MaxBackoff: time.Second})
	r.until("the first turn", func() bool { return r.State().Attempts >= 5 })
	begin := time.Now()
	r.until("the second turn", func() bool { return r.State().Attempts >= 10 })
	if d := time.Since(begin); d < 500*time.Millisecond || d > 3*time.Second {
		t.Errorf("the second turn took %v, want one wait of a second", d)
	}
}

func TestUnreachable(t *testing.T) {
	var log strings.Builder
	var mu sync.Mutex
	r := southbound(t, ovsdb.Config{
		Remotes: []string{fmt.Sprintf("tcp:127.0.0.1:%d,ssl:127.0.0.1:%d,bogus,tcp:", ovsdbtest.FreePort(t), ovsdbtest.FreePort(t))},
		Logger:  slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil)),
	})
	deadline := time.Now().Add(time.Second)
	for time.Now().Before(deadline) && r.State().Attempts < 6 {
		time.Sleep(5 * time.Millisecond)
	}
	if st := r.State(); st.Attempts < 4 || st.Attempts > 40 || st.Connected || st.Error == nil {
		t.Errorf("state %+v", st)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"bogus", "reading TLS CA certificate", "connection refused"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log.String())
		}
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *strings.Builder
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

// A consumer that is busy must not keep the session from answering the server's
// probes, and what waits for it is bounded.
func TestBusyConsumer(t *testing.T) {
	// Long enough for a server on a machine that is busy with other tests.
	const probe = 500 * time.Millisecond
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	p := ovsdbtest.StartProxy(t, srv.Unix)
	r := southbound(t, ovsdb.Config{Remotes: []string{p.Remote}, Probe: probe, QueueLimit: 100_000})
	r.connected()
	writer := southbound(t, ovsdb.Config{Remotes: []string{srv.Unix}})
	writer.connected()
	write := func(i int) {
		tx := ovsdb.NewTxn("")
		sbdb.InsertAddressSet(tx).SetName(fmt.Sprint("as", i)).SetAddresses([]string{strings.Repeat("x", 1000)})
		writer.must(tx)
	}
	for i := range 50 {
		write(i)
	}
	time.Sleep(4 * probe)
	if st := r.State(); st.Connections != 1 || !st.Connected {
		t.Errorf("a busy consumer lost the connection: %+v", st)
	}
	for i := range 100 {
		write(50 + i)
	}
	for range 1000 {
		if !r.State().Connected {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	st := r.State()
	if st.Connected || !strings.Contains(fmt.Sprint(st.Error), "wait to be consumed") {
		t.Errorf("state %+v", st)
	}
	r.until("everything", func() bool { return r.db.AddressSet.Len() == 150 && r.State().Connected })
	if st := r.State(); st.Connections != 2 {
		t.Errorf("state %+v", st)
	}
}

func TestUnknownOutcome(t *testing.T) {
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	p := ovsdbtest.StartProxy(t, srv.Unix)
	r := southbound(t, ovsdb.Config{Remotes: []string{p.Remote}})
	r.connected()
	p.Set(ovsdbtest.Faults{Stall: true})
	done := make(chan ovsdb.Result, 1)
	tx := ovsdb.NewTxn("")
	insertSwitch(tx, 1)
	r.TransactFunc(tx, func(res ovsdb.Result) { done <- res })
	time.Sleep(50 * time.Millisecond)
	p.Cut()
	if res := <-done; !errors.Is(res.Err, ovsdb.ErrUnknownOutcome) || !ovsdb.Retriable(res.Err) {
		t.Errorf("error %v", res.Err)
	}
	p.Set(ovsdbtest.Faults{})
	r.until("the row it made", func() bool { return r.db.DatapathBinding.Len() == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if res := r.Transact(ctx, tx); res.Err == nil {
		t.Error("a transaction of a context that has ended succeeded")
	}
}

func TestReadOnlyServer(t *testing.T) {
	srv := ovsdbtest.New(t, "--remote=db:OVN_Southbound,SB_Global,connections")
	srv.Tool("create", srv.Database, ovsdbtest.SouthboundNewest(t))
	srv.Run()
	port := ovsdbtest.FreePort(t)
	srv.Transact("OVN_Southbound",
		`{"op":"insert","table":"SB_Global","row":{"connections":["named-uuid","c"]}}`,
		fmt.Sprintf(`{"op":"insert","table":"Connection","uuid-name":"c","row":{"target":"ptcp:%d:127.0.0.1","read_only":true}}`, port))
	r := southbound(t, ovsdb.Config{Remotes: []string{fmt.Sprintf("tcp:127.0.0.1:%d", port)}})
	r.connected()
	tx := ovsdb.NewTxn("")
	insertSwitch(tx, 1)
	if res := r.transact(tx); !ovsdb.IsKind(res.Err, ovsdb.ReadOnly) || ovsdb.Retriable(res.Err) || !r.State().ReadOnly {
		t.Errorf("error %v, state %+v", res.Err, r.State())
	}
}

// Changing the remotes moves the session, unless it is where it should be.
func TestRemotesChange(t *testing.T) {
	a := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	b := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	b.Transact("OVN_Southbound", `{"op":"insert","table":"SB_Global","row":{"nb_cfg":5}}`)
	r := southbound(t, ovsdb.Config{Remotes: []string{a.Unix}})
	r.connected()
	r.SetRemotes([]string{b.Unix + "," + a.Unix})
	time.Sleep(50 * time.Millisecond)
	if st := r.State(); st.Connections != 1 || st.Remote != a.Unix {
		t.Errorf("state %+v", st)
	}
	r.SetRemotes([]string{b.Unix})
	r.until("the other database", func() bool { return r.db.SBGlobal.Len() == 1 })
	r.SetRemotes(nil)
	r.until("nowhere", func() bool { return !r.states[len(r.states)-1].Connected })
	r.SetRemotes([]string{a.Unix})
	r.until("the first database", func() bool { return r.db.SBGlobal.Len() == 0 })
	r.Resync()
	n := r.State().Resyncs
	r.until("everything again", func() bool { return r.State().Resyncs > n })
}

// A dialer may be replaced, which is where tests of other packages put faults.
func TestDialer(t *testing.T) {
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	r := southbound(t, ovsdb.Config{
		Remotes: []string{"tcp:192.0.2.1:6642"},
		Dial: func(ctx context.Context, remote string) (net.Conn, error) {
			if remote != "tcp:192.0.2.1:6642" {
				return nil, errors.New(remote)
			}
			return net.Dial("unix", strings.TrimPrefix(srv.Unix, "unix:"))
		},
	})
	r.connected()
}

// Servers probe too, and must be answered whatever else goes on.
func TestEcho(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	southbound(t, ovsdb.Config{Remotes: []string{"tcp:" + l.Addr().String()}})
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, `{"method":"echo","id":"echo","params":["x",1]}{"method":"steal","id":[7],"params":[]}{"method":"stolen","id":null,"params":["l"]}`)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	dec := json.NewDecoder(conn)
	answers := map[string]string{}
	for len(answers) < 2 {
		var m struct {
			ID     json.RawMessage
			Method string
			Result json.RawMessage
			Error  json.RawMessage
		}
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if m.Method == "" {
			answers[string(m.ID)] = string(m.Result) + string(m.Error)
		}
	}
	if answers[`"echo"`] != `["x",1]null` || answers[`[7]`] != `null"unknown method"` {
		t.Errorf("answers %v", answers)
	}
}

// A database whose schema is changed under the session is monitored anew, with what
// the new schema has.
func TestSchemaConversion(t *testing.T) {
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundHost)
	r := southbound(t, ovsdb.Config{Remotes: []string{srv.Unix}})
	r.connected()
	tx := ovsdb.NewTxn("")
	_, ids := insertSwitch(tx, 1, "lp1")
	r.must(tx)
	r.until("port", func() bool { return r.db.PortBinding.Len() == 1 })
	row := r.db.PortBinding.Get(ids[0])
	if r.db.Has("ECMP_Nexthop") {
		t.Fatal("the older schema has ECMP_Nexthop")
	}
	srv.Convert(ovsdbtest.SouthboundNewest(t))
	r.until("the new schema", func() bool { return r.db.Has("ECMP_Nexthop") })
	if r.db.PortBinding.Get(ids[0]) != row {
		t.Error("the row was replaced")
	}
}

// A relay that has no source is not where to be.
func TestRelay(t *testing.T) {
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	srv.Stop()
	relay := ovsdbtest.New(t)
	relay.Database = "relay:OVN_Southbound:" + srv.Unix
	relay.Run()
	r := southbound(t, ovsdb.Config{Remotes: []string{relay.Unix}})
	r.until("refusal", func() bool { return strings.Contains(fmt.Sprint(r.State().Error), "no source") })
	srv.Run()
	r.connected()
	if st := r.State(); st.Model != "relay" {
		t.Errorf("state %+v", st)
	}
	tx := ovsdb.NewTxn("")
	insertSwitch(tx, 1, "lp1")
	r.must(tx)
	r.until("port", func() bool { return r.db.PortBinding.Len() == 1 })
}

// What role-based access control forbids is told apart from what may be tried
// again.
func TestPermission(t *testing.T) {
	srv := ovsdbtest.New(t, "--remote=db:OVN_Southbound,SB_Global,connections")
	srv.Tool("create", srv.Database, ovsdbtest.SouthboundNewest(t))
	srv.Run()
	port := ovsdbtest.FreePort(t)
	srv.Transact("OVN_Southbound",
		`{"op":"insert","table":"SB_Global","row":{"connections":["named-uuid","c"]}}`,
		fmt.Sprintf(`{"op":"insert","table":"Connection","uuid-name":"c","row":{"target":"ptcp:%d:127.0.0.1","role":"ovn-controller"}}`, port),
		`{"op":"insert","table":"RBAC_Role","row":{"name":"ovn-controller","permissions":["map",[["Encap",["named-uuid","e"]]]]}}`,
		`{"op":"insert","table":"RBAC_Permission","uuid-name":"e","row":{"table":"Encap","authorization":"","insert_delete":true,"update":["set",["type"]]}}`)
	r := southbound(t, ovsdb.Config{Remotes: []string{fmt.Sprintf("tcp:127.0.0.1:%d", port)}})
	r.connected()
	tx := ovsdb.NewTxn("")
	insertSwitch(tx, 1)
	if res := r.transact(tx); !ovsdb.IsKind(res.Err, ovsdb.Permission) || ovsdb.Retriable(res.Err) {
		t.Errorf("error %v", res.Err)
	}
}
