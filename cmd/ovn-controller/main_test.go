package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/daemon"
)

// asCommand makes the test binary behave as the command, which starts itself
// again to become a daemon.
const asCommand = "OVN_CONTROLLER_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// command is one invocation with directories of its own.
func command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asCommand+"=1", "OVN_RUNDIR="+dir, "OVN_LOGDIR="+dir, "OVN_SYSCONFDIR="+dir, "OVS_RUNDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func appctl(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	tool, err := exec.LookPath("ovn-appctl")
	if err != nil {
		t.Fatal("ovn-appctl is missing: apt-get install ovn-common")
	}
	cmd := exec.Command(tool, append([]string{"--timeout=10", "-t", "ovn-controller"}, args...)...)
	cmd.Env = append(os.Environ(), "OVN_RUNDIR="+dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// shortDir is a directory whose sockets' names fit into sun_path.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ovnc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func pidOf(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "ovn-controller.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// reap kills a daemon at the end of a test, whatever became of it.
func reap(t *testing.T, pid int) {
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
}

func TestParseArgs(t *testing.T) {
	dirs := daemon.Dirs{Run: "/r", Log: "/l", OVSRun: "/o"}
	for _, tc := range []struct {
		args  string
		check func(*options) bool
	}{
		{"", func(o *options) bool {
			return o.ovsDatabase == "unix:/o/db.sock" && o.logFile == "" && o.daemon.Pidfile == ""
		}},
		{"tcp:1.2.3.4:6640", func(o *options) bool { return o.ovsDatabase == "tcp:1.2.3.4:6640" }},
		{"-vconsole:off -vsyslog:err -v --verbose=file:info --verbose", func(o *options) bool {
			return reflect.DeepEqual(o.verbose, []string{"console:off", "syslog:err", "", "file:info", ""})
		}},
		{"--pidfile --log-file", func(o *options) bool {
			return o.daemon.Pidfile == "/r/ovn-controller.pid" && o.logFile == "/l/ovn-controller.log"
		}},
		{"--pidfile=x.pid --log-file=/tmp/y.log", func(o *options) bool { return o.daemon.Pidfile == "/r/x.pid" && o.logFile == "/tmp/y.log" }},
		{"-n hv1 -u /tmp/c.ctl", func(o *options) bool { return o.chassis == "hv1" && o.unixctl == "/tmp/c.ctl" }},
		{"--chassis=hv1 --unixctl=c.ctl", func(o *options) bool { return o.chassis == "hv1" && o.unixctl == "c.ctl" }},
		{"--detach --monitor --no-chdir --overwrite-pidfile --no-self-confinement --user ovn:ovn --enable-dummy-vif-plug", func(o *options) bool {
			d := o.daemon
			return d.Detach && d.Monitor && d.NoChdir && d.OverwritePidfile && d.User == "ovn:ovn" && o.dummyVIFPlug
		}},
		{"-p k -c cert -C ca --peer-ca-cert=p --bootstrap-ca-cert=b --ssl-protocols=TLSv1.2 --ssl-ciphers=HIGH --ssl-ciphersuites=S --ssl-server-name=n",
			func(o *options) bool {
				return o.tls == tlsOptions{"k", "cert", "ca", "p", "b", "TLSv1.2", "HIGH", "S", "n"}
			}},
		{"--metrics=127.0.0.1:9476", func(o *options) bool { return o.metrics == "127.0.0.1:9476" }},
		{"--det --pid --over", func(o *options) bool { return o.daemon.Detach && o.daemon.Pidfile != "" && o.daemon.OverwritePidfile }},
		{"--syslog-method=udp:1.2.3.4:514 --syslog-target=h:514", func(o *options) bool {
			return o.syslogMethod == "udp:1.2.3.4:514" && o.syslogTarget == "h:514"
		}},
		{"-hV", func(o *options) bool { return o.help && o.version }},
		{"--dump-inc-proc-graph", func(o *options) bool { return o.dumpGraph }},
		{"--dump-inc-proc-graph=flow_output", func(o *options) bool { return o.dumpGraph }},
	} {
		o, err := parseArgs(strings.Fields(tc.args), dirs)
		if err != nil || !tc.check(o) {
			t.Errorf("%q: %+v, %v", tc.args, o, err)
		}
	}
	for _, args := range []string{"a b", "--nosuch", "-x", "--ssl-c=x", "--unixctl"} {
		if o, err := parseArgs(strings.Fields(args), dirs); err == nil {
			t.Errorf("%q was accepted: %+v", args, o)
		}
	}
}

func TestTexts(t *testing.T) {
	dir := shortDir(t)
	for args, want := range map[string]string{
		"-V":                    "ovn-controller 26.03",
		"--version":             "OpenFlow versions 0x6:0x6\nSB DB Schema 21.8.0\n",
		"--help":                "usage ovn-controller [OPTIONS] [OVS-DATABASE]\n",
		"--dump-inc-proc-graph": "digraph",
	} {
		out, err := command(t, dir, args).Output()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %q, %v", args, out, err)
		}
	}
	var exit *exec.ExitError
	if out, err := command(t, dir, "--nosuch").CombinedOutput(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("unknown option: %q, %v", out, err)
	}
	if out, err := command(t, dir, "-vnonsense").CombinedOutput(); err == nil {
		t.Errorf("bad log level accepted: %q", out)
	}
}

