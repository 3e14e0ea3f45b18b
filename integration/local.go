package integration

import "encoding/json"

// TransactLocal performs operations (RFC 7047, section 5.2) on the chassis' Open
// vSwitch database; each is a JSON object as Go has them.
func (ch *Chassis) TransactLocal(operations ...any) {
	ch.t.Helper()
	text, err := json.Marshal(append([]any{"Open_vSwitch"}, operations...))
	if err != nil {
		ch.t.Fatalf("chassis %s: transaction: %v", ch.Name, err)
	}
	reply := ch.run("ovsdb-client", "transact", ch.conf.remote(), string(text))
	var results []struct{ Error, Details string }
	if err := json.Unmarshal([]byte(reply), &results); err != nil {
		ch.t.Fatalf("chassis %s: transaction: %v: %s", ch.Name, err, reply)
	}
	for _, r := range results {
		if r.Error != "" {
			ch.t.Fatalf("chassis %s: transaction %s: %s: %s", ch.Name, text, r.Error, r.Details)
		}
	}
}
