package ofbundle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

func (a *agent) desired(t testing.TB) *Desired {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	d, err := a.Desired(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// flowTexts are desired flows in the words of ovs-ofctl.
func flowTexts(d *Desired) []string {
	out := make([]string, 0, len(d.Flows))
	for i := range d.Flows {
		f := &d.Flows[i].Flow
		out = append(out, openflow.FormatFlow(f.Table, f.Priority, f.Cookie, f.Match, f.Actions))
	}
	slices.Sort(out)
	return out
}

// An observer arrives at the numbers the switch uses, whatever order flows come in,
// and changes nothing.
func TestObserve(t *testing.T) {
	s := startSwitch(t)
	live := startSample(t, s)
	before := s.flows()

	want := sampleFlows()
	slices.Reverse(want)
	o := startAgent(t, Config{Target: s.target(), Observe: true})
	o.connected()
	o.SetMeters(sampleMeters)
	o.Update(nil, want)
	o.Enable()
	o.commit()
	o.FlushZone(5)

	inWords := slices.Clone(before)
	slices.Sort(inWords)
	for name, a := range map[string]*agent{"observer": o, "live": live} {
		if got := flowTexts(a.desired(t)); !slices.Equal(got, inWords) {
			t.Errorf("%s wants\n%s\nthe switch has\n%s", name, strings.Join(got, "\n"), strings.Join(inWords, "\n"))
		}
	}
	d, l := o.desired(t), live.desired(t)
	if len(d.Groups) != 1 || d.Groups[1] != l.Groups[1] || len(d.Meters) != 2 {
		t.Errorf("groups %v meters %v", d.Groups, d.Meters)
	}
	c, err := Read(t.Context(), Config{Target: s.target()})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Flows) != len(before) || len(c.Groups) != 1 || c.Groups[1] != d.Groups[1] || len(c.Meters) != 2 {
		t.Errorf("read %d flows, groups %v, meters %v", len(c.Flows), c.Groups, c.Meters)
	}

	// What differs is left as it is.
	o.Update(nil, []*openflow.Flow{flow(9, 77, 0x5001, nil, func(b *openflow.ActionBuilder) { b.Resubmit(10) })})
	o.commit()
	if got := flowTexts(o.desired(t)); len(got) != len(before)+1 {
		t.Errorf("%d flows wanted, want %d", len(got), len(before)+1)
	}
	if got := s.flows(); !slices.Equal(got, before) {
		t.Errorf("an observer changed the switch:\n%s", strings.Join(got, "\n"))
	}
	if st := o.Stats(); st.Bundles+st.MeterMods+st.ZoneFlushes != 0 {
		t.Errorf("an observer sent something: %+v", st)
	}
	if r := live.Recent(); len(r) != 1 || r[0].Flows != len(before) || r[0].Groups != 1 || r[0].Took <= 0 {
		t.Errorf("bundles %+v", r)
	}
}

// An observer maps no Geneve option.
func TestObserveUnmappedOption(t *testing.T) {
	s := startSwitch(t)
	o := startAgent(t, Config{Target: s.target(), Observe: true})
	if f := o.connected(); f.Geneve {
		t.Errorf("features %+v", f)
	}
	if got := s.ofctl("dump-tlv-map"); strings.Contains(got, "tun_metadata0") {
		t.Errorf("Geneve option map:\n%s", got)
	}
}

func TestDesiredNotReady(t *testing.T) {
	s := startSwitch(t)
	a := startAgent(t, Config{Target: s.target()})
	a.connected()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := a.Desired(ctx); !errors.Is(err, ErrNotReady) {
		t.Errorf("before the first commit: %v", err)
	}
	none := startAgent(t, Config{})
	if _, err := none.Desired(ctx); !errors.Is(err, ErrNotReady) {
		t.Errorf("without a switch: %v", err)
	}
}

// A refused flow is wanted, and marked.
func TestDesiredRefused(t *testing.T) {
	s := startSwitch(t)
	a := startSample(t, s)
	a.Update(nil, []*openflow.Flow{flow(9, 7, 0x6001, nil, func(b *openflow.ActionBuilder) { b.Group(4711) })})
	a.commit()
	refused := 0
	for _, f := range a.desired(t).Flows {
		if f.Refused {
			refused++
			if f.Flow.Cookie != 0x6001 {
				t.Errorf("refused: %+v", f)
			}
		}
	}
	if refused != 1 {
		t.Errorf("%d refused", refused)
	}
}
