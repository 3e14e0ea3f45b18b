// Package topology has logical networks as text, and what may come and go in them:
// what our agent is taken through when it is compared with the reference, and when
// it is troubled.
package topology

import (
	"embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// Topology is one logical network and one chassis' place in it. It is read from a
// file of sections; lines that begin with # are comments:
//
//	[since N]      the first OVN release, 25 for 25.03, that can be compared with
//	[base NAME]    begins with the sections of base/NAME.txt, beside this file
//	[northbound]   ovn-nbctl commands, one transaction
//	[ports]        LPORT OFPORT [COLUMN=VALUE...]: interfaces on the local br-int
//	[remote NAME ENCAP-IP [TYPE,...]]   another chassis; logical ports bound
//	               there, one a line
//	[chassis]      ovs-vsctl commands on the local switch, before the agent starts
//	[southbound]   ovn-sbctl commands, when northd has translated the rest
//	[logical-flows]  MATCH [=> ACTIONS], one a line: each becomes a logical flow
//	               of its own, with "next;" unless it says otherwise
//	[change NAME]  what changes while our agent runs, in the order of the file:
//	               ovn-nbctl commands, one transaction; lines that begin with
//	               "vsctl", "sbctl", "plug LPORT OFPORT [COLUMN=VALUE...]" or
//	               "unplug LPORT" are for the local switch and the southbound
//	               database; "bind LPORT CHASSIS" binds elsewhere, "sbctl-where
//	               TABLE CONDITION COLUMN=VALUE..." sets southbound columns,
//	               "sbctl-encap LPORT IP" what a binding's tunnel address is;
//	               "at CHASSIS LINE" is for that chassis instead of the local one
type Topology struct {
	Name       string
	Northbound string
	Ports      []Port
	Remotes    []Remote
	Chassis    string
	Southbound string
	Changes    []Change
	Since      int
	// LogicalFlows are lines MATCH [=> ACTIONS].
	LogicalFlows []string

	// Local is the name of the chassis both agents take in turn.
	Local string
	// Snapshot is the path of a southbound database that was made before, instead
	// of Northbound and Remotes.
	Snapshot string
	// Stack is the release of everything but our agent; nil for OVN 26.03.
	Stack func(integration.T) *integration.Stack
	// Newest has the reference agent of OVN 26.03 on the contents of Stack.
	Newest bool
	// OpenFlow14 limits br-int to OpenFlow 1.4 while the agent runs.
	OpenFlow14 bool
}

// Alive tells whether an agent can live through the topology. Logical flows of its
// own, which northd would remove, and a database made before are looked at once.
func (topo *Topology) Alive() bool { return len(topo.LogicalFlows) == 0 && topo.Snapshot == "" }

// northboundScript is Northbound in the words of OVN 23.03, which has no commands
// for ports of routers and networks.
func (topo *Topology) northboundScript() string {
	s := routerPort.ReplaceAllString(topo.Northbound,
		"lsp-add $1 $2\nlsp-set-type $2 router\nlsp-set-addresses $2 router\nlsp-set-options $2 router-port=$3")
	return localnetPort.ReplaceAllString(s,
		"lsp-add $1 $2\nlsp-set-type $2 localnet\nlsp-set-addresses $2 unknown\nlsp-set-options $2 network_name=$3")
}

var (
	routerPort   = regexp.MustCompile(`(?m)^lsp-add-router-port (\S+) (\S+) (\S+)$`)
	localnetPort = regexp.MustCompile(`(?m)^lsp-add-localnet-port (\S+) (\S+) (\S+)$`)
)

// Options are those of a cluster for this topology.
func (topo *Topology) Options(t integration.T) integration.Options {
	opt := integration.Options{Dummy: true}
	if topo.Stack != nil {
		opt.Stack = topo.Stack(t)
	}
	if topo.Newest {
		opt.Switch, opt.Reference = integration.Sid(t), integration.Sid(t)
	}
	return opt
}

// Port is an interface on the local br-int.
type Port struct {
	LPort   string
	OFPort  int
	Columns []string // of the Interface row, as ovs-vsctl set takes them
}

// parsePort reads LPORT OFPORT [COLUMN=VALUE...].
func parsePort(line string) (Port, error) {
	words := strings.Fields(line)
	if len(words) < 2 {
		return Port{}, fmt.Errorf("%q: want LPORT OFPORT", line)
	}
	ofport, err := strconv.Atoi(words[1])
	if err != nil {
		return Port{}, fmt.Errorf("%q: want LPORT OFPORT: %w", line, err)
	}
	return Port{LPort: words[0], OFPort: ofport, Columns: words[2:]}, nil
}

// Remote is a chassis that exists in the southbound database only.
type Remote struct {
	Name  string
	Encap string
	Types string // of encapsulation, separated by commas
	Ports []string
}

//go:embed base/*.txt
var bases embed.FS

// Parse adds the sections of text.
func (topo *Topology) Parse(text string) error {
	section := ""
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			words := strings.Fields(line[1 : len(line)-1])
			section = words[0]
			switch {
			case section == "since" && len(words) == 2:
				since, err := strconv.Atoi(words[1])
				if err != nil {
					return fmt.Errorf("line %d: want [since N]: %w", n+1, err)
				}
				topo.Since = since
			case section == "base" && len(words) == 2:
				base, err := bases.ReadFile("base/" + words[1] + ".txt")
				if err != nil {
					return fmt.Errorf("line %d: %w", n+1, err)
				}
				if err := topo.Parse(string(base)); err != nil {
					return fmt.Errorf("base %s: %w", words[1], err)
				}
			case section == "remote" && (len(words) == 3 || len(words) == 4):
				topo.Remotes = append(topo.Remotes, Remote{Name: words[1], Encap: words[2], Types: append(words[3:], "geneve")[0]})
			case section == "change" && len(words) == 2:
				topo.Changes = append(topo.Changes, Change{Name: words[1]})
			case section == "since" || section == "base" || section == "remote" || section == "change":
				return fmt.Errorf("line %d: want [since N], [base NAME], [remote NAME ENCAP-IP [TYPE]] or [change NAME]", n+1)
			}
			continue
		}
		switch section {
		case "northbound":
			topo.Northbound += line + "\n"
		case "southbound":
			topo.Southbound += line + "\n"
		case "chassis":
			topo.Chassis += line + "\n"
		case "change":
			ch := &topo.Changes[len(topo.Changes)-1]
			ch.Lines = append(ch.Lines, line)
		case "logical-flows":
			topo.LogicalFlows = append(topo.LogicalFlows, line)
		case "remote":
			r := &topo.Remotes[len(topo.Remotes)-1]
			r.Ports = append(r.Ports, line)
		case "ports":
			port, err := parsePort(line)
			if err != nil {
				return fmt.Errorf("line %d: %w", n+1, err)
			}
			topo.Ports = append(topo.Ports, port)
		default:
			return fmt.Errorf("line %d: not in a known section (%q)", n+1, section)
		}
	}
	return nil
}
