// Package unixctl is the control socket of a daemon: what ovs-appctl(8) and
// ovn-appctl(8) talk to.
//
// Data flow: a client connects to <rundir>/<program>.<pid>.ctl and sends JSON-RPC
// 1.0 requests, {"method": COMMAND, "params": [ARG…], "id": N}; each connection
// has a goroutine that runs one request at a time and answers with "result" or
// "error", both strings. A handler may take as long as it likes (`exit` waits for
// the clean-up) without holding up other clients. Handlers of state that another
// goroutine owns hand themselves to it.
package unixctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
)

// Unlimited is the maximum number of arguments of a command that takes any.
const Unlimited = math.MaxInt

// maxRequest bounds a request in bytes; the largest known is a microflow.
const maxRequest = 1 << 20

// Request is one command as a client sent it.
type Request struct {
	// Context ends when the client goes away or the server closes.
	Context context.Context
	Command string
	Args    []string

	conn *conn
}

// Handler runs a command. The text or the error's text is the reply.
type Handler func(*Request) (string, error)

type command struct {
	name, usage string
	hidden      bool
	min, max    int
	run         Handler
	runJSON     func(*Request) (any, error) // reply when the client asked for JSON
}

// Server is one control socket and its commands.
type Server struct {
	log     *slog.Logger
	version string

	mu       sync.Mutex // guards commands, conns, closed
	commands map[string]*command
	conns    map[*conn]struct{}
	closed   bool

	listener *net.UnixListener
	path     string
	wg       sync.WaitGroup
}

// New returns a server that knows the commands every daemon has. Version is the
// reply to `version`.
func New(log *slog.Logger, version string) *Server {
	s := &Server{log: log, version: version, commands: map[string]*command{}, conns: map[*conn]struct{}{}}
	s.Register("list-commands", "", 0, 0, s.listCommands)
	s.commands["list-commands"].runJSON = s.listCommandsJSON
	s.Register("version", "", 0, 0, func(*Request) (string, error) { return s.version, nil })
	s.Register("set-options", "[--format text|json]", 1, 2, setOptions)
	return s
}

// Register adds or replaces a command that takes between lo and hi arguments.
func (s *Server) Register(name, usage string, lo, hi int, run Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands[name] = &command{name: name, usage: usage, min: lo, max: hi, run: run}
}

// RegisterHidden adds a command that list-commands leaves out.
func (s *Server) RegisterHidden(name string, lo, hi int, run Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands[name] = &command{name: name, hidden: true, min: lo, max: hi, run: run}
}

// Listen creates the socket, replacing one that a dead process left behind, and
// starts answering. The path is at most 107 bytes long (sun_path).
func (s *Server) Listen(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("control socket %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("control socket %s: %w", path, err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("control socket %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o770); err != nil {
		_ = l.Close()
		return fmt.Errorf("control socket %s: %w", path, err)
	}
	s.listener, s.path = l, path
	s.wg.Go(func() { s.accept(l) })
	return nil
}

// Path is the socket's file name.
func (s *Server) Path() string { return s.path }

// Close answers what is being answered, then removes the socket. Handlers still
// running have their Context ended.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.cancel()
		// Reading ends, the reply being written does not.
		if u, ok := c.nc.(*net.UnixConn); ok {
			_ = u.CloseRead()
		}
	}
	s.mu.Unlock()
	if s.listener != nil {
		_ = s.listener.Close()
	}
	s.wg.Wait()
}

func (s *Server) accept(l *net.UnixListener) {
	for {
		nc, err := l.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.log.Error(fmt.Sprintf("%s: accept failed: %v", s.path, err))
			}
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		c := &conn{server: s, nc: nc, ctx: ctx, cancel: cancel}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			cancel()
			_ = nc.Close()
			return
		}
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.wg.Go(c.serve)
	}
}

// conn is one client.
type conn struct {
	server *Server
	nc     net.Conn
	ctx    context.Context
	cancel context.CancelFunc
	json   bool // set-options --format json
}

// message is a JSON-RPC 1.0 request; replies and notifications have no place here.
type message struct {
	Method *string           `json:"method"`
	Params []json.RawMessage `json:"params"`
	ID     json.RawMessage   `json:"id"`
}

