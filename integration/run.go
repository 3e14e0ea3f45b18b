package integration

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
)

// Run calls fn with a T for programs that are not tests and returns what failed.
// Cleanups have run, newest first, when it returns. What fn logs goes to log,
// which may be nil.
func Run(name string, log io.Writer, fn func(T)) error {
	r := &run{name: name, log: log}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			// Fatalf ends this goroutine; a panic must clean up too before it
			// takes the process down.
			p := recover()
			r.cleanup()
			if p != nil {
				panic(p)
			}
		}()
		fn(r)
	}()
	<-done
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.errs...)
}

type run struct {
	name string
	log  io.Writer

	mu       sync.Mutex // guards what follows
	errs     []error
	cleanups []func()
}

func (r *run) Helper()      {}
func (r *run) Name() string { return r.name }

func (r *run) Logf(format string, args ...any) {
	if r.log != nil {
		fmt.Fprintf(r.log, format+"\n", args...)
	}
}

func (r *run) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

func (r *run) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *run) Cleanup(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, fn)
}

func (r *run) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.errs) > 0
}

func (r *run) cleanup() {
	for {
		r.mu.Lock()
		fns := slices.Clone(r.cleanups)
		r.cleanups = nil
		r.mu.Unlock()
		if len(fns) == 0 {
			return
		}
		for _, fn := range slices.Backward(fns) {
			fn()
		}
	}
}
