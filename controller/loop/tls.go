package loop

import (
	"crypto/tls"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// TLSOptions are the PKI and SSL options of the command line.
type TLSOptions struct {
	PrivateKey, Certificate, CACert, PeerCACert, BootstrapCACert string
	Protocols, Ciphers, CipherSuites, ServerName                 string
}

// files returns what sessions connect with. A row of the local database's SSL
// table counts more than the command line.
func (o TLSOptions) files(row *vswitchdb.SSL) ovsdb.TLSFiles {
	f := ovsdb.TLSFiles{
		PrivateKey: o.PrivateKey, Certificate: o.Certificate, CACert: o.CACert, ServerName: o.ServerName,
	}
	if o.BootstrapCACert != "" {
		f.CACert, f.BootstrapCA = o.BootstrapCACert, true
	}
	if row != nil {
		f.PrivateKey, f.Certificate, f.CACert = row.PrivateKey, row.Certificate, row.CACert
		f.BootstrapCA = row.BootstrapCACert
	}
	f.MinVersion, f.MaxVersion = tlsVersions(o.Protocols)
	f.CipherSuites = tlsCiphers(o.Ciphers)
	return f
}

var versionsByName = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

// tlsVersions reads a list of protocols, "TLSv1.2,TLSv1.3" or "TLSv1.2+" for that
// one and later, into the range that spans it. Protocols before TLS 1.2 are not
// spoken.
func tlsVersions(s string) (lo, hi uint16) {
	for name := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, open := strings.CutSuffix(name, "+")
		v, ok := versionsByName[name]
		if !ok {
			continue
		}
		if lo == 0 || v < lo {
			lo = v
		}
		if open {
			hi = tls.VersionTLS13
		}
		hi = max(hi, v)
	}
	return lo, hi
}

// tlsCiphers picks the cipher suites of TLS 1.2 whose OpenSSL names are listed;
// none when the list is made of OpenSSL's groups ("HIGH:!aNULL"), which leaves the
// choice to Go.
func tlsCiphers(s string) []uint16 {
	var out []uint16
	for name := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ':' || r == ',' || r == ' ' }) {
		if id, ok := opensslCiphers[name]; ok {
			out = append(out, id)
		}
	}
	return out
}

var opensslCiphers = map[string]uint16{
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-CHACHA20-POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-RSA-CHACHA20-POLY1305":   tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}
