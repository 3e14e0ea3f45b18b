package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// version is part of the name of cached databases: raise it when the rows that a
// set of parameters makes change.
const version = 2

// Database is a southbound database made from Params.
type Database struct {
	Params       Params
	Path         string // of the database file
	LogicalFlows int    // rows of Logical_Flow
	Ports        int    // rows of Port_Binding
	Release      string // of the northd that made it
	// Changes are what northd writes for changes of the northbound database, by
	// name. They are on top of the fixture, which is not in the file.
	Changes map[string]Change
}

// Make returns the database of a workload, from the cache if it was made before.
// In it the local chassis is known but has claimed nothing; all others have
// claimed their ports.
func Make(t integration.T, p Params, log func(format string, args ...any)) Database {
	t.Helper()
	stack := integration.Sid(t)
	key := sha256.Sum256(fmt.Appendf(nil, "%d %v %s", version, p, stack.Name))
	base := filepath.Join(integration.CacheDir(), "workloads", hex.EncodeToString(key[:8]))
	db := Database{Params: p, Path: base + ".db"}
	if text, err := os.ReadFile(base + ".json"); err == nil {
		if err := json.Unmarshal(text, &db); err == nil {
			db.Path = base + ".db"
			if _, err := os.Stat(db.Path); err == nil {
				return db
			}
		}
	}
	log("making %v", p)
	if err := integration.Run("workload", nil, func(t integration.T) { p.make(t, stack, &db) }); err != nil {
		t.Fatalf("workload of %v: %v", p, err)
	}
	text, err := json.Marshal(db)
	if err == nil {
		err = os.WriteFile(base+".json", text, 0o644)
	}
	if err != nil {
		t.Fatalf("workload of %v: %v", p, err)
	}
	return db
}

func (p Params) make(t integration.T, stack *integration.Stack, db *Database) {
	c := integration.NewCluster(t, integration.Options{Stack: stack, Dummy: true, Agent: integration.Reference})
	// The reference agent registers the local chassis with the features northd
	// asks for. It is stopped before there is anything to claim.
	ch := c.AddChassis(LocalChassis)
	c.WaitHV()
	ch.Agent.Kill()
	features := c.SB("get", "Chassis", LocalChassis, "other_config")
	var args []string
	for n := 1; n < p.Nodes; n++ {
		args = append(args, "--", "chassis-add", node(n), "geneve", fmt.Sprintf("172.31.%d.%d", 1+n/250, n%250+1),
			"--", "set", "Chassis", node(n), "hostname="+node(n), "other_config="+features)
	}
	if len(args) > 0 {
		c.SB(args...)
	}
	if err := p.northbound().commit(c.NorthboundSocket()); err != nil {
		t.Fatalf("%v", err)
	}
	sync := func() {
		if _, err := c.Output("ovn-nbctl", "--timeout=600", "--wait=sb", "sync"); err != nil {
			t.Fatalf("northd: %v", err)
		}
	}
	sync()
	if err := bind(c); err != nil {
		t.Fatalf("binding ports: %v", err)
	}
	sync()
	sync()
	db.LogicalFlows = lines(c.SB("--bare", "--columns=priority", "list", "Logical_Flow"))
	db.Ports = lines(c.SB("--bare", "--columns=tunnel_key", "list", "Port_Binding"))
	out, err := c.Output("ovn-northd", "--version")
	if err != nil {
		t.Fatalf("%v", err)
	}
	db.Release, _, _ = strings.Cut(out, "\n")
	if err := os.MkdirAll(filepath.Dir(db.Path), 0o755); err != nil {
		t.Fatalf("%v", err)
	}
	backup := c.CopyOptions().Southbound
	if db.Changes, err = p.recordChanges(c, sync); err != nil {
		t.Fatalf("%v", err)
	}
	data, err := os.ReadFile(backup)
	if err == nil {
		err = os.WriteFile(db.Path+".part", data, 0o644)
	}
	if err == nil {
		err = os.Rename(db.Path+".part", db.Path)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// bind claims, for the chassis that exist in the database only, what their agents
// would: pods, management ports and the ports of gateway routers.
func bind(c *integration.Cluster) error {
	chassis := map[string]string{}
	for line := range strings.Lines(c.SB("--format=csv", "--no-headings", "--columns=_uuid,name", "list", "Chassis")) {
		id, name, _ := strings.Cut(strings.TrimSpace(line), ",")
		chassis[name] = id
	}
	x := newTxn("OVN_Southbound")
	out := c.SB("--format=json", "--columns=_uuid,logical_port,type,options", "list", "Port_Binding")
	var table struct{ Data [][]any }
	if err := json.Unmarshal([]byte(out), &table); err != nil {
		return err
	}
	for _, r := range table.Data {
		name, typ := r[1].(string), r[2].(string)
		var on string
		switch {
		case typ == "l3gateway":
			for _, pair := range r[3].([]any)[1].([]any) {
				if kv := pair.([]any); kv[0] == "l3gateway-chassis" {
					on = kv[1].(string)
				}
			}
		case typ != "":
		case strings.HasPrefix(name, "k8s-"):
			on = strings.TrimPrefix(name, "k8s-")
		default:
			// nsI_pod-N-I
			if _, rest, ok := strings.Cut(name, "_pod-"); ok {
				n, _, _ := strings.Cut(rest, "-")
				on = "node" + n
			}
		}
		if on == "" || on == LocalChassis {
			continue
		}
		x.update("Port_Binding", r[0].([]any)[1].(string), row{"chassis": uuid(chassis[on]), "up": true})
	}
	return x.commit(c.SouthboundSocket())
}

func lines(s string) int {
	n := 0
	for line := range strings.Lines(s) {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return n
}
