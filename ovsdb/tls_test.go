package ovsdb_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/ovsdb/ovsdbtest"
)

func files(a *ovsdbtest.Authority, name string) ovsdb.TLSFiles {
	return ovsdb.TLSFiles{PrivateKey: a.Path(name + ".key"), Certificate: a.Path(name + ".pem"), CACert: a.Path("ca.pem")}
}

func TestTLS(t *testing.T) {
	good, evil := ovsdbtest.NewAuthority(t, "good"), ovsdbtest.NewAuthority(t, "evil")
	good.Issue("server")
	good.Issue("hv1")
	evil.Issue("hv1")
	port := ovsdbtest.FreePort(t)
	ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t),
		fmt.Sprintf("--remote=pssl:%d:127.0.0.1", port), "--private-key="+good.Path("server.key"),
		"--certificate="+good.Path("server.pem"), "--ca-cert="+good.Path("ca.pem"), "--peer-ca-cert="+good.Path("ca.pem"))
	remote := fmt.Sprintf("ssl:127.0.0.1:%d", port)

	t.Run("trusted", func(t *testing.T) {
		r := southbound(t, ovsdb.Config{Remotes: []string{remote}, TLS: files(good, "hv1")})
		r.connected()
		tx := ovsdb.NewTxn("")
		insertSwitch(tx, 1, "lp1")
		r.must(tx)
		r.until("port", func() bool { return r.db.PortBinding.Len() == 1 })
	})
	t.Run("untrusted server", func(t *testing.T) {
		tlsFiles := files(good, "hv1")
		tlsFiles.CACert = evil.Path("ca.pem")
		r := southbound(t, ovsdb.Config{Remotes: []string{remote}, TLS: tlsFiles})
		r.until("refusal", func() bool { return strings.Contains(fmt.Sprint(r.State().Error), "unknown authority") })
	})
	t.Run("untrusted client, then renewed", func(t *testing.T) {
		own := t.TempDir()
		take := func(from *ovsdbtest.Authority) {
			for _, name := range []string{"hv1.pem", "hv1.key"} {
				b, err := os.ReadFile(from.Path(name))
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
			PrivateKey: own + "/hv1.key", Certificate: own + "/hv1.pem", CACert: good.Path("ca.pem")}})
		r.until("refusal", func() bool { return r.State().Attempts > 2 && r.State().Error != nil })
		if r.State().Connections != 0 {
			t.Error("the server accepted a certificate of another authority")
		}
		take(good)
		r.connected()
	})
	t.Run("bootstrap", func(t *testing.T) {
		tlsFiles := files(good, "hv1")
		tlsFiles.CACert = filepath.Join(t.TempDir(), "new.pem")
		r := southbound(t, ovsdb.Config{Remotes: []string{remote}, TLS: tlsFiles})
		r.until("refusal", func() bool { return strings.Contains(fmt.Sprint(r.State().Error), "no such file") })
		tlsFiles.BootstrapCA = true
		r.SetTLS(tlsFiles)
		r.connected()
		stored, _ := os.ReadFile(tlsFiles.CACert)
		want, _ := os.ReadFile(good.Path("ca.pem"))
		if string(stored) != string(want) {
			t.Errorf("stored\n%s", stored)
		}
		r.Reconnect()
		r.until("reconnection", func() bool { return r.State().Connections == 2 && r.State().Connected })
	})
}
