package openflow

import "testing"

func TestNotes(t *testing.T) {
	var b ActionBuilder
	b.Note([]byte("abcdef"))
	b.Resubmit(8)
	b.Note([]byte("ghi"))
	var got []string
	Notes(b.Actions(), func(n string) bool { got = append(got, n); return true })
	if len(got) != 2 || got[0] != "abcdef" || got[1] != "ghi\x00\x00\x00" {
		t.Errorf("notes %q", got)
	}
	got = nil
	Notes(b.Actions(), func(n string) bool { got = append(got, n); return false })
	if len(got) != 1 {
		t.Errorf("the walk went on: %q", got)
	}
	Notes(b.Actions()[:10], func(n string) bool { t.Errorf("note %q of a broken list", n); return true })
}

func TestDecodeHeader(t *testing.T) {
	for f := range Field(len(fields)) {
		h := f.AppendHeader(nil)
		got, n, ok := DecodeHeader(h)
		if fields[f].oxm == 0 {
			continue
		}
		if !ok || got != f || n != len(h) {
			t.Errorf("%s: %x decodes to %v, %d, %v", f, h, got, n, ok)
		}
		for i := range h {
			if _, _, ok := DecodeHeader(h[:i]); ok {
				t.Errorf("%s: %x decodes", f, h[:i])
			}
		}
	}
}