// TestDetach: the parent returns when the socket answers, a second daemon is
// refused, exit leaves nothing behind. There is no database at all.
func TestDetach(t *testing.T) {
	dir := shortDir(t)
	if out, err := command(t, dir, "--detach", "--pidfile", "--log-file", "-vconsole:off").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pid := pidOf(t, dir)
	reap(t, pid)
	if out, err := appctl(t, dir, "version"); err != nil || !strings.HasPrefix(out, "ovn-controller ") {
		t.Fatalf("version: %q, %v", out, err)
	}
	if cwd, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd"); err != nil || cwd != "/" {
		t.Errorf("working directory %q, %v", cwd, err)
	}
	if out, err := command(t, dir, "--pidfile", "-vconsole:off").CombinedOutput(); err == nil || !strings.Contains(string(out), "already running as pid "+strconv.Itoa(pid)) {
		t.Errorf("second daemon: %v: %s", err, out)
	}
	if out, err := appctl(t, dir, "connection-status"); err != nil || out != "not connected\n" {
		t.Errorf("connection-status: %q, %v", out, err)
	}
	if out, err := appctl(t, dir, "exit"); err != nil || out != "" {
		t.Errorf("exit: %q, %v", out, err)
	}
	eventually(t, "the daemon is gone", func() bool { return syscall.Kill(pid, 0) != nil || zombie(pid) })
	for _, pattern := range []string{"*.pid", "*.ctl", "*.tmp"} {
		if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "ovn-controller.log"))
	if err != nil || !bytes.Contains(b, []byte("|vlog|INFO|opened log file "+dir+"/ovn-controller.log\n")) {
		t.Errorf("log: %s, %v", b, err)
	}
}

// zombie tells whether a process has ended but nobody has waited for it.
func zombie(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || bytes.Contains(b, []byte(") Z "))
}

// TestSignals: pid file and socket go, the process dies of the signal itself.
func TestSignals(t *testing.T) {
	// A process inherits what its parent ignores, not what it handles.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	defer signal.Stop(handled)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		dir := shortDir(t)
		cmd := command(t, dir, "--pidfile", "-vconsole:off")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the socket answers", func() bool { _, err := appctl(t, dir, "version"); return err == nil })
		_ = cmd.Process.Signal(sig)
		_ = cmd.Wait()
		ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !ws.Signaled() || ws.Signal() != sig {
			t.Errorf("%v: ended with %v", sig, cmd.ProcessState)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "ovn-controller.*")); len(left) > 0 {
			t.Errorf("%v: left behind: %v", sig, left)
		}
	}
}

// TestIgnoredSignal: started by nohup(1) it outlives its terminal.
func TestIgnoredSignal(t *testing.T) {
	dir := shortDir(t)
	cmd := command(t, dir, "--pidfile", "-vconsole:off")
	cmd.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$@"`, "sh"}, cmd.Args...)
	cmd.Path = "/bin/sh"
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	answers := func() bool { _, err := appctl(t, dir, "version"); return err == nil }
	eventually(t, "the socket answers", answers)
	_ = cmd.Process.Signal(syscall.SIGHUP)
	_ = cmd.Process.Signal(syscall.SIGHUP)
	if out, err := appctl(t, dir, "version"); err != nil {
		t.Errorf("after SIGHUP: %s, %v", out, err)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", cmd.ProcessState)
	}
}

// TestMonitor: a worker that crashes is replaced, one that is told to exit is not.
func TestMonitor(t *testing.T) {
	dir := shortDir(t)
	if out, err := command(t, dir, "--detach", "--monitor", "--pidfile", "--log-file", "-vconsole:off", "--no-chdir").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	first := pidOf(t, dir)
	reap(t, first)
	if err := syscall.Kill(first, syscall.SIGSEGV); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another worker answers", func() bool {
		_, err := appctl(t, dir, "version")
		return err == nil && pidOf(t, dir) != first
	})
	second := pidOf(t, dir)
	reap(t, second)
	if out, err := appctl(t, dir, "exit"); err != nil {
		t.Errorf("exit: %q, %v", out, err)
	}
	log := func() string { b, _ := os.ReadFile(filepath.Join(dir, "ovn-controller.log")); return string(b) }
	eventually(t, "the monitor says that it exits", func() bool { return strings.Contains(log(), "exit status 0, exiting") })
	if !strings.Contains(log(), "|daemon(monitor)|ERR|1 crashes: pid "+strconv.Itoa(first)+" died") {
		t.Errorf("log:\n%s", log())
	}
}

func TestUnixctlOption(t *testing.T) {
	dir := shortDir(t)
	cmd := command(t, dir, "--unixctl=own.ctl", "-vconsole:off")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	tool, err := exec.LookPath("ovs-appctl")
	if err != nil {
		t.Fatal("ovs-appctl is missing: apt-get install openvswitch-common")
	}
	eventually(t, "the socket answers", func() bool {
		return exec.Command(tool, "--timeout=5", "-t", filepath.Join(dir, "own.ctl"), "version").Run() == nil
	})
}
