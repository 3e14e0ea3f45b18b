package ofbundle

import "context"

type table struct{}

func newTable() *table { return &table{} }

type session struct{}

// Run connects, keeps connected and writes until ctx ends.
func (w *Writer) Run(ctx context.Context) error {
	w.events.run(ctx)
	return ctx.Err()
}
