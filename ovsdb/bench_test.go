package ovsdb_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/ovsdb/ovsdbtest"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// logicalFlowsJSON makes <table-updates2> with n logical flows as northd writes
// them for n/25 ports: mostly different matches, recurring actions, stage names.
func logicalFlowsJSON(n int, what string) []byte {
	b := []byte(`{"Logical_Flow":{`)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		port := i / 25
		id := ovsdb.UUID{0: byte(i >> 16), 1: byte(i >> 8), 2: byte(i), 15: 1}
		b = append(b, '"')
		b = id.AppendText(b)
		match := fmt.Sprintf(`inport == "default_pod-%d" && eth.src == 0a:58:0a:80:%02x:%02x && ip4.src == {10.128.%d.%d, 0.0.0.0} && (arp || nd || udp.dst == %d)`,
			port, port>>8&255, port&255, port>>8&255, port&255, i%25+1024)
		actions := fmt.Sprintf(`reg0[%d] = 1; ct_next(dnat); outport = "stor-node-%d"; next(pipeline=ingress, table=%d); /* drop */`, i%25, port/100, i%25)
		b = append(b, `":{"`+what+`":{"logical_datapath":["uuid","`...)
		b = ovsdb.UUID{0: byte(port / 100), 15: 2}.AppendText(b)
		b = fmt.Appendf(b, `"],"pipeline":"ingress","table_id":%d,"priority":%d,"match":`, i%25, 50+i%100)
		b = ovsdb.AppendString(b, match)
		b = append(b, `,"actions":`...)
		b = ovsdb.AppendString(b, actions)
		b = fmt.Appendf(b, `,"external_ids":["map",[["source","northd.c:%d"],["stage-hint","%08x"],["stage-name","ls_in_stage_%d"]]]}}`, 5000+i%200, port, i%25)
	}
	return append(b, "}}"...)
}

func BenchmarkDecode50kLogicalFlows(b *testing.B) {
	data := logicalFlowsJSON(50_000, "initial")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		u, problems, err := ovsdb.DecodeUpdate(sbdb.Model(), data)
		if err != nil || len(problems) > 0 || len(u.LogicalFlow) != 50_000 {
			b.Fatal(err, problems, len(u.LogicalFlow))
		}
	}
}

// BenchmarkReplica50kLogicalFlows is the decoding, the storing, and the memory
// that stays.
func BenchmarkReplica50kLogicalFlows(b *testing.B) {
	data := logicalFlowsJSON(50_000, "initial")
	b.ReportAllocs()
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		u, _, err := ovsdb.DecodeUpdate(sbdb.Model(), data)
		if err != nil {
			b.Fatal(err)
		}
		u.Replace = true
		db := sbdb.NewDB()
		db.Apply(u)
		u = nil
		runtime.GC()
		runtime.ReadMemStats(&after)
		if db.LogicalFlow.Len() != 50_000 {
			b.Fatal(db.LogicalFlow.Len())
		}
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/50_000, "retained-B/row")
	b.ReportMetric(float64(len(data))/50_000, "JSON-B/row")
}

func BenchmarkApplyOneOf50k(b *testing.B) {
	u, _, _ := ovsdb.DecodeUpdate(sbdb.Model(), logicalFlowsJSON(50_000, "initial"))
	u.Replace = true
	db := sbdb.NewDB()
	db.Apply(u)
	ovsdb.AddIndex(db.LogicalFlow, func(f *sbdb.LogicalFlow) (ovsdb.UUID, bool) { return f.LogicalDatapath, true })
	one := []byte(`{"Logical_Flow":{"00000700-0000-0000-0000-000000000001":{"modify":{"priority":%d}}}}`)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		u, _, _ := ovsdb.DecodeUpdate(sbdb.Model(), fmt.Appendf(nil, string(one), i%65000+2000))
		if c := db.Apply(u); len(c.LogicalFlow) != 1 || c.LogicalFlow[0].Cols != sbdb.LogicalFlowColPriority {
			b.Fatal(c)
		}
	}
}

// BenchmarkConnect50kLogicalFlows is a cold start: connecting to a real server,
// until the replica is complete. Most of it is the server's.
func BenchmarkConnect50kLogicalFlows(b *testing.B) {
	srv := ovsdbtest.Start(b, ovsdbtest.SouthboundNewest(b))
	u, _, err := ovsdb.DecodeUpdate(sbdb.Model(), logicalFlowsJSON(50_000, "initial"))
	if err != nil {
		b.Fatal(err)
	}
	w := southbound(b, ovsdb.Config{Remotes: []string{srv.Unix}, Tables: map[string][]string{}})
	w.connected()
	tx := ovsdb.NewTxn("")
	const all = ovsdb.AllColumns &^ (sbdb.LogicalFlowColLogicalDatapath | sbdb.LogicalFlowColLogicalDPGroup)
	for _, r := range u.LogicalFlow {
		sbdb.InsertLogicalFlow(tx).SetAll(r.Row, all)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if res := w.Transact(ctx, tx); res.Err != nil {
		b.Fatal(res.Err)
	}
	for b.Loop() {
		r := southbound(b, ovsdb.Config{Remotes: []string{srv.Unix}})
		r.connected()
		if r.db.LogicalFlow.Len() != 50_000 {
			b.Fatal(r.db.LogicalFlow.Len())
		}
	}
}
