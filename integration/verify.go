package integration

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// verifyRounds is how often a chassis is looked at before a difference counts: rows
// that agents learn from packets (MAC_Binding, FDB) come and go while packets still
// flow, and switch and databases are not copied at the same instant.
const verifyRounds = 4

// verify checks, when a cluster goes, that every running agent of ours has arrived
// where a start from scratch would: a process of its own translates copies of the
// databases, and what it wants must be, line for line, what ovs-ofctl dumps from
// the live switch, flows that the switch learned by itself apart.
func (c *Cluster) verify() {
	if c.opt.NoVerify || c.t.Failed() || !c.sb.Running() {
		return
	}
	var check []*Chassis
	for _, ch := range c.Chassis {
		a := ch.Agent
		if a == nil || a.Kind != Ours || !a.Running() || !ch.switchd.Running() || !ch.conf.Running() {
			continue
		}
		if ch.proxy != nil && ch.proxy.changed() {
			c.t.Logf("%s is not verified: the test changed messages to its switch", ch.Name)
			continue
		}
		check = append(check, ch)
	}
	if len(check) == 0 {
		return
	}
	// Fatalf ends the goroutine it is called on; the cluster must still go.
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.settle(check)
		for _, ch := range check {
			ch.verify()
		}
	}()
	<-done
}

// settle waits until the agents have installed what northd has made of the
// northbound database.
func (c *Cluster) settle(check []*Chassis) {
	if c.northd != nil && c.northd.Running() {
		if _, err := c.Output("ovn-nbctl", "--timeout=20", "--wait=sb", "sync"); err != nil {
			c.t.Logf("northd does not catch up: %v", err)
		}
	}
	n, err := c.Output("ovn-sbctl", "get", "SB_Global", ".", "nb_cfg")
	if err != nil {
		c.t.Errorf("nb_cfg: %v", err)
		return
	}
	for _, ch := range check {
		if _, err := c.Output("ovn-sbctl", "--timeout=20", "wait-until", "Chassis_Private", ch.Name,
			"nb_cfg="+strings.TrimSpace(n)); err != nil {
			c.t.Logf("%s does not acknowledge the configuration: %v", ch.Name, err)
		}
	}
}

// verify compares what a start from scratch would want with the switch.
func (ch *Chassis) verify() {
	start := time.Now()
	for round := 1; ; round++ {
		report, err := ch.FromScratch()
		if err != nil {
			ch.t.Errorf("%s: check from scratch: %v\n%s", ch.Name, err, ch.Agent.Tail(10))
			return
		}
		if report == "" {
			ch.t.Logf("%s: the switch equals a translation from scratch (%v)", ch.Name, time.Since(start).Round(time.Millisecond))
			return
		}
		if round == verifyRounds {
			ch.t.Errorf("%s differs from a translation from scratch:\n%s", ch.Name, report)
			return
		}
		time.Sleep(time.Duration(round) * 200 * time.Millisecond)
	}
}

// FromScratch compares the switch with what a process of its own makes of copies of the
// databases, and returns what differs, "" for nothing.
func (ch *Chassis) FromScratch() (report string, err error) {
	remote, stop, err := ch.copies()
	if err != nil {
		return "", err
	}
	defer stop()
	dump := ch.Dump()
	have := slices.Concat(WithoutLearned(dump.Flows), dump.Groups, dump.Meters)
	args := []string{"--db=" + remote, "--sb=" + remote, "--switch-socket=unix:" + filepath.Join(ch.dir, "br-int.mgmt"),
		"--chassis=" + ch.Name, "--timeout=30s", "verify"}
	run := func(extra ...string) (string, error) {
		return ch.c.fabric.output(command{path: Build(ch.t, "chassisctl"), args: append(slices.Clone(args), extra...), env: runEnv(ch.dir)})
	}
	wanted, err := run("--dump")
	if err != nil {
		return "", err
	}
	want := strings.Split(strings.TrimSpace(wanted), "\n")
	only := func(title string, a, b []string) {
		sorted := slices.Sorted(slices.Values(b))
		n := 0
		for _, line := range a {
			if _, ok := slices.BinarySearch(sorted, line); ok {
				continue
			}
			if n++; n <= 5 {
				report += "  " + title + ": " + line + "\n"
			}
		}
		if n > 5 {
			report += fmt.Sprintf("  … %d more %s\n", n-5, title)
		}
	}
	only("only on the switch", have, want)
	only("only from scratch", want, have)
	if report == "" && len(have) != len(want) {
		report = fmt.Sprintf("  %d lines on the switch, %d from scratch\n", len(have), len(want))
	}
	if report != "" {
		// The same again, with the rows that flows come from.
		explained, err := run("--wait=0s", "--limit=5")
		report += explained
		if err == nil {
			report += "  (the comparison of bytes found nothing: it is the text that differs)\n"
		}
	}
	return report, nil
}

var learnAction = regexp.MustCompile(`learn\(table=(\d+),[^)]*?cookie=0x([0-9a-f]+)`)
var flowHead = regexp.MustCompile(`^(?:cookie=0x([0-9a-f]+), )?(?:table=(\d+), )?`)

// WithoutLearned leaves out the flows that the switch made by a learn action: their
// table and cookie are the target of one among the flows.
func WithoutLearned(flows []string) []string {
	learned := map[[2]string]bool{}
	for _, line := range flows {
		for _, m := range learnAction.FindAllStringSubmatch(line, -1) {
			learned[[2]string{m[1], m[2]}] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(flows), func(line string) bool {
		m := flowHead.FindStringSubmatch(line)
		return learned[[2]string{m[2], m[1]}] && !strings.Contains(line, "learn(")
	})
}

// Chassisctl runs chassisctl on the chassis, as an operator would.
func (ch *Chassis) Chassisctl(args ...string) (string, error) {
	return ch.ns.output(command{path: Build(ch.t, "chassisctl"), args: args, env: runEnv(ch.dir)})
}
