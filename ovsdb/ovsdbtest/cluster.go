package ovsdbtest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// StartCluster runs n servers that form a cluster for a database of the schema.
func StartCluster(t testing.TB, schema string, n int) []*Server {
	t.Helper()
	servers := make([]*Server, n)
	for i := range servers {
		s := New(t)
		servers[i] = s
		if i == 0 {
			s.Tool("create-cluster", s.Database, schema, s.raft())
		} else {
			s.Tool("join-cluster", s.Database, "OVN_Southbound", s.raft(), servers[0].raft())
		}
		s.Run()
		for try := 0; !strings.Contains(s.Control("cluster/status", "OVN_Southbound"), "Status: cluster member"); try++ {
			if try > 500 {
				t.Fatalf("server %d does not join:\n%s", i, s.Control("cluster/status", "OVN_Southbound"))
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return servers
}

func (s *Server) raft() string { return fmt.Sprintf("unix:%s/raft", s.Dir) }

// Leader tells whether the server leads its cluster.
func (s *Server) Leader() bool {
	return strings.Contains(s.Control("cluster/status", "OVN_Southbound"), "Role: leader")
}
