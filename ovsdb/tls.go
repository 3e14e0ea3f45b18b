package ovsdb

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// TLSFiles says how to speak TLS to ssl: remotes. The files are PEM and are read
// anew for each connection.
type TLSFiles struct {
	PrivateKey  string
	Certificate string
	// CACert holds the certificates that the server's must be signed by.
	CACert string
	// BootstrapCA trusts the first server met when CACert does not exist, and
	// stores in it the last certificate of the chain the server shows.
	BootstrapCA bool
	// ServerName is sent to the server, for proxies; the certificate is not
	// checked against it.
	ServerName string
	// MinVersion and MaxVersion are tls.VersionTLS12 and so on, 0 for Go's own.
	MinVersion, MaxVersion uint16
	// CipherSuites of TLS 1.2, nil for Go's own.
	CipherSuites []uint16
}

func (f TLSFiles) config(address string) (*tls.Config, error) {
	c := &tls.Config{
		MinVersion:   max(f.MinVersion, tls.VersionTLS12),
		MaxVersion:   f.MaxVersion,
		CipherSuites: f.CipherSuites,
		ServerName:   f.ServerName,
		// Open vSwitch certificates name switches and roles, not hosts: the chain is
		// verified below, the name is not.
		InsecureSkipVerify: true,
	}
	if c.ServerName == "" {
		if host, _, err := net.SplitHostPort(address); err == nil && net.ParseIP(host) == nil {
			c.ServerName = host
		}
	}
	if f.PrivateKey != "" || f.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(f.Certificate, f.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("reading TLS certificate %q with key %q: %w", f.Certificate, f.PrivateKey, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	text, err := os.ReadFile(f.CACert)
	if err != nil {
		if f.BootstrapCA && errors.Is(err, fs.ErrNotExist) {
			c.VerifyConnection = f.bootstrap
			return c, nil
		}
		return nil, fmt.Errorf("reading TLS CA certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("TLS CA certificate %q holds no certificate", f.CACert)
	}
	c.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s, roots) }
	return c, nil
}

func verifyChain(s tls.ConnectionState, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: between,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err
}

// bootstrap stores the server's CA certificate if the server's own is signed by
// it.
func (f TLSFiles) bootstrap(s tls.ConnectionState) error {
	ca := s.PeerCertificates[len(s.PeerCertificates)-1]
	if !ca.IsCA {
		return fmt.Errorf("bootstrapping TLS CA certificate %q: the server sends no CA certificate", f.CACert)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if err := verifyChain(s, roots); err != nil {
		return fmt.Errorf("bootstrapping TLS CA certificate %q: %w", f.CACert, err)
	}
	// A file that is there when it has its name is there completely.
	tmp, err := os.CreateTemp(filepath.Dir(f.CACert), ".ca-*")
	if err != nil {
		return fmt.Errorf("bootstrapping TLS CA certificate: %w", err)
	}
	defer os.Remove(tmp.Name())
	err = pem.Encode(tmp, &pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), f.CACert)
	}
	if err != nil {
		return fmt.Errorf("bootstrapping TLS CA certificate: %w", err)
	}
	return nil
}
