package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

const (
	// troublers is how many things go wrong at the same time, at most.
	troublers = 3
	// troublePause is from the end of one trouble to the next, on average.
	troublePause = 2 * time.Second
	// troubleMost is how long a trouble lasts, at most, besides what it takes to make
	// it and to put it right.
	troubleMost = 7 * time.Second
)

// fault is something that goes wrong and is put right again.
type fault struct {
	name string
	// on is what it troubles, and what else must not be troubled meanwhile: at one
	// time one fault only is on the same.
	on []string
	// do troubles a chassis, or the southbound servers, for a while.
	do func(w *world, p *place, rng *rand.Rand, last time.Duration) error
}

// What is troubled: the southbound servers, and of each chassis the rest.
const (
	onServers    = "southbound servers"
	onAgent      = "agent"
	onSwitch     = "switch"
	onLocal      = "local database"
	onSouthLink  = "southbound connection"
	onLocalLink  = "local connection"
	onSwitchLink = "switch connection"
)

// faults are all there are. Those on one chassis come first.
var faults = append(append(append([]fault{
	{"switch killed", []string{onSwitch}, switchKilled},
	{"switch stopped for a while", []string{onSwitch}, func(_ *world, p *place, _ *rand.Rand, last time.Duration) error {
		return stopped(p.Switch(), last)
	}},
	{"flows, groups and meters deleted", []string{onSwitch}, drift([]string{"del-flows", "br-int"}, []string{"del-groups", "br-int"}, []string{"del-meters", "br-int"})},
	{"a table's flows deleted", []string{onSwitch}, drift([]string{"del-flows", "br-int", "table=%d"})},
	{"groups deleted", []string{onSwitch}, drift([]string{"del-groups", "br-int"})},
	{"meters deleted", []string{onSwitch}, drift([]string{"del-meters", "br-int"})},
	{"a table's flows changed", []string{onSwitch}, drift([]string{"mod-flows", "br-int", "table=%d,actions=drop"})},
	{"flow, group and meter added", []string{onSwitch}, drift(
		[]string{"add-flow", "br-int", "table=%d,priority=7,cookie=0x7777,reg15=0x7 actions=drop"},
		[]string{"add-group", "br-int", "group_id=7000%d,type=all,bucket=actions=drop"},
		[]string{"add-meter", "br-int", "meter=7000%d,kbps,band=type=drop,rate=5"})},
	{"local database server killed", []string{onLocal}, func(w *world, p *place, _ *rand.Rand, last time.Duration) error {
		w.servers.Lock()
		defer w.servers.Unlock()
		p.RestartLocal(last / 2)
		return nil
	}},
	{"tunnel and patch ports deleted by others", []string{onLocal}, func(_ *world, p *place, _ *rand.Rand, _ time.Duration) error {
		_, err := p.Output("ovs-vsctl", "--no-wait", "--if-exists", "del-port", "ovn-hv2-0", "--", "--if-exists", "del-port", "patch-br-int-to-ln0")
		return err
	}},
	{"chassis deleted by others", []string{onServers}, func(w *world, p *place, _ *rand.Rand, _ time.Duration) error {
		return w.chassisDeleted(p.Name)
	}},
}, linkFaults()...), agentFaults...), serverFaults...)

// chassisDeleted deletes a chassis. The database refuses while northd has not removed the
// multicast groups of a chassis deleted before: there would be two of one name without a
// chassis.
func (w *world) chassisDeleted(name string) error {
	for began := time.Now(); ; time.Sleep(500 * time.Millisecond) {
		_, err := w.c.Output("ovn-sbctl", "--timeout=60", "--if-exists", "chassis-del", name)
		if err == nil || !strings.Contains(err.Error(), "IGMP_Group") || time.Since(began) > time.Minute {
			return err
		}
	}
}

// trouble has something go wrong.
func (w *world) trouble(rng *rand.Rand) {
	f := w.faults[rng.IntN(len(w.faults))]
	p := w.places[rng.IntN(len(w.places))]
	last := time.Duration(rng.Int64N(int64(troubleMost)))
	if f.on[0] == onAgent {
		p = w.places[len(w.places)-1] // the others' are never killed
	}
	var keys []string
	for _, on := range f.on {
		if on == onServers {
			keys = append(keys, on)
		} else {
			keys = append(keys, p.Name+" "+on)
		}
	}
	if !w.take(keys...) {
		return
	}
	defer w.give(keys...)
	// The proxy keeps what it has seen.
	p.toSwitch.Messages()
	w.note("%s: %s", p.Name, f.name)
	if err := f.do(w, p, rng, last); err != nil {
		w.Errorf("%s: %s: %v", p.Name, f.name, err)
		return
	}
	w.note("%s: %s: over", p.Name, f.name)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.faults[f.name]++
}

// take tells whether nothing else troubles any of the keys, and marks them as
// troubled.
func (w *world) take(keys ...string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(keys, func(key string) bool { return w.troubled[key] }) {
		return false
	}
	for _, key := range keys {
		w.troubled[key] = true
	}
	return true
}

func (w *world) give(keys ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range keys {
		delete(w.troubled, key)
	}
}

// stopped is SIGSTOP and SIGCONT.
func stopped(p interface{ Signal(os.Signal) error }, last time.Duration) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(last)
	return p.Signal(syscall.SIGCONT)
}

