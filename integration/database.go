package integration

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// database is an ovsdb-server with one database file.
type database struct {
	*Process
	name  string // nb, sb, conf
	dir   string
	ns    *Namespace
	stack *Stack
	port  int // TCP port it listens on too, 0 for none
	more  []string
}

// startDatabase starts a server for dir/name.db, which is made from the schema
// when it isn't there. more are further arguments of the server.
func startDatabase(t T, ns *Namespace, stack *Stack, dir, name, schema string, port int, more ...string) *database {
	t.Helper()
	d := &database{name: name, dir: dir, ns: ns, stack: stack, port: port, more: more}
	if _, err := os.Stat(d.file()); err != nil {
		if _, err := ns.output(command{stack: stack, path: "ovsdb-tool",
			args: []string{"create", d.file(), stack.schema(schema)}}); err != nil {
			t.Fatalf("%s database: %v", name, err)
		}
	}
	d.start(t)
	return d
}

func (d *database) file() string   { return filepath.Join(d.dir, d.name+".db") }
func (d *database) socket() string { return filepath.Join(d.dir, d.name+".sock") }
func (d *database) remote() string { return "unix:" + d.socket() }
func (d *database) log() string    { return filepath.Join(d.dir, d.name+"-server.log") }

func (d *database) start(t T) {
	t.Helper()
	args := []string{"--remote=punix:" + d.socket()}
	if d.port != 0 {
		args = append(args, "--remote=ptcp:"+strconv.Itoa(d.port)+":0.0.0.0")
	}
	args = append(args, "--unixctl="+filepath.Join(d.dir, d.name+"-server.ctl"), "--no-chdir",
		"-vconsole:info", "-vsyslog:off")
	args = append(append(args, d.more...), d.file())
	os.Remove(d.socket())
	d.Process = d.ns.start(t, "ovsdb-server "+strings.ToUpper(d.name), d.log(), command{
		stack: d.stack, path: "ovsdb-server", args: args, env: runEnv(d.dir)})
	waitSocket(t, d.Process, d.socket())
}

// runEnv tells OVS and OVN programs that dir is where their sockets and files
// are.
func runEnv(dir string) []string {
	return []string{"OVS_RUNDIR=" + dir, "OVS_LOGDIR=" + dir, "OVS_DBDIR=" + dir, "OVS_SYSCONFDIR=" + dir,
		"OVN_RUNDIR=" + dir, "OVN_LOGDIR=" + dir, "OVN_DBDIR=" + dir, "OVN_SYSCONFDIR=" + dir}
}
