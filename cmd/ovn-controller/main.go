// Command ovn-controller is the agent that runs on every OVN hypervisor and
// gateway, a drop-in replacement for the C ovn-controller(8): the same command
// line, control socket, log lines and configuration.
//
//	flags ──► log, directories ──► daemon (parent waits) ──► control socket
//	      ──► loop.Run ──► exit or a signal ──► socket and pid file removed
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/coverage"
	"github.com/ovn-chassis/ovn-chassis/controller/daemon"
	"github.com/ovn-chassis/ovn-chassis/controller/loop"
	"github.com/ovn-chassis/ovn-chassis/controller/metrics"
	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
	"github.com/ovn-chassis/ovn-chassis/controller/vlog"
)

func main() {
	garbage := limitGarbage()
	dirs := daemon.DirsFromEnv()
	opts, err := parseArgs(os.Args[1:], dirs)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	switch {
	case opts.help:
		fmt.Print(usageText(dirs))
		return
	case opts.version:
		fmt.Print(fullVersionText())
		return
	case opts.dumpGraph:
		fmt.Print(graphText)
		return
	}
	hub := vlog.New(program)
	if err := run(opts, dirs, hub, garbage); err != nil {
		hub.Logger("main").Log(context.Background(), vlog.SlogEmer, err.Error())
		// As ovs_fatal() would, for whoever watches standard error with logging off.
		fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
		os.Exit(1)
	}
}

func setUpLog(opts *options, hub *vlog.Hub) error {
	for _, s := range opts.verbose {
		if err := hub.SetVerbosity(s); err != nil {
			return err
		}
	}
	if opts.syslogMethod != "" {
		if err := hub.SetSyslogMethod(opts.syslogMethod); err != nil {
			return err
		}
	}
	if opts.syslogTarget != "" {
		if err := hub.SetSyslogTarget(opts.syslogTarget); err != nil {
			return err
		}
	}
	if opts.logFile == "" {
		return nil
	}
	name, err := filepath.Abs(opts.logFile)
	if err != nil {
		return fmt.Errorf("log file %s: %w", opts.logFile, err)
	}
	// A daemon's standard error is /dev/null: a crash must leave its trace in the log.
	hub.FileOpened = func(f *os.File) { _ = debug.SetCrashOutput(f, debug.CrashOptions{}) }
	// A log file that cannot be opened has been complained about and is no reason
	// not to run.
	_ = hub.SetLogFile(name)
	return nil
}

func run(opts *options, dirs daemon.Dirs, hub *vlog.Hub, garbage *garbage) error {
	if err := setUpLog(opts, hub); err != nil {
		return err
	}
	log := hub.Logger("main")
	slog.SetDefault(log)
	fileID, err := config.ReadIdentityFile(dirs.SysConf)
	if err != nil {
		return err
	}

	opts.daemon.ChownLog = hub.ChownLogFile
	opts.daemon.MonitorWait = func(waiting bool) {
		if waiting {
			hub.CloseLogFile()
		} else if err := hub.Reopen(); err != nil && !errors.Is(err, vlog.ErrNoLogFile) {
			log.Warn(err.Error())
		}
	}
	d, err := daemon.Start(opts.daemon, hub.Logger("daemon"))
	if err != nil {
		return err
	}
	defer d.Close()
	signals := make(chan os.Signal, 4)
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGALRM} {
		if !signal.Ignored(sig) { // nohup(1)
			signal.Notify(signals, sig)
		}
	}
	signal.Ignore(syscall.SIGPIPE)

	stats := coverage.NewRegistry()
	stats.Gauge("heap-kB", func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc / 1024
	})
	server := unixctl.New(hub.Logger("unixctl"), versionText())
	hub.RegisterCommands(server)
	stats.RegisterCommands(server)
	l := loop.New(loop.Options{
		Workers:     reserveThreads(),
		OVSDatabase: opts.ovsDatabase,
		OVSRunDir:   dirs.OVSRun,
		Identity:    config.Identity{CLI: opts.chassis, File: fileID},
		TLS: loop.TLSOptions{
			PrivateKey: opts.tls.privateKey, Certificate: opts.tls.certificate, CACert: opts.tls.caCert,
			PeerCACert: opts.tls.peerCACert, BootstrapCACert: opts.tls.bootstrapCACert,
			Protocols: opts.tls.protocols, Ciphers: opts.tls.ciphers, CipherSuites: opts.tls.cipherSuites,
			ServerName: opts.tls.serverName,
		},
		Logger:       hub.Logger,
		Stats:        stats,
		SnapshotFile: snapshotPath(opts, dirs),
		ReturnMemory: debug.FreeOSMemory,
		AtRest:       garbage.atRest,
	})
	l.RegisterCommands(server)
	if path := controlPath(opts, dirs); path != "" {
		if err := server.Listen(path); err != nil {
			return err
		}
		defer server.Close()
	}
	if err := d.Ready(); err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go sample(ctx, stats)
	if opts.metrics != "" {
		go metrics.Serve(ctx, opts.metrics, l.WriteMetrics, hub.Logger("metrics"))
	}
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case sig := <-signals:
		log.Warn(fmt.Sprintf("terminating with signal %d (%v)", sig, sig))
		cancel()
		select {
		case <-ended:
		case <-signals:
		case <-time.After(5 * time.Second):
		}
		server.Close()
		d.Close()
		dieBy(sig.(syscall.Signal))
		return nil
	}
}

// dieBy ends the process by the signal itself, so that whoever waits for it sees
// the true cause.
func dieBy(sig syscall.Signal) {
	signal.Reset(sig)
	_ = syscall.Kill(os.Getpid(), sig)
	time.Sleep(time.Second)
}

// controlPath is where the control socket goes, "" for --unixctl=none.
func controlPath(opts *options, dirs daemon.Dirs) string {
	switch opts.unixctl {
	case "":
		return filepath.Join(dirs.Run, program+"."+strconv.Itoa(os.Getpid())+".ctl")
	case "none":
		return ""
	default:
		return daemon.Abs(dirs.Run, opts.unixctl)
	}
}

// snapshotPath is where the southbound contents are kept for the next start: beside
// the pid file, which is private to the host's OVN and need not survive its reboot.
// Agents with a name of their own share the directory with others.
func snapshotPath(opts *options, dirs daemon.Dirs) string {
	name := program
	if opts.chassis != "" {
		name += "-" + url.PathEscape(opts.chassis)
	}
	return filepath.Join(dirs.Run, name+".snapshot")
}

func sample(ctx context.Context, stats *coverage.Registry) {
	t := time.NewTicker(coverage.SamplePeriod)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			stats.Sample()
		case <-ctx.Done():
			return
		}
	}
}
