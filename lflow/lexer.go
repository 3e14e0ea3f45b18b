package lflow

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// TokenKind is the kind of a token of the logical flow language, ovn-sb(5)
// "Logical_Flow", column match.
type TokenKind uint8

const (
	TokenEnd      TokenKind = iota
	TokenError              // Text is the reason
	TokenID                 // foo
	TokenString             // "foo"
	TokenInteger            // 123, 0x7b, 1.2.3.4, ::1, 01:02:03:04:05:06
	TokenMasked             // 0x10/0x30, 1.2.0.0/16, ::2/127
	TokenMacro              // $name, Text without the sign
	TokenPortGrp            // @name, Text without the sign
	TokenTemplate           // ^name, Text without the sign
	TokenLParen
	TokenRParen
	TokenLCurly
	TokenRCurly
	TokenLSquare
	TokenRSquare
	TokenEQ // ==
	TokenNE // !=
	TokenLT // <
	TokenLE // <=
	TokenGT // >
	TokenGE // >=
	TokenNot
	TokenAnd
	TokenOr
	TokenEllipsis // ..
	TokenComma
	TokenSemicolon
	TokenEquals    // =
	TokenExchange  // <->
	TokenDecrement // --
	TokenColon
	TokenHyphen
)

var tokenText = [...]string{
	TokenEnd: "end of input", TokenError: "error", TokenID: "name", TokenString: "string",
	TokenInteger: "integer", TokenMasked: "masked integer", TokenMacro: "$name",
	TokenPortGrp: "@name", TokenTemplate: "^name",
	TokenLParen: "(", TokenRParen: ")", TokenLCurly: "{", TokenRCurly: "}",
	TokenLSquare: "[", TokenRSquare: "]", TokenEQ: "==", TokenNE: "!=", TokenLT: "<",
	TokenLE: "<=", TokenGT: ">", TokenGE: ">=", TokenNot: "!", TokenAnd: "&&", TokenOr: "||",
	TokenEllipsis: "..", TokenComma: ",", TokenSemicolon: ";", TokenEquals: "=",
	TokenExchange: "<->", TokenDecrement: "--", TokenColon: ":", TokenHyphen: "-",
}

func (k TokenKind) String() string { return tokenText[k] }

// NumberFormat is how an integer was written. It limits which masks go with a
// value, and gives a constant its least width (see Constant.Width).
type NumberFormat uint8

const (
	FormatDecimal NumberFormat = iota
	FormatHex
	FormatIPv4
	FormatIPv6
	FormatEthernet
)

// Token is one token. Value and Mask are right-aligned numbers; Mask is set for
// TokenMasked only, and Value has no bit outside of it.
type Token struct {
	Kind        TokenKind
	Format      NumberFormat
	Pos, End    int // byte offsets in the input
	Text        string
	Value, Mask openflow.U128
}

