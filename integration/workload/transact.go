package workload

import (
	"encoding/json"
	"fmt"
	"net"
)

// txn is a transaction that inserts rows which refer to each other by name. It is
// written to the server's socket at once: ovn-nbctl takes minutes where this
// takes seconds.
type txn struct {
	database string
	ops      []any
	names    int
}

func newTxn(database string) *txn { return &txn{database: database} }

// ref refers to a row inserted in the same transaction.
type ref string

// row is columns of a row. Values: string, int, bool, ref, []string and []ref
// for sets, map[string]string for maps.
type row map[string]any

func (x *txn) insert(table string, r row) ref {
	x.names++
	name := ref(fmt.Sprintf("row%d", x.names))
	x.ops = append(x.ops, map[string]any{"op": "insert", "table": table, "row": r.encode(), "uuid-name": string(name)})
	return name
}

// update updates a row by UUID.
func (x *txn) update(table, uuid string, r row) {
	x.ops = append(x.ops, map[string]any{"op": "update", "table": table,
		"where": []any{[]any{"_uuid", "==", []string{"uuid", uuid}}}, "row": r.encode()})
}

func (r row) encode() map[string]any {
	out := make(map[string]any, len(r))
	for column, v := range r {
		out[column] = encode(v)
	}
	return out
}

// uuid refers to a row that exists.
type uuid string

func encode(v any) any {
	switch v := v.(type) {
	case ref:
		return []string{"named-uuid", string(v)}
	case uuid:
		return []string{"uuid", string(v)}
	case []ref:
		set := make([]any, len(v))
		for i := range v {
			set[i] = encode(v[i])
		}
		return []any{"set", set}
	case []string:
		return []any{"set", v}
	case map[string]string:
		pairs := make([][]string, 0, len(v))
		for key, value := range v {
			pairs = append(pairs, []string{key, value})
		}
		return []any{"map", pairs}
	default:
		return v
	}
}

// commit sends the transaction to the server at a unix socket.
func (x *txn) commit(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	params := append([]any{x.database}, x.ops...)
	request := map[string]any{"id": 1, "method": "transact", "params": params}
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return fmt.Errorf("transaction on %s: %w", x.database, err)
	}
	in := json.NewDecoder(conn)
	for {
		var reply struct {
			Method string
			ID     any
			Params []any
			Error  any
			Result []struct {
				Error   string
				Details string
			}
		}
		if err := in.Decode(&reply); err != nil {
			return fmt.Errorf("transaction on %s: %w", x.database, err)
		}
		if reply.Method == "echo" {
			echo := map[string]any{"id": reply.ID, "result": reply.Params, "error": nil}
			if err := json.NewEncoder(conn).Encode(echo); err != nil {
				return err
			}
			continue
		}
		if reply.Error != nil {
			return fmt.Errorf("transaction on %s: %v", x.database, reply.Error)
		}
		for i, r := range reply.Result {
			if r.Error != "" {
				var op any
				if i < len(x.ops) {
					op = x.ops[i]
				}
				return fmt.Errorf("transaction on %s: %s: %s: %v", x.database, r.Error, r.Details, op)
			}
		}
		return nil
	}
}
