package main

import (
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestFuzzReports shows that a difference ends a world with its seed and a script.
func TestFuzzReports(t *testing.T) {
	t.Parallel()
	f, err := newFuzzer(integration.Reference)
	if err != nil {
		t.Fatal(err)
	}
	f.tamper = func(ch *integration.Chassis) {
		ch.OFCtl("add-flow", "br-int", "table=46,priority=7,reg15=0x7 actions=drop")
	}
	steps, err := f.world(7, time.Now().Add(time.Minute), 3)
	if steps != 1 || err == nil {
		t.Fatalf("%d steps, error %v; want a difference after the first", steps, err)
	}
	for _, want := range []string{"seed 7: step 1 differs", "reg15=0x7", "[base gateway]\n[change step1]\n"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("report lacks %q:\n%v", want, err)
		}
	}
}

// TestFragments: each fragment can come and go, and none leaves anything behind.
func TestFragments(t *testing.T) {
	f, err := newFuzzer(integration.Reference)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, fr := range f.fragments {
		if names[fr.Name] {
			t.Errorf("%s: twice", fr.Name)
		}
		names[fr.Name] = true
		if len(fr.On) == 0 || len(fr.Off) == 0 {
			t.Errorf("%s: %d lines to add, %d to remove; want both", fr.Name, len(fr.On), len(fr.Off))
		}
	}
	if len(names) < 30 {
		t.Errorf("%d fragments", len(names))
	}
}