// SyntaxError is what parsing a match or actions failed with.
type SyntaxError struct {
	Pos  int // byte offset in the input
	What string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at offset %d: %s", e.Pos, e.What) }

// Lexer cuts text into tokens and keeps the first error met by whoever parses
// with it. Once there is an error, every token is TokenEnd, so parsers need not
// check after each step: loops that stop at TokenEnd stop.
type Lexer struct {
	src string
	tok Token
	err *SyntaxError
}

// NewLexer returns a lexer that stands on the first token of src. Templates in
// src must have been expanded with ExpandTemplates.
func NewLexer(src string) *Lexer {
	l := &Lexer{src: src}
	l.tok = scanToken(src, 0)
	return l
}

// Token is the current token. It is valid until the next call of Next.
func (l *Lexer) Token() *Token { return &l.tok }

// Kind is the kind of the current token.
func (l *Lexer) Kind() TokenKind { return l.tok.Kind }

// Next moves to the next token and returns its kind.
func (l *Lexer) Next() TokenKind {
	if l.tok.Kind != TokenEnd {
		l.tok = scanToken(l.src, l.tok.End)
	}
	return l.tok.Kind
}

// Peek is the kind of the token after the current one.
func (l *Lexer) Peek() TokenKind {
	if l.tok.Kind == TokenEnd {
		return TokenEnd
	}
	t := scanToken(l.src, l.tok.End)
	return t.Kind
}

// Accept moves past the current token if it has kind k and tells whether it did.
func (l *Lexer) Accept(k TokenKind) bool {
	if l.tok.Kind != k || l.err != nil {
		return false
	}
	l.Next()
	return true
}

// AcceptID moves past the current token if it is the name id.
func (l *Lexer) AcceptID(id string) bool {
	if l.tok.Kind != TokenID || l.tok.Text != id || l.err != nil {
		return false
	}
	l.Next()
	return true
}

// AcceptString moves past the current token if it is the quoted string s.
func (l *Lexer) AcceptString(s string) bool {
	if l.tok.Kind != TokenString || l.tok.Text != s || l.err != nil {
		return false
	}
	l.Next()
	return true
}

// Expect is Accept that makes it an error not to find k.
func (l *Lexer) Expect(k TokenKind) bool {
	if l.Accept(k) {
		return true
	}
	l.Unexpected("`" + k.String() + "'")
	return false
}

// IsInt tells whether the current token is a decimal number below 2^31.
func (l *Lexer) IsInt() bool {
	return l.tok.Kind == TokenInteger && l.tok.Format == FormatDecimal && l.tok.Value.Lo < 1<<31
}

// AcceptInt moves past a small decimal number.
func (l *Lexer) AcceptInt() (int, bool) {
	if !l.IsInt() {
		return 0, false
	}
	v := int(l.tok.Value.Lo)
	l.Next()
	return v, true
}

// ExpectInt is AcceptInt that makes it an error not to find one.
func (l *Lexer) ExpectInt() (int, bool) {
	v, ok := l.AcceptInt()
	if !ok {
		l.Unexpected("small integer")
	}
	return v, ok
}

// ExpectEnd makes it an error to have input left.
func (l *Lexer) ExpectEnd() bool {
	if l.tok.Kind == TokenEnd {
		return l.err == nil
	}
	l.Unexpected("end of input")
	return false
}

// Errorf records an error at the current token, unless there is one already.
func (l *Lexer) Errorf(format string, args ...any) {
	if l.tok.Kind == TokenError {
		l.ErrorfAt(l.tok.Pos, "%s", l.tok.Text)
		return
	}
	l.ErrorfAt(l.tok.Pos, format, args...)
}

// ErrorfAt records an error at offset pos, unless there is one already.
func (l *Lexer) ErrorfAt(pos int, format string, args ...any) {
	if l.err != nil {
		return
	}
	l.err = &SyntaxError{Pos: pos, What: fmt.Sprintf(format, args...)}
	l.tok = Token{Kind: TokenEnd, Pos: len(l.src), End: len(l.src)}
}

// Unexpected records that the current token is not the expected thing.
func (l *Lexer) Unexpected(expected string) {
	if l.tok.Kind == TokenEnd {
		l.Errorf("input ends where %s is expected", expected)
		return
	}
	l.Errorf("found `%s' where %s is expected", clip(l.src[l.tok.Pos:l.tok.End]), expected)
}

// Err is the first error, or nil. A token that is an error counts once the
// parser has stumbled over it.
func (l *Lexer) Err() error {
	if l.err == nil {
		return nil
	}
	return l.err
}

// clip shortens text that goes into an error message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	for i := most; i > most-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i] + "…"
		}
	}
	return s[:most] + "…"
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isIDStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '.'
}
func isID(c byte) bool  { return isIDStart(c) || isDigit(c) }
func isHex(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// skipBlank returns the offset of the next token at or after i, or what is wrong
// with the comment there.
func skipBlank(s string, i int) (int, string) {
	for i < len(s) {
		switch {
		case isSpace(s[i]):
			i++
		case s[i] != '/':
			return i, ""
		case strings.HasPrefix(s[i:], "//"):
			n := strings.IndexByte(s[i:], '\n')
			if n < 0 {
				return len(s), ""
			}
			i += n
		case strings.HasPrefix(s[i:], "/*"):
			n := strings.Index(s[i+2:], "*/")
			if n < 0 || strings.IndexByte(s[i+2:i+2+n], '\n') >= 0 {
				return i, "comment has no end on its line"
			}
			i += n + 4
		default:
			return i, "`/' stands only before a mask or in a comment"
		}
	}
	return i, ""
}

// punctuation lists the other tokens without text, longer ones first.
var punctuation = [...]struct {
	text string
	kind TokenKind
}{
	{"<->", TokenExchange}, {"==", TokenEQ}, {"!=", TokenNE}, {"&&", TokenAnd}, {"||", TokenOr},
	{"<=", TokenLE}, {">=", TokenGE}, {"..", TokenEllipsis}, {"--", TokenDecrement},
	{"=", TokenEquals}, {"!", TokenNot},
	{"<", TokenLT}, {">", TokenGT}, {"-", TokenHyphen},
}

// single are the characters that are a token and begin no other: most of the
// punctuation there is.
var single = [0x80]TokenKind{
	'(': TokenLParen, ')': TokenRParen, '{': TokenLCurly, '}': TokenRCurly,
	'[': TokenLSquare, ']': TokenRSquare, ',': TokenComma, ';': TokenSemicolon, ':': TokenColon,
}

// scanToken returns the token that starts at or after offset i.
func scanToken(s string, i int) Token {
	i, wrong := skipBlank(s, i)
	t := Token{Pos: i, End: i}
	if wrong != "" {
		t.fail(wrong)
		t.End = i + 1
		return t
	}
	if i >= len(s) {
		return t
	}
	c := s[i]
	switch {
	case c == '"':
		t.scanString(s)
		return t
	case c == '$' || c == '@' || c == '^':
		if i+1 >= len(s) || !isIDStart(s[i+1]) {
			t.fail("a name must follow `" + string(rune(c)) + "'")
			t.End = i + 1
			return t
		}
		switch c {
		case '$':
			t.Kind = TokenMacro
		case '@':
			t.Kind = TokenPortGrp
		default:
			t.Kind = TokenTemplate
		}
		t.scanID(s, i+1)
		return t
	case isDigit(c) || strings.HasPrefix(s[i:], "::"):
		t.scanInteger(s)
		return t
	case isIDStart(c) && c != '.':
		// Hexadecimal digits before a colon begin an address: names never
		// have a colon after them.
		n := i
		for n < len(s) && isHex(s[n]) {
			n++
		}
		if n > i && n < len(s) && s[n] == ':' {
			t.scanInteger(s)
			return t
		}
		t.Kind = TokenID
		t.scanID(s, i)
		return t
	}
	if c < 0x80 && single[c] != TokenEnd {
		t.Kind, t.End = single[c], i+1
		return t
	}
	for _, p := range &punctuation {
		if strings.HasPrefix(s[i:], p.text) {
			t.Kind, t.End = p.kind, i+len(p.text)
			return t
		}
	}
	t.End = i + 1
	if c > ' ' && c < 0x7f {
		t.fail("unexpected character `" + string(rune(c)) + "'")
	} else {
		t.fail(fmt.Sprintf("unexpected byte %#x", c))
	}
	return t
}

func (t *Token) fail(why string) { t.Kind, t.Text = TokenError, why }

func (t *Token) scanID(s string, i int) {
	start := i
	for i < len(s) && isID(s[i]) {
		i++
	}
	t.Text, t.End = s[start:i], i
}

// scanString reads a quoted string with the escapes of JSON.
func (t *Token) scanString(s string) {
	i := t.Pos + 1
	plain := true
	for i < len(s) && s[i] != '"' {
		if s[i] == '\\' {
			plain = false
			i++
		}
		i++
	}
	if i >= len(s) {
		t.End = len(s)
		t.fail("input ends inside a quoted string")
		return
	}
	t.End = i + 1
	t.Kind, t.Text = TokenString, s[t.Pos+1:i]
	if plain {
		return
	}
	text, err := unescape(t.Text)
	if err != "" {
		t.fail(err)
		return
	}
	t.Text = text
}

// unescape undoes the escapes of JSON (RFC 8259 section 7).
func unescape(s string) (string, string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i >= len(s) {
			return "", "string ends in a backslash"
		}
		if n := strings.IndexByte(`"\/bfnrt`, s[i]); n >= 0 {
			b.WriteByte("\"\\/\b\f\n\r\t"[n])
			continue
		}
		if s[i] != 'u' {
			return "", "unknown escape in string"
		}
		r, ok := hex4(s, i+1)
		i += 4
		if ok && 0xd800 <= r && r < 0xdc00 {
			var lo rune
			if strings.HasPrefix(s[min(i+1, len(s)):], `\u`) {
				lo, ok = hex4(s, i+3)
			}
			ok = ok && 0xdc00 <= lo && lo < 0xe000
			r = (r-0xd800)<<10 + (lo - 0xdc00) + 0x10000
			i += 6
		}
		if !ok || r == 0 || !utf8.ValidRune(r) {
			return "", "bad \\u escape in string"
		}
		b.WriteRune(r)
	}
	return b.String(), ""
}

func hex4(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	v, err := strconv.ParseUint(s[i:i+4], 16, 16)
	return rune(v), err == nil
}