func (c *conn) serve() {
	defer func() {
		c.cancel()
		_ = c.nc.Close()
		c.server.mu.Lock()
		delete(c.server.conns, c)
		c.server.mu.Unlock()
	}()
	requests := make(chan message)
	// Reading goes on while a handler runs, to notice that the client left.
	go func() {
		defer close(requests)
		limited := &io.LimitedReader{R: c.nc, N: maxRequest}
		dec := json.NewDecoder(limited)
		for {
			var m message
			if err := dec.Decode(&m); err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
					c.server.log.Warn(fmt.Sprintf("control connection: malformed request: %v", err))
				}
				c.cancel()
				return
			}
			limited.N = maxRequest
			select {
			case requests <- m:
			case <-c.ctx.Done():
				return
			}
		}
	}()
	for m := range requests {
		if m.Method == nil || len(m.ID) == 0 || string(m.ID) == "null" {
			c.server.log.Warn("control connection: received a message that is not a request")
			return
		}
		if err := c.reply(m); err != nil {
			return
		}
	}
}

func (c *conn) reply(m message) error {
	result, err := c.run(m)
	answer := struct {
		Result any             `json:"result"`
		Error  any             `json:"error"`
		ID     json.RawMessage `json:"id"`
	}{ID: m.ID}
	if err != nil {
		answer.Error = endLine(err.Error())
		c.server.log.Debug(fmt.Sprintf("replying with error, id=%s: %q", m.ID, err))
	} else {
		answer.Result = result
		c.server.log.Debug(fmt.Sprintf("replying with success, id=%s", m.ID))
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("control connection: reply: %w", err)
	}
	_, err = c.nc.Write(b)
	return err
}

func (c *conn) run(m message) (any, error) {
	name := *m.Method
	s := c.server
	s.mu.Lock()
	cmd := s.commands[name]
	s.mu.Unlock()
	switch {
	case cmd == nil:
		return nil, fmt.Errorf("\"%s\" is not a valid command (use \"list-commands\" to see a list of valid commands)", name)
	case len(m.Params) < cmd.min:
		return nil, fmt.Errorf("\"%s\" command requires at least %d arguments", name, cmd.min)
	case len(m.Params) > cmd.max:
		return nil, fmt.Errorf("\"%s\" command takes at most %d arguments", name, cmd.max)
	}
	req := &Request{Context: c.ctx, Command: name, Args: make([]string, len(m.Params)), conn: c}
	for i, p := range m.Params {
		if len(p) == 0 || p[0] != '"' || json.Unmarshal(p, &req.Args[i]) != nil {
			return nil, fmt.Errorf("\"%s\" command has non-string argument", name)
		}
	}
	s.log.Debug(fmt.Sprintf("received request %s%q, id=%s", name, req.Args, m.ID))
	wantJSON := c.json
	if wantJSON && cmd.runJSON != nil {
		return cmd.runJSON(req)
	}
	text, err := cmd.run(req)
	if err != nil {
		return nil, err
	}
	if wantJSON {
		// What plain-text commands answer to clients that asked for JSON.
		return map[string]string{"reply-format": "plain", "reply": text}, nil
	}
	return endLine(text), nil
}

// endLine ends a reply with a newline: older clients print it as it is.
func endLine(s string) string {
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return s
}

func setOptions(req *Request) (string, error) {
	args := strings.Join(req.Args, " ")
	format, ok := strings.CutPrefix(args, "--format=")
	if !ok {
		format, ok = strings.CutPrefix(args, "--format ")
	}
	switch {
	case !ok:
		return "", fmt.Errorf("unknown option %s", args)
	case strings.EqualFold(format, "json"):
		req.conn.json = true
	case strings.EqualFold(format, "text"):
		req.conn.json = false
	default:
		return "", fmt.Errorf("option format has invalid value %s", format)
	}
	return "", nil
}

func (s *Server) visible() []*command {
	s.mu.Lock()
	defer s.mu.Unlock()
	var cmds []*command
	for _, c := range s.commands {
		if !c.hidden {
			cmds = append(cmds, c)
		}
	}
	sort.Slice(cmds, func(i, j int) bool { return cmds[i].name < cmds[j].name })
	return cmds
}

func (s *Server) listCommands(*Request) (string, error) {
	var b strings.Builder
	b.WriteString("The available commands are:\n")
	for _, c := range s.visible() {
		fmt.Fprintf(&b, "  %-23s %s\n", c.name, c.usage)
	}
	return b.String(), nil
}

func (s *Server) listCommandsJSON(*Request) (any, error) {
	m := map[string]string{}
	for _, c := range s.visible() {
		m[c.name] = c.usage
	}
	return m, nil
}
