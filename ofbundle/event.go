package ofbundle

import (
	"context"
	"sync"
)

// eventQueue hands events to a reader who may be slow, without bound: there is
// at most one event per bundle, flush or refused flow.
type eventQueue struct {
	out chan Event

	mu   sync.Mutex // guards list
	list []Event
	more chan struct{}
}

func newEventQueue() *eventQueue {
	return &eventQueue{out: make(chan Event), more: make(chan struct{}, 1)}
}

func (q *eventQueue) push(e Event) {
	q.mu.Lock()
	q.list = append(q.list, e)
	q.mu.Unlock()
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// run delivers until ctx ends.
func (q *eventQueue) run(ctx context.Context) {
	for {
		q.mu.Lock()
		list := q.list
		q.list = nil
		q.mu.Unlock()
		for _, e := range list {
			select {
			case q.out <- e:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-q.more:
		case <-ctx.Done():
			return
		}
	}
}
