package main

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/workload"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// The longest that the agent took to answer, by who asked, while something large
// happened.
type delays map[string]time.Duration

const (
	askEvery = 20 * time.Millisecond
	// deaf is when an answer is given up.
	deaf = 2 * time.Minute
)

// signs are the ways to ask an agent whether it is there.
var signs = []string{"control socket", "OVSDB echo", "OpenFlow echo", "packet-in"}

// ask asks an agent in every way, over and over, until stop is closed.
func ask(ch *integration.Chassis, w *integration.Wire, stop chan struct{}) func() delays {
	var mu sync.Mutex
	worst := delays{}
	var wg sync.WaitGroup
	for _, s := range signs {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(askEvery):
				}
				d, err := once(ch, w, s, n)
				if err != nil {
					continue // it is not there yet
				}
				mu.Lock()
				worst[s] = max(worst[s], d)
				mu.Unlock()
			}
		})
	}
	return func() delays { close(stop); wg.Wait(); return worst }
}

func once(ch *integration.Chassis, w *integration.Wire, sign string, n int) (time.Duration, error) {
	switch sign {
	case "control socket":
		return control(ch.Agent.ControlSocket())
	case "OVSDB echo":
		return w.EchoSB(deaf)
	case "OpenFlow echo":
		return w.EchoSwitch(deaf)
	}
	packet, mark := rejected(uint16(n))
	return w.Punt(packet, mark, deaf)
}

// control asks for the version on the control socket.
func control(path string) (time.Duration, error) {
	began := time.Now()
	conn, err := net.DialTimeout("unix", path, deaf)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(began.Add(deaf)); err != nil {
		return 0, err
	}
	if _, err := conn.Write([]byte(`{"id":0,"method":"version","params":[]}`)); err != nil {
		return 0, err
	}
	var reply struct{ Result any }
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// rejected is a packet-in of the action icmp4, and what its answer contains: the
// ports of the packet, which an ICMP error quotes.
func rejected(n uint16) (message []byte, mark string) {
	ports := []byte{0xb7, 0x2d, byte(n >> 8), byte(n)}
	packet := []byte{
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
		0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
	}
	packet = append(append(packet, ports...), 0, 8, 0, 0)
	userdata := []byte{0, 0, 0, byte(pipeline.OpICMP), 0, 0, 0, 0}
	message, err := openflow.AppendMessage(nil, openflow.Version15, 0, &openflow.PacketIn{
		Packet: packet, Table: 20, Reason: 1, Userdata: userdata,
	})
	if err != nil {
		panic(err)
	}
	return message, string(ports)
}

// shift raises the priority of all logical flows by one, or lowers it.
func shift(c *integration.Cluster, by int) error {
	conn, err := net.Dial("unix", c.SouthboundSocket())
	if err != nil {
		return err
	}
	defer conn.Close()
	mutation := fmt.Sprintf(`{"id":1,"method":"transact","params":["OVN_Southbound",{"op":"mutate","table":"Logical_Flow",`+
		`"where":[["priority","<",65000],["priority",">",0]],"mutations":[["priority","+=",%d]]}]}`, by)
	if _, err := conn.Write([]byte(mutation)); err != nil {
		return err
	}
	var reply struct {
		Error  any
		Result []struct{ Error string }
	}
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return err
	}
	if reply.Error != nil || len(reply.Result) == 0 || reply.Result[0].Error != "" {
		return fmt.Errorf("changing all logical flows: %v %v", reply.Error, reply.Result)
	}
	return nil
}

