package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// startMembers starts the southbound servers of a cluster.
func (c *Cluster) startMembers(dir string) {
	c.t.Helper()
	for i := range c.opt.Members {
		name := fmt.Sprintf("sb%d", i+1)
		d := &database{name: name, dir: dir, ns: c.fabric, stack: c.opt.Stack, port: southboundPort + 10*i}
		raft := func(i int) string { return "unix:" + filepath.Join(dir, fmt.Sprintf("raft%d", i+1)) }
		args := []string{"create-cluster", d.file(), c.opt.Stack.schema("ovn-sb.ovsschema"), raft(0)}
		if i > 0 {
			args = []string{"join-cluster", d.file(), "OVN_Southbound", raft(i), raft(0)}
		}
		if _, err := c.fabric.output(command{stack: c.opt.Stack, path: "ovsdb-tool", args: args}); err != nil {
			c.t.Fatalf("southbound cluster: %v", err)
		}
		d.start(c.t)
		c.raft = append(c.raft, d)
		c.sb = c.raft[0]
		WaitFor(c.t, 20*time.Second, name+" joins the cluster", func() error {
			if status := c.raftStatus(d); !strings.Contains(status, "Status: cluster member") {
				return fmt.Errorf("%s", status)
			}
			return nil
		})
	}
}

func (c *Cluster) raftStatus(d *database) string {
	out, err := c.fabric.output(command{stack: c.opt.Stack, path: "ovs-appctl", env: runEnv(d.dir),
		args: []string{"-t", filepath.Join(d.dir, d.name+"-server.ctl"), "cluster/status", "OVN_Southbound"}})
	if err != nil {
		return err.Error()
	}
	return out
}

// southbound is how programs beside the servers reach the southbound database.
func (c *Cluster) southbound() string {
	var all []string
	for _, d := range c.raft {
		all = append(all, d.remote())
	}
	if all == nil {
		return c.sb.remote()
	}
	return strings.Join(all, ",")
}

// remotes is how chassis reach the southbound database.
func (c *Cluster) remotes() string {
	all := []string{fmt.Sprintf("tcp:%s:%d", fabricMgmt, southboundPort)}
	for i := 1; i < len(c.raft); i++ {
		all = append(all, fmt.Sprintf("tcp:%s:%d", fabricMgmt, c.raft[i].port))
	}
	return strings.Join(all, ",")
}

// Member is a server of the southbound cluster.
type Member struct {
	c *Cluster
	d *database
}

// Members are the servers of the southbound cluster.
func (c *Cluster) Members() []Member {
	var all []Member
	for _, d := range c.raft {
		all = append(all, Member{c, d})
	}
	return all
}

// Leader waits until a running server leads the cluster and returns it.
func (c *Cluster) Leader() (leader Member) {
	c.t.Helper()
	WaitFor(c.t, 20*time.Second, "a leader", func() error {
		for _, m := range c.Members() {
			if m.d.Running() && strings.Contains(c.raftStatus(m.d), "Role: leader") {
				leader = m
				return nil
			}
		}
		return fmt.Errorf("none")
	})
	return leader
}

// Kill is kill -9.
func (m Member) Kill() { m.d.Kill() }

// Signal sends the server a signal.
func (m Member) Signal(sig os.Signal) error { return m.d.Signal(sig) }

// Start starts the server again.
func (m Member) Start() {
	m.c.t.Helper()
	m.d.start(m.c.t)
}

// File is the server's database file.
func (m Member) File() string { return m.d.file() }

// Remote is how chassis reach the server.
func (m Member) Remote() string { return fmt.Sprintf("tcp:%s:%d", fabricMgmt, m.d.port) }
