package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// AgentKind says which agent runs on a chassis.
type AgentKind int

const (
	// Default is Ours unless the environment variable OVN_AGENT is "c", which
	// stands for Reference. Any other value of it is the path of the binary to
	// use as ours.
	Default AgentKind = iota
	// Ours is the agent of this repository.
	Ours
	// Reference is the ovn-controller of the cluster's stack.
	Reference
)

func (k AgentKind) resolve() AgentKind {
	if k != Default {
		return k
	}
	if os.Getenv("OVN_AGENT") == "c" {
		return Reference
	}
	return Ours
}

func (k AgentKind) String() string {
	if k.resolve() == Reference {
		return "reference"
	}
	return "ours"
}

// Agent is a running agent.
type Agent struct {
	*Process
	Kind AgentKind
	ch   *Chassis
	ctl  string
}

// StartAgent starts the cluster's kind of agent.
func (ch *Chassis) StartAgent(extra ...string) *Agent {
	ch.t.Helper()
	return ch.StartAgentOf(ch.c.opt.Agent, extra...)
}

// StartAgentOf starts an agent with the command line that ovn-ctl uses for a
// process in the foreground, and extra arguments.
func (ch *Chassis) StartAgentOf(kind AgentKind, extra ...string) *Agent {
	ch.t.Helper()
	return ch.runAgent(kind.resolve(), ch.agentCommand(kind.resolve(), extra))
}

// StartAgentAt starts the agent of ours whose binary is at path.
func (ch *Chassis) StartAgentAt(path string, extra ...string) *Agent {
	ch.t.Helper()
	cmd := ch.agentCommand(Ours, extra)
	cmd.stack, cmd.path = nil, path
	return ch.runAgent(Ours, cmd)
}

// AgentFails starts an agent that cannot work and returns what it said before it
// ended.
func (ch *Chassis) AgentFails(extra ...string) string {
	ch.t.Helper()
	cmd := ch.agentCommand(ch.c.opt.Agent.resolve(), extra)
	cmd.limit = 20 * time.Second
	out, err := ch.ns.output(cmd)
	if err == nil {
		ch.t.Errorf("agent of %s ended without an error", ch.Name)
		return out
	}
	return out + err.Error()
}

func (ch *Chassis) agentCommand(kind AgentKind, extra []string) command {
	ch.t.Helper()
	cmd := command{env: append(runEnv(ch.dir), ch.agentEnv...), args: append([]string{ch.localDatabase(), "--no-chdir",
		"--pidfile=" + filepath.Join(ch.dir, "ovn-controller.pid"),
		"-vconsole:info", "-vsyslog:off"}, extra...)}
	if kind == Reference {
		cmd.stack, cmd.path = ch.c.opt.Reference, "ovn-controller"
	} else if cmd.path = os.Getenv("OVN_AGENT"); cmd.path == "" || cmd.path == "c" {
		cmd.path = Build(ch.t, "ovn-controller")
	}
	return cmd
}

func (ch *Chassis) runAgent(kind AgentKind, cmd command) *Agent {
	ch.t.Helper()
	a := &Agent{Kind: kind, ch: ch}
	a.Process = ch.ns.start(ch.t, "agent of "+ch.Name, filepath.Join(ch.dir, "ovn-controller.log"), cmd)
	ch.Agent = a
	a.ctl = filepath.Join(ch.dir, fmt.Sprintf("ovn-controller.%d.ctl", a.Pid()))
	waitSocket(ch.t, a.Process, a.ctl)
	ch.t.Cleanup(func() {
		if ch.t.Failed() && ch.Agent == a {
			ch.t.Logf("agent of %s: %s", ch.Name, a.Tail(40))
		}
	})
	return a
}

// Ctl runs a command on the agent's control socket.
func (a *Agent) Ctl(args ...string) (string, error) {
	return a.ch.Output("ovs-appctl", append([]string{"-t", a.ctl}, args...)...)
}

// ControlSocket is the path of the agent's control socket.
func (a *Agent) ControlSocket() string { return a.ctl }

// Exit asks for a clean exit, after which nothing of the chassis is left in the
// southbound database; with restart set the agent leaves everything as it is.
func (a *Agent) Exit(restart bool) {
	a.ch.t.Helper()
	args := []string{"exit"}
	if restart {
		args = append(args, "--restart")
	}
	a.expected.Store(true)
	if out, err := a.Ctl(args...); err != nil {
		a.ch.t.Fatalf("%v %s", err, out)
	}
	if err := a.waitEnd(); err != nil {
		a.ch.t.Fatalf("%v", err)
	}
}

// Usage is what a process used so far.
type Usage struct {
	CPU     time.Duration // user and system
	PeakRSS int64         // bytes
}

// Usage reads the running process' figures.
func (p *Process) Usage() (Usage, error) {
	var u Usage
	var err error
	if u.CPU, err = p.CPU(); err != nil {
		return u, err
	}
	u.PeakRSS, err = p.status("VmHWM")
	return u, err
}

// status is a figure of /proc/PID/status in bytes.
func (p *Process) status(name string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			var kB int64
			if _, err := fmt.Sscan(v, &kB); err != nil {
				return 0, fmt.Errorf("%s: %s: %w", p.Name, name, err)
			}
			return kB * 1024, nil
		}
	}
	return 0, fmt.Errorf("%s: no %s", p.Name, name)
}

var (
	buildMu sync.Mutex
	built   = map[string]string{}
)

// Build compiles a command of this repository and returns the path of its static
// binary. It is compiled once in a process, from the present source: a stale
// bin/ cannot deceive a test.
func Build(t T, name string) string {
	t.Helper()
	return build(t, name, name)
}

// BuildOther is Build with other flags of the compiler: the same source, another
// binary, as an upgrade brings.
func BuildOther(t T, name string) string {
	t.Helper()
	return build(t, name, name+"-other", "-ldflags=-s -w", "-buildvcs=false")
}

func build(t T, name, as string, more ...string) string {
	t.Helper()
	buildMu.Lock()
	defer buildMu.Unlock()
	if path := built[as]; path != "" {
		return path
	}
	root, err := ModuleRoot()
	if err != nil {
		t.Fatalf("%v", err)
	}
	// Beside the run directories, not inside: those go with their tests.
	dir, err := processDir()
	if err != nil {
		t.Fatalf("%v", err)
	}
	noteSources(root)
	path := filepath.Join(dir, "bin", as)
	args := append(append(append([]string{"build"}, buildArgs...), more...), "-o", path, "./cmd/"+name)
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), buildEnv)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	built[as] = path
	return path
}

// noteSources looks at the sources of what is built, so that go test, which keeps
// account of the files a test looks at, does not take the result of an older
// agent from its cache.
func noteSources(root string) {
	_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "integration"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			_, _ = os.Stat(path) // for its being noted only
		}
		return nil
	})
}

// ModuleRoot is the directory of go.mod, looked for from the working directory
// up.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("no go.mod in %s or above: run inside the repository", dir)
		}
	}
}
