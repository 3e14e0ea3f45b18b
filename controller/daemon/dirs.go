package daemon

import (
	"os"
	"path/filepath"
)

// Dirs are the directories the daemon uses.
type Dirs struct {
	Run     string // pid file, control socket
	Log     string
	SysConf string // system-id-override is in ovn/ below it
	OVSRun  string // db.sock, <bridge>.mgmt
}

// DirsFromEnv reads OVN_RUNDIR, OVN_LOGDIR, OVN_SYSCONFDIR and OVS_RUNDIR, with
// the distributions' defaults.
func DirsFromEnv() Dirs {
	get := func(def string, names ...string) string {
		for _, n := range names {
			if v := os.Getenv(n); v != "" {
				return v
			}
		}
		return def
	}
	return Dirs{
		Run:     get("/var/run/ovn", "OVN_RUNDIR"),
		Log:     get("/var/log/ovn", "OVN_LOGDIR"),
		SysConf: get("/etc", "OVN_SYSCONFDIR"),
		OVSRun:  get("/var/run/openvswitch", "OVS_RUNDIR"),
	}
}

// Abs makes a file name given on the command line absolute: relative names are
// below dir.
func Abs(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
