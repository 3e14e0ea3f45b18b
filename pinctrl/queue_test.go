package pinctrl

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// valid checks the queue's invariants.
func (q *queue) valid(t *testing.T) {
	t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	sum, turns := 0, 0
	for p := q.first; p != nil; p = p.next {
		turns++
		n := 0
		for s := p.head; s != nil; s = s.next {
			n += s.cost()
		}
		if n != p.bytes || n == 0 || n > portBytes+MaxFrame || q.ports[p.origin] != p {
			t.Fatalf("port %v holds %d bytes and says %d", p.origin, n, p.bytes)
		}
		sum += n
		if (p.next == nil) != (p == q.last) {
			t.Fatal("the last port is not the last")
		}
	}
	if sum != q.bytes || sum > queueBytes || turns != len(q.ports) || q.nFree > freeSlots {
		t.Fatalf("%d bytes in %d ports; the queue says %d in %d, %d slots are free", sum, turns, q.bytes, len(q.ports), q.nFree)
	}
}

const MaxFrame = openflow.MaxMessage

func port(n int) origin { return origin{PortKey: PortKey{Datapath: 1, Port: uint32(n)}} }

func numbered(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// A port with much to say has its turns, and no more.
func TestQueueIsFair(t *testing.T) {
	q := newQueue()
	for i := range 300 {
		q.put(port(1), numbered(i), time.Time{})
	}
	for i := range 3 {
		q.put(port(2), numbered(1000+i), time.Time{})
	}
	q.valid(t)
	got := q.take(nil, 7)
	want := []uint32{0, 1000, 1, 1001, 2, 1002, 3}
	for i, s := range got {
		if n := binary.BigEndian.Uint32(s.frame); n != want[i] {
			t.Errorf("turn %d: %d, want %d", i, n, want[i])
		}
	}
	q.recycle(got)
	q.valid(t)
	for i := 4; i < 300; i++ {
		s := q.take(nil, 1)
		if n := binary.BigEndian.Uint32(s[0].frame); n != uint32(i) {
			t.Fatalf("out of order: %d, want %d", n, i)
		}
		if more := q.recycle(s); more != (i < 299) {
			t.Fatalf("after %d: more %v", i, more)
		}
	}
	q.valid(t)
}

// Whatever the number of ports that flood, memory is bounded and one more port has
// room.
func TestQueueIsBounded(t *testing.T) {
	for _, hostile := range []int{1, 3, 50, 1000} {
		for _, size := range []int{100, slotSize + 1, MaxFrame} {
			q := newQueue()
			frame := make([]byte, size)
			accepted := 0
			for range 2*queueBytes/size/hostile + 2 {
				for p := range hostile {
					if q.put(port(p), frame, time.Time{}) {
						accepted++
					}
				}
			}
			q.valid(t)
			if bytes, _ := q.waiting(); bytes > queueBytes {
				t.Fatalf("%d ports with %d bytes each: %d bytes wait", hostile, size, bytes)
			}
			if size == 100 && !q.put(port(hostile), numbered(7), time.Time{}) {
				t.Errorf("%d ports leave no room for another", hostile)
			}
			if hostile == 1 {
				if bytes, _ := q.waiting(); bytes > portBytes+slotSize {
					t.Errorf("one port takes %d bytes", bytes)
				}
			}
			q.valid(t)
			if q.clear() < accepted {
				t.Error("not all that was accepted came out")
			}
			q.valid(t)
			if bytes, ports := q.waiting(); bytes != 0 || ports != 0 {
				t.Errorf("%d bytes of %d ports are left", bytes, ports)
			}
		}
	}
}

func TestOrigin(t *testing.T) {
	in := punt(pipeline.OpARP, udp4(t), func(m *openflow.MatchBuilder) { m.SetU(openflow.FieldInPort, 5) })
	frame := wire(t, in)
	o, op, ok := originOf(frame)
	if want := (origin{PortKey{3, 1}, 5}); !ok || o != want || op != pipeline.OpARP {
		t.Errorf("origin %v, %d, %v; want %v", o, op, ok, want)
	}
	echo, err := openflow.AppendMessage(nil, openflow.Version15, 1, &openflow.BarrierReply{})
	if err != nil {
		t.Fatal(err)
	}
	if o, _, ok := originOf(echo); ok || o != (origin{}) {
		t.Errorf("a barrier reply has the origin %v", o)
	}
}

func wire(t testing.TB, m openflow.Message) []byte {
	b, err := openflow.AppendMessage(nil, openflow.Version15, 1, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func BenchmarkQueue(b *testing.B) {
	q := newQueue()
	frame := make([]byte, 500)
	var out []*slot
	b.ReportAllocs()
	for b.Loop() {
		for i := range batchSize {
			q.put(port(i&3), frame, time.Time{})
		}
		out = q.take(out[:0], batchSize)
		q.recycle(out)
	}
}
