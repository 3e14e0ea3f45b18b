package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/explain"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

func newExplain(t *target) *cobra.Command {
	return &cobra.Command{
		Use:   "explain COOKIE|UUID|FLOW",
		Short: "Show which southbound rows a flow comes from",
		Long: `explain names the southbound rows behind a flow: for a logical flow its stage,
datapaths, match and actions, and what northd noted of where it comes from.

A COOKIE is the first 32 bits of a row's UUID, in hexadecimal, with or without 0x. A
FLOW is a line of ovs-ofctl --no-names dump-flows, quoted. Flows of conjunctions have
cookie 0 and may come from several rows: those, and rows that only share their first
32 bits, are told apart by the running agent if it can be asked.`,
		Example: `  chassisctl explain 0x5b0c91ab
  chassisctl explain "$(ovs-ofctl -O OpenFlow15 --no-names dump-flows br-int | grep conjunction | head -1)"`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			remote, err := t.remote(ctx)
			if err != nil {
				return err
			}
			db, err := t.southbound(ctx, remote)
			if err != nil {
				return err
			}
			rows, err := t.rows(ctx, db, strings.Join(args, " "))
			if err != nil {
				return err
			}
			for _, r := range rows {
				fmt.Fprint(cmd.OutOrStdout(), r)
			}
			return nil
		},
	}
}

func (t *target) rows(ctx context.Context, db *explain.Southbound, what string) ([]explain.Row, error) {
	if id, err := ovsdb.ParseUUID(what); err == nil {
		if rows := db.ByUUID(id); len(rows) > 0 {
			return rows, nil
		}
		return nil, fmt.Errorf("no row that yields flows has the UUID %s", id)
	}
	cookie, err := strconv.ParseUint(strings.TrimPrefix(what, "0x"), 16, 64)
	if err == nil {
		return byCookie(db, cookie)
	}
	f, err := openflow.ParseFlow(what)
	if err != nil {
		return nil, fmt.Errorf("neither a cookie, nor a UUID, nor a flow: %w", err)
	}
	want, askErr := t.desired(ctx)
	if askErr != nil {
		if f.Cookie == 0 {
			return nil, fmt.Errorf("a flow without a cookie is known to the agent only: %w", askErr)
		}
		return byCookie(db, f.Cookie)
	}
	for i := range want.Flows {
		w := &want.Flows[i]
		if w.Flow.Table != f.Table || w.Flow.Priority != f.Priority || w.Flow.Match != f.Match {
			continue
		}
		var rows []explain.Row
		for _, o := range w.Owners {
			rows = append(rows, db.ByUUID(explain.UUID(o))...)
		}
		if len(rows) == 0 {
			return nil, errors.New("the agent wants this flow whatever the database says: it comes from no row")
		}
		return rows, nil
	}
	if f.Cookie == 0 {
		return nil, errors.New("the agent does not want such a flow")
	}
	return byCookie(db, f.Cookie)
}

func byCookie(db *explain.Southbound, cookie uint64) ([]explain.Row, error) {
	if cookie == 0 {
		return nil, errors.New("cookie 0 says nothing: give the whole flow, and the agent is asked")
	}
	rows := db.ByCookie(cookie)
	if len(rows) == 0 {
		return nil, fmt.Errorf("no row's UUID begins with %08x", cookie)
	}
	return rows, nil
}

// southbound reads the southbound database once.
func (t *target) southbound(ctx context.Context, remote string) (*explain.Southbound, error) {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	return explain.Load(ctx, remote, t.tls.Files())
}

// remote is where the southbound database is.
func (t *target) remote(ctx context.Context) (string, error) {
	if t.sb != "" {
		return t.sb, nil
	}
	c, err := t.config(ctx)
	return c.Remote, err
}

// config reads the agent's configuration from the local database.
func (t *target) config(ctx context.Context) (config.Config, error) {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	db := vswitchdb.NewDB()
	session := ovsdb.NewSession(vswitchdb.Model(), ovsdb.Config{
		Remotes: []string{t.db}, TLS: t.tls.Files(), Logger: slog.New(slog.DiscardHandler),
		Tables: map[string][]string{vswitchdb.TableOpenVSwitch: {"external_ids"}},
	})
	if err := explain.Once(ctx, session, func(u *vswitchdb.Update) { db.Apply(u) }); err != nil {
		return config.Config{}, fmt.Errorf("local database %s: %w", t.db, err)
	}
	fileID, err := config.ReadIdentityFile(t.dirs.SysConf)
	if err != nil {
		return config.Config{}, err
	}
	for row := range db.OpenVSwitch.All() {
		c, _ := config.Parse(row.ExternalIDs, config.Identity{CLI: t.chassis, File: fileID})
		return c, nil
	}
	return config.Config{}, fmt.Errorf("local database %s: table Open_vSwitch is empty", t.db)
}
