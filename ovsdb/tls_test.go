package ovsdb_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/ovsdb/ovsdbtest"
)

// authority is a certificate authority whose files are in a directory.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	der  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t, dir: t.TempDir()}
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

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) write(name, kind string, der []byte) {
	if err := os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// issue makes name.pem and name.key. Like ovs-pki's, the certificates name no
// host.
func (a *authority) issue(name string) {
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

func (a *authority) files(name string) ovsdb.TLSFiles {
	return ovsdb.TLSFiles{PrivateKey: a.path(name + ".key"), Certificate: a.path(name + ".pem"), CACert: a.path("ca.pem")}
}

func TestTLS(t *testing.T) {
	good, evil := newAuthority(t, "good"), newAuthority(t, "evil")
	good.issue("server")
	good.issue("hv1")
	evil.issue("hv1")
	port := ovsdbtest.FreePort(t)
	ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t),
		fmt.Sprintf("--remote=pssl:%d:127.0.0.1", port), "--private-key="+good.path("server.key"),
		"--certificate="+good.path("server.pem"), "--ca-cert="+good.path("ca.pem"), "--peer-ca-cert="+good.path("ca.pem"))
	remote := fmt.Sprintf("ssl:127.0.0.1:%d", port)

	t.Run("trusted", func(t *testing.T) {
		r := southbound(t, ovsdb.Config{Remotes: []string{remote}, TLS: good.files("hv1")})
		r.connected()
		tx := ovsdb.NewTxn("")
		insertSwitch(tx, 1, "lp1")
		r.must(tx)
		r.until("port", func() bool { return r.db.PortBinding.Len() == 1 })
	})
	t.Run("untrusted server", func(t *testing.T) {
		files := good.files("hv1")
		files.CACert = evil.path("ca.pem")
		r := southbound(t, ovsdb.Config{Remotes: []string{remote}, TLS: files})
		r.until("refusal", func() bool { return strings.Contains(fmt.Sprint(r.State().Error), "unknown authority") })
	})
	t.Run("untrusted client, then renewed", func(t *testing.T) {
		own := t.TempDir()
		take := func(from *authority) {
			for _, name := range []string{"hv1.pem", "hv1.key"} {
				b, err := os.ReadFile(from.path(name))
				if err == nil {
					err = os.WriteFile(filepath.Join(own, name), b, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		take(evil)
		r := southbound(t, ovsdb.Config{Remotes: []string{remote}, TLS: ovsdb.TLSFiles{
			PrivateKey: own + "/hv1.key", Certificate: own + "/hv1.pem", CACert: good.path("ca.pem")}})
		r.until("refusal", func() bool { return r.State().Attempts > 2 && r.State().Error != nil })
		if r.State().Connections != 0 {
			t.Error("the server accepted a certificate of another authority")
		}
		take(good)
		r.connected()
	})
	t.Run("bootstrap", func(t *testing.T) {
		files := good.files("hv1")
		files.CACert = filepath.Join(t.TempDir(), "new.pem")
		r := southbound(t, ovsdb.Config{Remotes: []string{remote}, TLS: files})
		r.until("refusal", func() bool { return strings.Contains(fmt.Sprint(r.State().Error), "no such file") })
		files.BootstrapCA = true
		r.SetTLS(files)
		r.connected()
		stored, _ := os.ReadFile(files.CACert)
		want, _ := os.ReadFile(good.path("ca.pem"))
		if string(stored) != string(want) {
			t.Errorf("stored\n%s", stored)
		}
		r.Reconnect()
		r.until("reconnection", func() bool { return r.State().Connections == 2 && r.State().Connected })
	})
}