// responsive measures how long an agent takes to answer while it starts and while
// all logical flows change.
func responsive(t integration.T, scales []int, agents []string, o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n| logical flows | agent | while | took |", machine())
	rule := "| ---: | --- | --- | ---: |"
	for _, s := range signs {
		fmt.Fprintf(&b, " %s |", s)
		rule += " ---: |"
	}
	fmt.Fprintf(&b, "\n%s\n", rule)
	for _, scale := range scales {
		db := workload.Make(t, workload.Scales[scale], t.Logf)
		for _, agent := range agents {
			err := integration.Run(agent, nil, func(t integration.T) {
				c, ch := stage(t, db, agentKind(t, agent))
				prepare(t, agentKind(t, agent))
				w := ch.TapWire()
				line := func(what string, took time.Duration, d delays) {
					fmt.Fprintf(&b, "| %d | %s | %s | %.1f s |", db.LogicalFlows, agent, what, took.Seconds())
					for _, s := range signs {
						fmt.Fprintf(&b, " %.0f ms |", milli(d[s]))
					}
					b.WriteByte('\n')
				}
				began := time.Now()
				ch.StartAgent()
				worst := ask(ch, w, make(chan struct{}))
				up(t, c, ch, db, o.timeout)
				line("starting", time.Since(began), worst())
				for _, by := range []int{1, -1} {
					began = time.Now()
					worst = ask(ch, w, make(chan struct{}))
					if err := shift(c, by); err != nil {
						t.Fatalf("%v", err)
					}
					if err := c.WaitSettled(ch, o.timeout); err != nil {
						t.Fatalf("%v", err)
					}
					line("all logical flows change", time.Since(began), worst())
				}
			})
			if err != nil {
				t.Errorf("%d logical flows, %s: %v", db.LogicalFlows, agent, err)
			}
		}
	}
	return b.String()
}

// shrink measures how much memory an agent holds before and after nine of ten
// logical flows have gone.
func shrink(t integration.T, scales []int, agents []string, o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n| logical flows | agent | peak | before | after | 10 s later | 60 s later | started on what is left | 10 s later |\n", machine())
	b.WriteString("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, scale := range scales {
		db := workload.Make(t, workload.Scales[scale], t.Logf)
		for _, agent := range agents {
			err := integration.Run(agent, nil, func(t integration.T) {
				c, ch := stage(t, db, agentKind(t, agent))
				prepare(t, agentKind(t, agent))
				ch.StartAgent()
				up(t, c, ch, db, o.timeout)
				usage, err := ch.Agent.Usage()
				if err != nil {
					t.Fatalf("%v", err)
				}
				rss := []int64{usage.PeakRSS}
				note := func() {
					v, err := ch.Agent.RSS()
					if err != nil {
						t.Fatalf("%v", err)
					}
					rss = append(rss, v)
				}
				note()
				if err := remove(c); err != nil {
					t.Fatalf("%v", err)
				}
				for _, wait := range []time.Duration{0, 10 * time.Second, 50 * time.Second} {
					time.Sleep(wait)
					if wait == 0 {
						if err := c.WaitSettled(ch, o.timeout); err != nil {
							t.Fatalf("%v", err)
						}
					}
					note()
				}
				ch.Agent.Kill()
				ch.StartAgent()
				if err := c.WaitSettled(ch, o.timeout); err != nil {
					t.Fatalf("%v", err)
				}
				note()
				time.Sleep(10 * time.Second)
				note()
				fmt.Fprintf(&b, "| %d | %s |", db.LogicalFlows, agent)
				for _, v := range rss {
					fmt.Fprintf(&b, " %d MB |", v/mega)
				}
				b.WriteByte('\n')
			})
			if err != nil {
				t.Errorf("%d logical flows, %s: %v", db.LogicalFlows, agent, err)
			}
		}
	}
	return b.String()
}

// remove deletes nine of ten logical flows.
func remove(c *integration.Cluster) error {
	out, err := c.Output("ovn-sbctl", "--bare", "--columns=_uuid", "list", "Logical_Flow")
	if err != nil {
		return err
	}
	ids := strings.Fields(out)
	slices.Sort(ids)
	var ops []any
	for i, id := range ids {
		if i%10 != 0 {
			ops = append(ops, map[string]any{"op": "delete", "table": "Logical_Flow",
				"where": []any{[]any{"_uuid", "==", []string{"uuid", id}}}})
		}
	}
	conn, err := net.Dial("unix", c.SouthboundSocket())
	if err != nil {
		return err
	}
	defer conn.Close()
	request := map[string]any{"id": 1, "method": "transact", "params": append([]any{"OVN_Southbound"}, ops...)}
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return err
	}
	var reply struct{ Error any }
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return err
	}
	if reply.Error != nil {
		return fmt.Errorf("deleting logical flows: %v", reply.Error)
	}
	return nil
}
