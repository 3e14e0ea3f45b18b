package openflow

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"reflect"
	"runtime"
	"testing"
)

// echo is an echo request of n bytes filled with c.
func echoOf(n int, c byte) []byte {
	b, err := AppendMessage(nil, Version15, 1, &EchoRequest{Data: bytes.Repeat([]byte{c}, n-headerLen)})
	if err != nil {
		panic(err)
	}
	return b
}

// Messages that were cut off a stream stay as they are while more are read into
// the memory they came from.
func TestFrameReaderReusesMemory(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	var sent [][]byte
	for i := range 300 {
		n := headerLen + rnd.IntN(200)
		if i%3 == 0 {
			n = headerLen + rnd.IntN(MaxMessage-headerLen)
		}
		sent = append(sent, echoOf(n, byte(i)))
	}
	go func() {
		for _, m := range sent {
			for len(m) > 0 {
				n, err := a.Write(m[:min(len(m), 5000)])
				if err != nil {
					return
				}
				m = m[n:]
			}
		}
	}()
	f := &frameReader{r: b}
	got := make([][]byte, len(sent))
	for i := range sent {
		var err error
		if got[i], err = f.next(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range sent {
		if !bytes.Equal(got[i], sent[i]) {
			t.Fatalf("message %d of %d bytes came as %d bytes, or is overwritten", i, len(sent[i]), len(got[i]))
		}
	}
}

// A dump of all flows, which an audit makes over and over, takes little more memory
// than what is kept of it, and what is kept stays as it is.
func TestFlowDumpMakesLittleGarbage(t *testing.T) {
	a, b := sockets(t)
	c, p := connPairOn(t, a, b, ConnOptions{})
	defer c.Close()
	var reply FlowDescReply
	var match MatchBuilder
	match.Set(FieldEthType, U64(0x800))
	for i := range 500 {
		reply.Flows = append(reply.Flows, FlowDesc{Table: 3, Cookie: uint64(i), Match: match.Match()})
	}
	message, err := AppendMessage(nil, Version15, 1, &reply)
	if err != nil {
		t.Fatal(err)
	}
	const parts = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range parts {
		if _, err := p.c.Write(message); err != nil {
			t.Fatal(err)
		}
		_, m, err := c.Recv(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := m.(*FlowDescReply); !ok || len(r.Flows) != len(reply.Flows) || i == parts-1 && !reflect.DeepEqual(r.Flows, reply.Flows) {
			t.Fatalf("part %d is not what was sent", i)
		}
	}
	runtime.ReadMemStats(&after)
	kept := uint64(len(reply.Flows)) * uint64(reflect.TypeFor[FlowDesc]().Size())
	got := (after.TotalAlloc - before.TotalAlloc) / parts
	t.Logf("message %d, flows %d, allocated %d", len(message), kept, got)
	if got > kept*3/2 {
		t.Errorf("%d bytes are allocated for a reply of %d bytes that decodes to %d", got, len(message), kept)
	}
}
