package integration

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// client runs ovsdb-client against one of the servers.
type client func(args ...string) (string, error)

// snapshot writes a database as it is at one moment, ephemeral columns included, to
// a file that an ovsdb-server can serve. A backup made by ovsdb-client would leave
// out what only a running switch knows: link states, BFD sessions.
func snapshot(ask client, remote, name, file string) error {
	text, err := ask("get-schema", remote, name)
	if err != nil {
		return err
	}
	var schema map[string]any
	if err := json.Unmarshal([]byte(text), &schema); err != nil {
		return fmt.Errorf("schema of %s: %w", name, err)
	}
	var tables []string
	request := []any{name}
	for table, def := range schema["tables"].(map[string]any) {
		for _, column := range def.(map[string]any)["columns"].(map[string]any) {
			delete(column.(map[string]any), "ephemeral")
		}
		tables = append(tables, table)
	}
	slices.Sort(tables)
	for _, table := range tables {
		request = append(request, map[string]any{"op": "select", "table": table, "where": []any{}})
	}
	ops, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if text, err = ask("transact", remote, string(ops)); err != nil {
		return err
	}
	var results []struct {
		Rows []map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &results); err != nil || len(results) != len(tables) {
		return fmt.Errorf("contents of %s: %d of %d tables: %w", name, len(results), len(tables), err)
	}
	contents := map[string]any{"_comment": "copy"}
	for i, table := range tables {
		rows := map[string]any{}
		for _, row := range results[i].Rows {
			var id [2]string // ["uuid", UUID]
			if err := json.Unmarshal(row["_uuid"], &id); err != nil {
				return fmt.Errorf("row of %s: %w", table, err)
			}
			delete(row, "_uuid")
			delete(row, "_version")
			rows[id[1]] = row
		}
		if len(rows) > 0 {
			contents[table] = rows
		}
	}
	return writeLog(file, schema, contents)
}

// writeLog writes a standalone database file, ovsdb(5): records of one line of
// JSON, each after a line with its length and SHA-1.
func writeLog(file string, records ...any) error {
	var b strings.Builder
	for _, r := range records {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		text = append(text, '\n')
		sum := sha1.Sum(text)
		fmt.Fprintf(&b, "OVSDB JSON %d %s\n%s", len(text), hex.EncodeToString(sum[:]), text)
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// copies serves copies of the southbound database and of a chassis' local one, both
// as they are now.
func (ch *Chassis) copies() (remote string, stop func(), err error) {
	ch.snapshots++
	dir := filepath.Join(ch.dir, fmt.Sprintf("copy-%d", ch.snapshots))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", nil, err
	}
	sb, local := filepath.Join(dir, "sb.db"), filepath.Join(dir, "conf.db")
	// The southbound one first: what the agent then still writes to the local one,
	// it has made of an older southbound state, never of a newer.
	if err := snapshot(func(args ...string) (string, error) { return ch.c.Output("ovsdb-client", args...) },
		ch.c.sb.remote(), "OVN_Southbound", sb); err != nil {
		return "", nil, fmt.Errorf("copy of the southbound database: %w", err)
	}
	if err := snapshot(func(args ...string) (string, error) { return ch.Output("ovsdb-client", args...) },
		ch.conf.remote(), "Open_vSwitch", local); err != nil {
		return "", nil, fmt.Errorf("copy of the local database: %w", err)
	}
	sock := filepath.Join(dir, "s")
	p := ch.ns.start(ch.t, "ovsdb-server of copies", filepath.Join(dir, "server.log"), command{
		stack: ch.c.opt.Stack, path: "ovsdb-server", env: runEnv(dir), args: []string{"--remote=punix:" + sock,
			"--unixctl=" + filepath.Join(dir, "c"), "--no-chdir", "-vconsole:info", "-vsyslog:off", sb, local}})
	waitSocket(ch.t, p, sock)
	return "unix:" + sock, func() { p.Kill(); os.RemoveAll(dir) }, nil
}
