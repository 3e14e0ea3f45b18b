package ovsdb

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

// defaultPort is where OVSDB servers listen when a remote names no port.
const defaultPort = "6640"

// remote is a place to connect to, ovsdb(7) "Active Connections".
type remote struct {
	text    string // as configured
	method  string // "unix", "tcp" or "ssl"
	address string
}

// local tells whether the remote is on this machine for certain, where probes
// would find nothing.
func (r remote) local() bool { return r.method == "unix" }

func parseRemote(text string) (remote, error) {
	method, rest, ok := strings.Cut(text, ":")
	r := remote{text: text, method: method}
	switch {
	case !ok || rest == "":
		return r, fmt.Errorf("remote %q: neither unix:FILE, tcp:HOST[:PORT] nor ssl:HOST[:PORT]", text)
	case method == "unix":
		r.address = rest
	case method == "tcp" || method == "ssl":
		if _, _, err := net.SplitHostPort(rest); err != nil {
			rest = net.JoinHostPort(strings.Trim(rest, "[]"), defaultPort)
		}
		r.address = rest
	default:
		return r, fmt.Errorf("remote %q: method %s is not unix, tcp or ssl", text, method)
	}
	return r, nil
}

// parseRemotes splits a comma separated list and shuffles it, so that many agents
// spread over the servers. It returns what is usable and an error for each part
// that is not.
func parseRemotes(list []string) (remotes []remote, errs []error) {
	for _, item := range list {
		for text := range strings.SplitSeq(item, ",") {
			if text = strings.TrimSpace(text); text == "" {
				continue
			}
			r, err := parseRemote(text)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			remotes = append(remotes, r)
		}
	}
	rand.Shuffle(len(remotes), func(i, j int) { remotes[i], remotes[j] = remotes[j], remotes[i] })
	return remotes, errs
}

// dialTimeout bounds an attempt to connect, TLS handshake included, so that one
// dead server does not keep the next one waiting.
const dialTimeout = 5 * time.Second

// dial connects to a remote.
func dial(ctx context.Context, r remote, files TLSFiles) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	network := "tcp"
	if r.method == "unix" {
		network = "unix"
	}
	var config *tls.Config
	if r.method == "ssl" {
		// The files are read for each connection: they may have been renewed.
		c, err := files.config(r.address)
		if err != nil {
			return nil, err
		}
		config = c
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, r.address)
	if err != nil {
		return nil, err
	}
	if config == nil {
		return conn, nil
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", r.text, err)
	}
	return secure, nil
}