func switchKilled(_ *world, p *place, _ *rand.Rand, last time.Duration) error {
	p.KillSwitch()
	time.Sleep(last / 2)
	p.StartSwitch()
	var err error
	for range 100 {
		if _, err = p.Output("ovs-ofctl", "-O", "OpenFlow15", "show", "br-int"); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// drift is what somebody else does with ovs-ofctl; %d stands for a table.
func drift(commands ...[]string) func(*world, *place, *rand.Rand, time.Duration) error {
	return func(_ *world, p *place, rng *rand.Rand, _ time.Duration) error {
		table := rng.IntN(88)
		for _, args := range commands {
			full := []string{"-O", "OpenFlow15"}
			for _, arg := range args {
				if strings.Contains(arg, "%d") {
					arg = fmt.Sprintf(arg, table)
				}
				full = append(full, arg)
			}
			if _, err := p.Output("ovs-ofctl", full...); err != nil {
				return err
			}
		}
		return nil
	}
}

// linkFaults are what the proxies do to the agents' connections.
func linkFaults() []fault {
	kinds := []struct {
		name string
		cut  bool // at the beginning
		make func() integration.Faults
	}{
		{"cut", true, func() integration.Faults { return integration.Faults{} }},
		{"refused", true, func() integration.Faults { return integration.Faults{Refuse: true} }},
		{"silent", false, func() integration.Faults { return integration.Faults{Hold: true} }},
		{"late", false, func() integration.Faults { return integration.Faults{Delay: 20 * time.Millisecond} }},
		{"truncated", false, func() integration.Faults { return integration.Faults{Truncate: every(20, whatever)} }},
		{"closed", false, func() integration.Faults { return integration.Faults{Close: every(20, whatever)} }},
		{"doubled", false, func() integration.Faults { return integration.Faults{Duplicate: every(3, reply)} }},
	}
	type proxy interface {
		Set(integration.Faults)
		Cut()
	}
	var all []fault
	for on, of := range map[string]func(p *place) proxy{
		onSouthLink:  func(p *place) proxy { return p.southbound },
		onLocalLink:  func(p *place) proxy { return p.local },
		onSwitchLink: func(p *place) proxy { return p.toSwitch },
	} {
		for _, kind := range kinds {
			all = append(all, fault{on + " " + kind.name, []string{on}, func(_ *world, p *place, _ *rand.Rand, last time.Duration) error {
				link := of(p)
				link.Set(kind.make())
				if kind.cut {
					link.Cut()
				}
				time.Sleep(last)
				link.Set(integration.Faults{})
				return nil
			}})
		}
	}
	slices.SortFunc(all, func(a, b fault) int { return strings.Compare(a.name, b.name) })
	return all
}

// every chooses one of n messages of a kind.
func every(n int64, kind func(integration.Message) bool) func(integration.Message) bool {
	var seen atomic.Int64
	return func(m integration.Message) bool { return kind(m) && seen.Add(1)%n == 0 }
}

func whatever(integration.Message) bool { return true }

// reply tells whether a message is a database's answer, or from the switch. An update
// that comes twice is another update, which only a server could send.
func reply(m integration.Message) bool {
	return !m.ToSwitch && (m.Data[0] != '{' || strings.Contains(string(m.Data[:min(len(m.Data), 60)]), `"error"`))
}

var agentFaults = []fault{
	{"agent killed", []string{onAgent}, func(_ *world, p *place, _ *rand.Rand, last time.Duration) error {
		p.Agent.Kill()
		time.Sleep(last)
		p.start()
		return nil
	}},
	{"agent terminated", []string{onAgent}, func(_ *world, p *place, _ *rand.Rand, last time.Duration) error {
		err := p.Agent.Stop()
		time.Sleep(last)
		p.start()
		return err
	}},
	{"agent upgraded", []string{onAgent}, func(w *world, p *place, _ *rand.Rand, last time.Duration) error {
		p.Agent.Exit(true)
		time.Sleep(last / 4)
		p.upgrade(w)
		return nil
	}},
	{"agent exits for good", []string{onAgent, onServers, onSouthLink, onLocal, onLocalLink}, func(w *world, p *place, _ *rand.Rand, last time.Duration) error {
		p.Agent.Exit(false)
		time.Sleep(last)
		p.start()
		return nil
	}},
	{"agent stopped for a while", []string{onAgent}, func(_ *world, p *place, _ *rand.Rand, last time.Duration) error {
		return stopped(p.Agent, last)
	}},
}

var serverFaults = []fault{
	{"southbound leader killed", []string{onServers}, func(w *world, _ *place, _ *rand.Rand, last time.Duration) error {
		return w.killed(last, w.c.Leader())
	}},
	{"southbound server killed", []string{onServers}, func(w *world, _ *place, rng *rand.Rand, last time.Duration) error {
		all := w.c.Members()
		return w.killed(last, all[rng.IntN(len(all))])
	}},
	{"all southbound servers killed", []string{onServers}, func(w *world, _ *place, _ *rand.Rand, last time.Duration) error {
		return w.killed(last, w.c.Members()...)
	}},
	{"southbound leader stopped for a while", []string{onServers}, func(w *world, _ *place, _ *rand.Rand, last time.Duration) error {
		w.servers.Lock()
		defer w.servers.Unlock()
		defer w.led()
		return stopped(w.c.Leader(), last)
	}},
}

// killed has southbound servers killed and started again.
func (w *world) killed(last time.Duration, members ...integration.Member) error {
	w.servers.Lock()
	defer w.servers.Unlock()
	for _, m := range members {
		m.Kill()
	}
	time.Sleep(last)
	for _, m := range members {
		m.Start()
	}
	w.led()
	return nil
}

// led waits until the southbound cluster has a leader that clients find.
func (w *world) led() {
	w.c.Leader()
	w.c.SB("get", "SB_Global", ".", "nb_cfg")
}
