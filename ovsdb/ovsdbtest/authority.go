package ovsdbtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority is a certificate authority whose files are in a directory of its own.
type Authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	der  []byte
}

// NewAuthority makes an authority and its ca.pem.
func NewAuthority(t testing.TB, name string) *Authority { return NewAuthorityIn(t, t.TempDir(), name) }

// NewAuthorityIn is NewAuthority with files in a directory.
func NewAuthorityIn(t testing.TB, dir, name string) *Authority {
	a := &Authority{t: t, dir: dir}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	var err error
	if a.der, err = x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key); err != nil {
		t.Fatal(err)
	}
	a.write("ca.pem", "CERTIFICATE", a.der)
	return a
}

// Path is where one of its files is.
func (a *Authority) Path(name string) string { return filepath.Join(a.dir, name) }

func (a *Authority) write(name, kind string, der []byte) {
	if err := os.WriteFile(a.Path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// Issue makes name.pem and name.key. Like ovs-pki's, the certificates name no
// host.
func (a *Authority) Issue(name string) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".pem", "CERTIFICATE", der)
	private, _ := x509.MarshalPKCS8PrivateKey(key)
	a.write(name+".key", "PRIVATE KEY", private)
}
