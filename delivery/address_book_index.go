package delivery

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Entries are found by keyed digests of what their words begin with. Longer
// beginnings than these are told apart after decryption.
const (
	leastPrefix = 2
	mostPrefix  = 12
	mostAddress = 24 // of an e-mail address
	mostTerms   = 200
)

// blindIndex makes the digests of one account: the same word has another digest
// in another account, and none without the service's key.
type blindIndex struct{ secret []byte }

func (s *Service) blind(account string) blindIndex {
	m := hmac.New(sha256.New, s.LinkKey)
	m.Write([]byte("bode address book 1\x00" + account))
	return blindIndex{m.Sum(nil)}
}

func (b blindIndex) digest(kind, s string) []byte {
	m := hmac.New(sha256.New, b.secret)
	m.Write([]byte(kind + "\x00" + s))
	return m.Sum(nil)
}

// key is the digest of a sender's own key, as it is written but for its case.
func (b blindIndex) key(own string) []byte { return b.digest("key", strings.ToLower(own)) }

// who is the digest by which the same recipient is found twice in a list.
func (b blindIndex) who(r Recipient) []byte {
	return b.digest("who", strings.ToLower(r.Email+"\x00"+r.Given+"\x00"+r.Family))[:16]
}

func (b blindIndex) term(word string) int64 {
	return int64(binary.BigEndian.Uint64(b.digest("begin", word)))
}

// terms are the digests of all that an entry is found by.
func (b blindIndex) terms(a Addressee) []int64 {
	var out []int64
	for _, w := range words(a) {
		most := mostPrefix
		if strings.Contains(w, "@") {
			most = mostAddress
		}
		r := []rune(w)
		for n := min(leastPrefix, len(r)); n <= min(most, len(r)); n++ {
			if t := b.term(string(r[:n])); !slices.Contains(out, t) && len(out) < mostTerms {
				out = append(out, t)
			}
		}
	}
	return out
}

// words are what an entry is found by.
func words(a Addressee) []string {
	text := []string{a.Family, a.Given, a.Key}
	if o := a.Organisation; o != nil {
		text = append(text, o.Name, o.EnterpriseNumber)
	}
	list := append([]string{strings.ToLower(a.Email)}, split(strings.Join(text, " "))...)
	local, domain, _ := strings.Cut(strings.ToLower(a.Email), "@")
	return append(append(list, split(local)...), domain)
}

// split takes a text apart into words as they are compared: without accents and
// case.
func split(s string) []string {
	return strings.FieldsFunc(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(s)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// asked are the words that somebody searches for.
func asked(query string) (list []string) {
	for _, w := range strings.Fields(strings.ToLower(query)) {
		if strings.Contains(w, "@") {
			list = append(list, w)
		} else {
			list = append(list, split(w)...)
		}
	}
	return list[:min(len(list), 10)]
}

// search are the digests of words that are searched for.
func (b blindIndex) search(list []string) (out []int64) {
	for _, w := range list {
		most := mostPrefix
		if strings.Contains(w, "@") {
			most = mostAddress
		}
		r := []rune(w)
		out = append(out, b.term(string(r[:min(most, len(r))])))
	}
	return out
}

// found reports whether an entry has a word that begins with each of those asked.
func found(a Addressee, list []string) bool {
	have := words(a)
	for _, w := range list {
		if !slices.ContainsFunc(have, func(h string) bool { return strings.HasPrefix(h, w) }) {
			return false
		}
	}
	return true
}
