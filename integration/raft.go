package integration

import (
	"os"
	"path/filepath"
)

// createRaft makes dir/name.db the first member of a new Raft cluster. Its contents
// are those of dir/name.db if that is there, a standalone database, and otherwise
// none but the schema.
func createRaft(t T, ns *Namespace, stack *Stack, dir, name, schema string) {
	t.Helper()
	file := filepath.Join(dir, name+".db")
	contents := stack.schema(schema)
	if _, err := os.Stat(file); err == nil {
		contents = file + ".standalone"
		if err := os.Rename(file, contents); err != nil {
			t.Fatalf("%s cluster: %v", name, err)
		}
	}
	if _, err := ns.output(command{stack: stack, path: "ovsdb-tool",
		args: []string{"create-cluster", file, contents, "unix:" + filepath.Join(dir, name+".raft")}}); err != nil {
		t.Fatalf("%s cluster: %v", name, err)
	}
}

// TransactSouthbound performs operations on the southbound database; each is a JSON
// object.
func (c *Cluster) TransactSouthbound(operations ...any) error {
	return transact(c.SouthboundSocket(), "OVN_Southbound", operations...)
}
