package integration

import (
	"encoding/json"
	"fmt"
	"net"
)

// transact performs operations (RFC 7047, section 5.2) on a database and returns
// when they are committed. A client program would take longer to start than what
// is measured takes.
func transact(socket, database string, operations ...any) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	params := append([]any{database}, operations...)
	if err := json.NewEncoder(conn).Encode(map[string]any{"id": 1, "method": "transact", "params": params}); err != nil {
		return err
	}
	var reply struct {
		Error  any
		Result []struct{ Error, Details string }
	}
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return err
	}
	if reply.Error != nil {
		return fmt.Errorf("transaction on %s: %v", database, reply.Error)
	}
	for _, r := range reply.Result {
		if r.Error != "" {
			return fmt.Errorf("transaction on %s: %s: %s", database, r.Error, r.Details)
		}
	}
	return nil
}

// TransactLocal performs operations on the chassis' Open vSwitch database; each is
// a JSON object as Go has them.
func (ch *Chassis) TransactLocal(operations ...any) {
	ch.t.Helper()
	if err := transact(ch.conf.socket(), "Open_vSwitch", operations...); err != nil {
		ch.t.Fatalf("chassis %s: %v", ch.Name, err)
	}
}

// TransactNB performs operations on the northbound database.
func (c *Cluster) TransactNB(operations ...any) {
	c.t.Helper()
	if err := transact(c.nb.socket(), "OVN_Northbound", operations...); err != nil {
		c.t.Fatalf("%v", err)
	}
}
