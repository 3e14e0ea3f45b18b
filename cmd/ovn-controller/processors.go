package main

import (
	"os"
	"runtime"
)

// promptThreads is how many threads the runtime may run beyond the processors there
// are: one that reads packet-ins and one that answers them. With as many as there
// are processors, all busy translating, a packet that comes would wait for the
// runtime to take turns, each 10 ms long; a thread of its own the operating system
// runs at once.
const promptThreads = 2

// reserveThreads sets that up, unless GOMAXPROCS says otherwise, and returns how
// many goroutines may translate.
func reserveThreads() (workers int) {
	workers = runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(workers + promptThreads)
	}
	return workers
}
