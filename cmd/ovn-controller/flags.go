package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ovn-chassis/ovn-chassis/controller/daemon"
)

const program = "ovn-controller"

// optionalArg marks options whose argument was left out.
const optionalArg = "\x00"

// options are the command line. ovn-controller(8), "Options".
type options struct {
	chassis string
	unixctl string

	verbose      []string // "" for a bare -v
	logFile      string   // "" for none
	syslogMethod string
	syslogTarget string

	daemon daemon.Options
	tls    tlsOptions

	help, version bool
	dumpGraph     bool
	dummyVIFPlug  bool
	metrics       string // address to offer metrics on, "" for none

	ovsDatabase string
}

type tlsOptions struct {
	privateKey, certificate, caCert, peerCACert, bootstrapCACert string
	protocols, ciphers, cipherSuites, serverName                 string
}

// specs collects every -v in order.
type specs struct{ list *[]string }

func (s specs) String() string { return "" }
func (s specs) Type() string   { return "SPEC" }
func (s specs) Set(v string) error {
	if v == optionalArg {
		v = ""
	}
	*s.list = append(*s.list, v)
	return nil
}

func newFlagSet(o *options, dirs daemon.Dirs) (*pflag.FlagSet, func()) {
	fs := pflag.NewFlagSet(program, pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.SortFlags = false
	fs.Usage = func() {}

	var pidfile, logFile, graph string
	optional := func(name string) { fs.Lookup(name).NoOptDefVal = optionalArg }

	fs.BoolVarP(&o.help, "help", "h", false, "")
	fs.BoolVarP(&o.version, "version", "V", false, "")
	fs.StringVarP(&o.unixctl, "unixctl", "u", "", "")
	fs.StringVarP(&o.chassis, "chassis", "n", "", "")

	fs.VarP(specs{&o.verbose}, "verbose", "v", "")
	optional("verbose")
	fs.StringVar(&logFile, "log-file", "", "")
	optional("log-file")
	fs.StringVar(&o.syslogMethod, "syslog-method", "", "")
	fs.StringVar(&o.syslogTarget, "syslog-target", "", "")

	fs.BoolVar(&o.daemon.Detach, "detach", false, "")
	fs.BoolVar(&o.daemon.NoChdir, "no-chdir", false, "")
	fs.StringVar(&pidfile, "pidfile", "", "")
	optional("pidfile")
	fs.BoolVar(&o.daemon.OverwritePidfile, "overwrite-pidfile", false, "")
	fs.BoolVar(&o.daemon.Monitor, "monitor", false, "")
	fs.StringVar(&o.daemon.User, "user", "", "")
	// Confinement was about SELinux-like limits on file names that this program
	// never had.
	fs.Bool("no-self-confinement", false, "")

	fs.StringVarP(&o.tls.privateKey, "private-key", "p", "", "")
	fs.StringVarP(&o.tls.certificate, "certificate", "c", "", "")
	fs.StringVarP(&o.tls.caCert, "ca-cert", "C", "", "")
	fs.StringVar(&o.tls.peerCACert, "peer-ca-cert", "", "")
	fs.StringVar(&o.tls.bootstrapCACert, "bootstrap-ca-cert", "", "")
	fs.StringVar(&o.tls.protocols, "ssl-protocols", "", "")
	fs.StringVar(&o.tls.ciphers, "ssl-ciphers", "", "")
	fs.StringVar(&o.tls.cipherSuites, "ssl-ciphersuites", "", "")
	fs.StringVar(&o.tls.serverName, "ssl-server-name", "", "")

	fs.BoolVar(&o.dummyVIFPlug, "enable-dummy-vif-plug", false, "")
	fs.StringVar(&o.metrics, "metrics", "", "")
	fs.StringVar(&graph, "dump-inc-proc-graph", "", "")
	optional("dump-inc-proc-graph")

	return fs, func() {
		o.daemon.Program = program
		switch pidfile {
		case "":
		case optionalArg:
			o.daemon.Pidfile = filepath.Join(dirs.Run, program+".pid")
		default:
			o.daemon.Pidfile = daemon.Abs(dirs.Run, pidfile)
		}
		switch logFile {
		case "":
		case optionalArg:
			o.logFile = filepath.Join(dirs.Log, program+".log")
		default:
			o.logFile = logFile
		}
		o.dumpGraph = graph != ""
	}
}

// parseArgs reads the command line as getopt_long(3) does for the C agent.
func parseArgs(args []string, dirs daemon.Dirs) (*options, error) {
	o := &options{}
	fs, finish := newFlagSet(o, dirs)
	args, err := normalize(fs, args)
	if err != nil {
		return nil, err
	}
	if err := fs.Parse(args); err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	finish()
	switch rest := fs.Args(); len(rest) {
	case 0:
		o.ovsDatabase = "unix:" + filepath.Join(dirs.OVSRun, "db.sock")
	case 1:
		o.ovsDatabase = rest[0]
	default:
		return nil, errors.New("exactly zero or one non-option argument required; use --help for usage")
	}
	return o, nil
}

// normalize rewrites what getopt_long understands and pflag does not: -vSPEC
// (an optional argument glued to a short option) and unambiguous prefixes of long
// options.
func normalize(fs *pflag.FlagSet, args []string) ([]string, error) {
	out := make([]string, 0, len(args))
	for i, a := range args {
		switch {
		case a == "--":
			return append(out, args[i:]...), nil
		case strings.HasPrefix(a, "-v"):
			if len(a) > 2 {
				a = "--verbose=" + a[2:]
			}
		case strings.HasPrefix(a, "--"):
			name, value, hasValue := strings.Cut(a[2:], "=")
			if fs.Lookup(name) != nil {
				break
			}
			var matches []string
			fs.VisitAll(func(f *pflag.Flag) {
				if strings.HasPrefix(f.Name, name) {
					matches = append(matches, f.Name)
				}
			})
			if len(matches) > 1 {
				return nil, fmt.Errorf("%s: option '--%s' is ambiguous", program, name)
			}
			if len(matches) == 1 {
				a = "--" + matches[0]
				if hasValue {
					a += "=" + value
				}
			}
		}
		out = append(out, a)
	}
	return out, nil
}
