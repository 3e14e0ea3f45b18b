package unixctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Call runs one command on a daemon's control socket and returns the text of its
// reply. An error reply is an error of that text.
func Call(ctx context.Context, path, command string, args ...string) (string, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return "", fmt.Errorf("control socket: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if args == nil {
		args = []string{}
	}
	request := map[string]any{"method": command, "params": args, "id": 0}
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	var reply struct {
		Result *string `json:"result"`
		Error  *string `json:"error"`
	}
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return "", fmt.Errorf("%s: reply: %w", command, err)
	}
	switch {
	case reply.Error != nil:
		return "", fmt.Errorf("%s: %s", command, strings.TrimSpace(*reply.Error))
	case reply.Result == nil:
		return "", fmt.Errorf("%s: reply without a result", command)
	}
	return *reply.Result, nil
}

// FindSocket is the control socket of the running program, by its pid file in the
// run directory, as ovs-appctl(8) finds it.
func FindSocket(runDir, program string) (string, error) {
	pidfile := filepath.Join(runDir, program+".pid")
	text, err := os.ReadFile(pidfile)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%s does not run: there is no %s", program, pidfile)
	}
	if err != nil {
		return "", err
	}
	pid := strings.TrimSpace(string(text))
	return filepath.Join(runDir, program+"."+pid+".ctl"), nil
}
