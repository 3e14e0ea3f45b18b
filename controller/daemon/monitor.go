package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// restartInterval is the least time between two restarts of a crashed worker.
const restartInterval = 10 * time.Second

// goCrashStatus is the exit status of a Go program that panicked without
// GOTRACEBACK=crash.
const goCrashStatus = 2

// crashSignals are those that ovn-controller(8) gives under --monitor.
var crashSignals = map[syscall.Signal]bool{
	syscall.SIGABRT: true, syscall.SIGALRM: true, syscall.SIGBUS: true, syscall.SIGFPE: true,
	syscall.SIGILL: true, syscall.SIGPIPE: true, syscall.SIGSEGV: true, syscall.SIGXCPU: true, syscall.SIGXFSZ: true,
}

func crashed(ws syscall.WaitStatus) bool {
	if ws.Signaled() {
		return crashSignals[ws.Signal()]
	}
	return ws.Exited() && ws.ExitStatus() == goCrashStatus
}

func statusText(ws syscall.WaitStatus) string {
	switch {
	case ws.Exited():
		return fmt.Sprintf("exit status %d", ws.ExitStatus())
	case ws.Signaled():
		core := ""
		if ws.CoreDump() {
			core = ", core dumped"
		}
		return fmt.Sprintf("killed (%v)%s", ws.Signal(), core)
	default:
		return fmt.Sprintf("terminated abnormally (%x)", uint32(ws))
	}
}

// monitor runs workers until one ends in a way that is no crash and returns the
// exit status of the monitoring process. A first worker that never became ready
// is not tried again.
func monitor(opts Options, ready *os.File, log *slog.Logger) int {
	log = log.With("module", "daemon", "thread", "monitor")
	// A terminal's SIGINT reaches the worker too, which then decides.
	signal.Ignore(syscall.SIGPIPE)
	cmd, err := spawnAndWait(stageWorker, false)
	if err != nil {
		log.Error(err.Error())
		return 1
	}
	if ready != nil {
		_, _ = ready.Write([]byte{0})
		_ = ready.Close()
		if opts.Detach {
			if err := closeStandardFDs(); err != nil {
				log.Warn(err.Error())
			}
			if !opts.NoChdir {
				_ = os.Chdir("/")
			}
		}
	}
	crashes := 0
	var last time.Time
	for {
		ws := wait(opts, cmd)
		if !crashed(ws) {
			log.Info(fmt.Sprintf("pid %d died, %s, exiting", cmd.Process.Pid, statusText(ws)))
			return 0
		}
		crashes++
		msg := fmt.Sprintf("%d crashes: pid %d died, %s", crashes, cmd.Process.Pid, statusText(ws))
		for started := false; !started; {
			if rest := restartInterval - time.Since(last); !last.IsZero() && rest > 0 {
				log.Warn(msg + ", waiting until 10 seconds since last restart")
				time.Sleep(rest)
			}
			last = time.Now()
			log.Error(msg + ", restarting")
			next, err := spawnAndWait(stageWorker, false)
			if err != nil {
				log.Error(err.Error())
				continue
			}
			cmd, started = next, true
		}
	}
}

func wait(opts Options, cmd *exec.Cmd) syscall.WaitStatus {
	if opts.MonitorWait != nil {
		opts.MonitorWait(true)
		defer opts.MonitorWait(false)
	}
	_ = cmd.Wait()
	ws, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ws
}
