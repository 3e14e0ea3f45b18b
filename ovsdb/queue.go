package ovsdb

import (
	"context"
	"sync"
)

// eventQueue stands between a session, which must never wait, and its consumer,
// which may be busy for seconds.
type eventQueue[U any] struct {
	out chan Event[U]

	mu     sync.Mutex
	events []Event[U]
	bytes  int64 // of JSON that the events came from
	wake   chan struct{}
	empty  chan struct{} // closed and replaced whenever the last event leaves
}

func newEventQueue[U any]() *eventQueue[U] {
	return &eventQueue[U]{out: make(chan Event[U]), wake: make(chan struct{}, 1), empty: make(chan struct{})}
}

// put appends an event and returns the bytes that wait.
func (q *eventQueue[U]) put(e Event[U]) int64 {
	q.mu.Lock()
	q.events = append(q.events, e)
	q.bytes += e.Size
	n := q.bytes
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return n
}

// pending returns the bytes that wait and a channel that is closed when none do.
func (q *eventQueue[U]) pending() (int64, <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes, q.empty
}

// run hands events to the consumer until ctx ends, and closes the channel.
func (q *eventQueue[U]) run(ctx context.Context) {
	defer close(q.out)
	for {
		q.mu.Lock()
		var head Event[U]
		have := len(q.events) > 0
		if have {
			head = q.events[0]
		}
		q.mu.Unlock()
		if !have {
			select {
			case <-q.wake:
			case <-ctx.Done():
				return
			}
			continue
		}
		select {
		case q.out <- head:
		case <-ctx.Done():
			return
		}
		q.mu.Lock()
		q.events[0] = Event[U]{}
		q.events = q.events[1:]
		q.bytes -= head.Size
		if len(q.events) == 0 {
			q.events = nil
			close(q.empty)
			q.empty = make(chan struct{})
		}
		q.mu.Unlock()
	}
}
