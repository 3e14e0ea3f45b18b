package translate

import (
	"maps"
	"sync"

	"github.com/ovn-chassis/ovn-chassis/engine"
	"github.com/ovn-chassis/ovn-chassis/lflow"
)

// programs shares what is compiled between the logical flows with equal text. A
// program is kept while a row has that text, and compiled again when something
// that compiling it read has changed.
type programs struct {
	refs  map[lflow.Source]int
	cache sync.Map // lflow.Source → *program

	mu      sync.Mutex
	readers map[engine.Input]map[lflow.Source]struct{}
}

type program struct {
	once  sync.Once
	prog  *lflow.Program
	err   error
	reads []engine.Input
}

func newPrograms() programs {
	return programs{
		refs:    map[lflow.Source]int{},
		readers: map[engine.Input]map[lflow.Source]struct{}{},
	}
}

func (p *programs) retain(s lflow.Source) { p.refs[s]++ }

func (p *programs) release(s lflow.Source) {
	if p.refs[s]--; p.refs[s] > 0 {
		return
	}
	delete(p.refs, s)
	p.drop(s)
}

// shrink gives up the room of texts that are gone: a map does not get smaller by
// itself.
func (p *programs) shrink() {
	refs := make(map[lflow.Source]int, len(p.refs))
	maps.Copy(refs, p.refs)
	p.refs = refs
}

func (p *programs) drop(s lflow.Source) {
	v, ok := p.cache.LoadAndDelete(s)
	if !ok {
		return
	}
	for _, in := range v.(*program).reads {
		delete(p.readers[in], s)
		if len(p.readers[in]) == 0 {
			delete(p.readers, in)
		}
	}
}

// forget drops the programs that read in.
func (p *programs) forget(in engine.Input) {
	for s := range p.readers[in] {
		p.drop(s)
	}
}

func (p *programs) clear() {
	p.cache.Clear()
	clear(p.readers)
}

// get returns the program for a text, compiled if need be. A unit that uses it reads
// what compiling it read. It is called from several goroutines.
func (p *programs) get(s lflow.Source, t *Translator) *program {
	e, ok := p.cache.Load(s)
	if !ok {
		e, _ = p.cache.LoadOrStore(s, &program{})
	}
	prog := e.(*program)
	prog.once.Do(func() {
		var reads engine.Reads
		env := view{t: t, r: &reads}
		prog.prog, prog.err = t.compiler().Compile(s, &env)
		prog.reads = append([]engine.Input(nil), reads.Inputs()...)
		if len(prog.reads) > 0 {
			p.mu.Lock()
			for _, in := range prog.reads {
				if p.readers[in] == nil {
					p.readers[in] = map[lflow.Source]struct{}{}
				}
				p.readers[in][s] = struct{}{}
			}
			p.mu.Unlock()
		}
	})
	return prog
}
