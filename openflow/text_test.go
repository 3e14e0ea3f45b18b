package openflow

import "testing"

// TestParseFlow reads lines that TestSwitchGivesBack does not: with statistics,
// in another order, wrong.
func TestParseFlow(t *testing.T) {
	for in, want := range map[string]string{
		" cookie=0x12, duration=5.123s, table=3, n_packets=1, n_bytes=2, idle_timeout=60, idle_age=3, priority=100,ip,metadata=0x1 actions=drop": "cookie=0x12, table=3, priority=100,ip,metadata=0x1 actions=drop",
		"actions=output:1":                "actions=output:1",
		"priority=1 actions=resubmit(,8)": "priority=1 actions=resubmit(,8)",
		"table=1,tp_dst=80,nw_proto=6,dl_type=0x0800,actions=load:0x5->NXM_NX_REG0[0..3]": "table=1, tcp,tp_dst=80 actions=set_field:0x5/0xf->reg0",
		"send_flow_rem in_port=LOCAL actions=NORMAL":                                      "",
		"ip,nw_src=10.0.0.0/255.0.0.255 actions=mod_nowhere:3":                            "",
		"nw_src=10.0.0.0/33 actions=drop":                                                 "",
		"dl_src=1:2:3 actions=drop":                                                       "",
		"tp_src=3 actions=drop":                                                           "",
		"ct_state=+what actions=drop":                                                     "",
		"reg0=0x1ffffffff actions=drop":                                                   "",
		"reg99=1 actions=drop":                                                            "",
		"priority=70000 actions=drop":                                                     "",
		"table=9":                                                                         "",
		"actions=move:NXM_NX_REG0[0..3]->NXM_NX_REG1[0..4]":                               "",
		"actions=push:NXM_NX_REG0[30..32]":                                                "",
		"actions=ct(commit":                                                               "",
		"actions=learn(table=1,nonsense=3)":                                               "",
		"actions=sample(probability=1,collector_set_id=x)":                                "",
	} {
		f, err := ParseFlow(in)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q parses to %s", in, f.String())
		case want != "" && err != nil:
			t.Error(err)
		case want != "" && f.String() != want:
			t.Errorf("%q parses to %s, want %s", in, f.String(), want)
		}
	}
	f, err := ParseFlow("actions=drop")
	if err != nil || f.Kind != FlowDrop || f.Priority != defaultPriority {
		t.Errorf("%+v, %v", f, err)
	}
}

func FuzzParseFlow(f *testing.F) {
	ms, as := corpus()
	for i, m := range ms {
		f.Add(FormatFlow(1, 2, 3, m, as[i%len(as)]))
	}
	for _, a := range as {
		f.Add(FormatFlow(0, defaultPriority, 0, "", a))
	}
	f.Fuzz(func(t *testing.T, s string) {
		flow, err := ParseFlow(s)
		if err != nil {
			return
		}
		// What was parsed is canonical.
		if m, err := DecodeMatch([]byte(flow.Match)); err != nil || m != flow.Match {
			if v, _, ok := flow.Match.Get(FieldPacketType); !ok || !v.IsZero() {
				t.Fatalf("%q: match %x decodes to %x, %v", s, string(flow.Match), string(m), err)
			}
		}
		if len(flow.Actions) < 1<<15 {
			if a, err := DecodeActions([]byte(flow.Actions)); err != nil || a != flow.Actions {
				t.Fatalf("%q: actions %x decode to %x, %v", s, string(flow.Actions), string(a), err)
			}
		}
	})
}
