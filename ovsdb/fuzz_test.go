package ovsdb

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzJSONRPC reads any bytes as a server's messages: it must end with an error and
// must not panic, and what it takes for a message must have been one.
func FuzzJSONRPC(f *testing.F) {
	f.Add([]byte(`{"id":1,"result":[false,"00000000-0000-0000-0000-000000000000",{"Database":{"00000000-0000-0000-0000-000000000001":{"initial":{"name":"x","index":4}}}}],"error":null}`))
	f.Add([]byte(`{"result":{"Database":{}},"id":1}{"id":null,"params":["ovn-chassis-server",{"Database":{"00000000-0000-0000-0000-000000000001":{"modify":{"leader":true}}}}],"method":"update2"}`))
	f.Add([]byte(`{"method":"update","params":["ovn-chassis-server",{"Database":{"00000000-0000-0000-0000-000000000001":{"old":{},"new":{"name":"y"}}}}]}`))
	f.Add([]byte(`{"method":"echo","id":"echo","params":[]}{"id":9,"error":{"error":"x"},"result":null}`))
	f.Add([]byte(`{"method":"update3","params":["other","00000000-0000-0000-0000-000000000000",{"T":[]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newMessageReader(bytes.NewReader(b), new(Interner), func(monitor string) rowSink {
			if monitor == monitorServer {
				return newUpdateSink(&serverModel, nil)
			}
			return nil
		}, func() (expected, bool) {
			return expected{id: "1", monitor: monitorServer, method: monitorMethod(len(b)%3 + 1)}, true
		})
		table := NewTable(&serverRowType)
		for {
			m, err := r.next()
			if err != nil {
				return
			}
			if m.size < 2 {
				t.Fatalf("a message of %d bytes", m.size)
			}
			if sink, ok := m.sink.(*updateSink[serverUpdate]); ok {
				table.Apply(sink.update.rows, false)
				if err := table.valid(); err != nil {
					t.Fatal(err)
				}
			}
			if m.err != nil && parseError(m.err) == nil {
				t.Fatal("an error that is none")
			}
			tx := NewTxn("")
			tx.Add(OpDelete, "T", UUID{})
			parseResult(tx, encodedTxn{of: []int{0}}, m)
			parseSchema(m.result)
		}
	})
}

// Members of a message may come in any order.
func TestMessageOrder(t *testing.T) {
	for _, text := range []string{
		`{"id":1,"result":[true,"00000000-0000-0000-0000-000000000007",{"Database":{"00000000-0000-0000-0000-000000000001":{"initial":{"name":"x"}}}}],"error":null}`,
		`{"error":null,"result":[true,"00000000-0000-0000-0000-000000000007",{"Database":{"00000000-0000-0000-0000-000000000001":{"initial":{"name":"x"}}}}],"id":1}`,
		`{"method":"update3","params":["ovn-chassis-server","00000000-0000-0000-0000-000000000007",{"Other":{},"Database":{"00000000-0000-0000-0000-000000000001":{"insert":{"name":"x"}}}}],"id":null}`,
		`{"params":["ovn-chassis-server","00000000-0000-0000-0000-000000000007",{"Database":{"00000000-0000-0000-0000-000000000001":{"insert":{"name":"x"}}}}],"extra":{"a":[]},"method":"update3"}`,
	} {
		r := newMessageReader(strings.NewReader(text), new(Interner),
			func(string) rowSink { return newUpdateSink(&serverModel, nil) },
			func() (expected, bool) { return expected{"1", monitorServer, monitorSince}, true })
		m, err := r.next()
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		sink, ok := m.sink.(*updateSink[serverUpdate])
		if !ok || len(sink.update.rows) != 1 || sink.update.rows[0].Row.Name != "x" || m.txn != (UUID{15: 7}) {
			t.Errorf("%s: %+v", text, m)
		}
	}
}

func TestMessageTooLarge(t *testing.T) {
	endless := strings.NewReader(`{"id":1,"result":"`)
	r := newMessageReader(&padded{head: endless}, new(Interner), nil, func() (expected, bool) { return expected{}, false })
	if _, err := r.next(); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("error %v", err)
	}
}

// padded is a reader whose last value never ends.
type padded struct{ head *strings.Reader }

func (p *padded) Read(b []byte) (int, error) {
	if p.head.Len() > 0 {
		return p.head.Read(b)
	}
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}
