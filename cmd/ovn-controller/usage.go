package main

import (
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/controller/daemon"
	"github.com/ovn-chassis/ovn-chassis/controller/loop"
)

func usageText(dirs daemon.Dirs) string {
	return fmt.Sprintf(`%[1]s: OVN controller
usage %[1]s [OPTIONS] [OVS-DATABASE]
where OVS-DATABASE is a socket on which the OVS OVSDB server is listening.

Active OVS-DATABASE connection methods:
  tcp:HOST:PORT           PORT at remote HOST
  ssl:HOST:PORT           SSL/TLS PORT at remote HOST
  unix:FILE               Unix domain socket named FILE
PKI configuration (required to use SSL/TLS):
  -p, --private-key=FILE  file with private key
  -c, --certificate=FILE  file with certificate for private key
  -C, --ca-cert=FILE      file with peer CA certificate
  --bootstrap-ca-cert=FILE  file with peer CA certificate to read or create
SSL/TLS options:
  --ssl-protocols=PROTOS    range of SSL/TLS protocols to enable
  --ssl-ciphers=CIPHERS     list of SSL/TLS ciphers to enable
                            with TLSv1.2
  --ssl-ciphersuites=SUITES list of SSL/TLS ciphersuites to
                            enable with TLSv1.3 and later
  --ssl-server-name=NAME    server name for TLS Server Name
                            Indication (SNI)

Daemon options:
  --detach                run in background as daemon
  --monitor               creates a process to monitor this daemon
  --user=username[:group] changes the effective daemon user:group
  --no-chdir              do not chdir to '/'
  --pidfile[=FILE]        create pidfile (default: %[2]s/%[1]s.pid)
  --overwrite-pidfile     with --pidfile, start even if already running

Logging options:
  -vSPEC, --verbose=SPEC   set logging levels
  -v, --verbose            set maximum verbosity level
  --log-file[=FILE]        enable logging to specified FILE
                           (default: %[3]s/%[1]s.log)
  --syslog-method=(libc|unix:file|udp:ip:port)
                           specify how to send messages to syslog daemon
  --syslog-target=HOST:PORT  also send syslog msgs to HOST:PORT via UDP

Other options:
  -u, --unixctl=SOCKET    set control socket name
  -n                      custom chassis name
  --metrics=HOST:PORT     offer Prometheus metrics on http://HOST:PORT/metrics
  -h, --help              display this help message
  -V, --version           display version information
`, program, dirs.Run, dirs.Log)
}

// release is this program's own version; the linker may set it.
var release = "0.1.0"

// versionText starts like the C agent's, whose second word scripts compare, then
// names this program.
func versionText() string {
	return fmt.Sprintf("%s %s\novn-chassis %s\n", program, loop.CompatibleVersion, release)
}

func fullVersionText() string {
	return versionText() + "OpenFlow versions 0x6:0x6\nSB DB Schema " + loop.CompatibleSchema + "\n"
}

// graphText is what --dump-inc-proc-graph prints: how data flows through one
// round of the loop.
const graphText = `digraph "ovn-controller" {
	rankdir=LR;
	OVS [shape=box]; SB [shape=box]; "br-int" [shape=box];
	OVS -> config; config -> bridge; config -> chassis; config -> encaps;
	OVS -> bridge; bridge -> OVS;
	SB -> chassis; chassis -> SB;
	SB -> encaps; encaps -> OVS;
	OVS -> hachassis; SB -> hachassis;
	hachassis -> binding; OVS -> binding; SB -> binding; binding -> SB;
	binding -> ctzone; ctzone -> OVS; ctzone -> "br-int";
	binding -> patch; patch -> OVS;
	binding -> conditions; conditions -> SB;
	binding -> translation; ctzone -> translation; encaps -> translation; SB -> translation;
	translation -> ofbundle; ofbundle -> "br-int";
	ofbundle -> ifstatus; ifstatus -> SB; ifstatus -> OVS;
	ofbundle -> nbcfg; nbcfg -> SB; nbcfg -> OVS;
}
`
