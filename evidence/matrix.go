package evidence

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// matrix says how often each event has each component: once, at most once, at
// least once, at will, or not at all. Columns are those of columnOf, rows those
// of components. R03, the seal, is what all of this waits for.
// EN 319 522-2 §8
const matrix = `
       A.1   A.2   B.x   C.1   C.2   C.3   C.4   C.5   C.6   D.1   D.2   D.6   F.1   F.2   F.3   own1  own2  own3  own4  own5
                         D.3   D.4                     D.5   E.1   E.2
  G01  1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1
  G02  1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1
  G03  1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1
  G04  0..n  1..n  1..n  0..n  1..n  0     1..n  1..n  0..n  0..n  1..n  0     0..n  1..n  0..n  0..n  0..n  0..n  1..n  0..n
  G05  1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1
  G06  1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1
  R01  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n
  R02  1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1
  I01  1     0..1  1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1
  I03  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1  0..1
  I06  1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1
  I07  0     0     0     0     0     0..1  0..1  0     0     0..1  0..1  0..1  0     0     0     0     0..1  0     0     1
  I09  0     0     0..1  1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1
  I10  1..n  0..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  0..n  1..n  1..n  1..n  1..n  1..n
  I12  0     0     0     0     0     1..n  1..n  0     0     1..n  0..n  1..n  0     0     0     0     0..n  0     0     1..n
  M01  1     0..1  1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1
  M02  1..n  0..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n  1     1..n  1..n  1..n  1..n  1..n  1..n  1..n  1..n
  M03  1     0..1  1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1     1
  M04  0     0     0     0     0     0     0     0     0     0     0     0     1     1     0     0     0     0..1  0..1  0
`

// columnOf is the column of an event in the matrix, or -1.
func columnOf(n Name) int {
	if i, ok := columns()[n]; ok {
		return i
	}
	return -1
}

var columns = sync.OnceValue(func() map[Name]int {
	at := map[Name]int{}
	for i, group := range [][]Name{
		{SubmissionAcceptance},
		{SubmissionRejection},
		{RelayAcceptance, RelayRejection, RelayFailure},
		{NotificationForAcceptance, ConsignmentNotification},
		{NotificationForAcceptanceFailure, ConsignmentNotificationFailure},
		{ConsignmentAcceptance},
		{ConsignmentRejection},
		{AcceptanceRejectionExpiry},
		{NotificationDelivered, NotificationAccessTracking},
		{ContentConsignment, ContentHandover},
		{ContentConsignmentFailure, ContentHandoverFailure},
		{ContentAccessTracking},
		{RelayToNonERDS},
		{RelayToNonERDSFailure},
		{ReceivedFromNonERDS},
		{SubmissionCancelled},
		{RecipientIdentification, RecipientChoice},
		{PostalItemPosted, PostalItemDelivered, PostalItemTracked, PostalItemCancelled},
		{PostalItemReturned},
		{DelegateNamed, DelegateWithdrawn},
	} {
		for _, n := range group {
			at[n] = i
		}
	}
	return at
})

// cell is how often a component occurs: from min to max times.
type cell struct{ min, max int }

const many = 1 << 30

func (c cell) holds(n int) bool { return c.min <= n && n <= c.max }

func (c cell) String() string {
	switch {
	case c.max == many:
		return strconv.Itoa(c.min) + "..n"
	case c.min != c.max:
		return strconv.Itoa(c.min) + ".." + strconv.Itoa(c.max)
	}
	return strconv.Itoa(c.min)
}

// cells gives the matrix by the name of the row.
var cells = sync.OnceValue(func() map[string][]cell {
	words := map[string]cell{"0": {0, 0}, "1": {1, 1}, "0..1": {0, 1}, "0..n": {0, many}, "1..n": {1, many}}
	rows := map[string][]cell{}
	for _, line := range strings.Split(strings.TrimSpace(matrix), "\n")[2:] {
		f := strings.Fields(line)
		for _, w := range f[1:] {
			c, ok := words[w]
			if !ok {
				panic("evidence: matrix: " + w) // built in; a test reads it
			}
			rows[f[0]] = append(rows[f[0]], c)
		}
	}
	return rows
})

// lintMatrix holds what count says of each component against the column of n.
func lintMatrix(n Name, count func(component) int) (found []Finding) {
	column := columnOf(n)
	if column < 0 {
		return nil
	}
	for _, c := range components() {
		if want, got := cells()[c.row][column], count(c); !want.holds(got) {
			found = append(found, Finding{"en319522", c.clause, fmt.Sprintf("%s: %d, %s asks for %s", c.what, got, n, want)})
		}
	}
	return found
}

// may reports whether evidence of n may have the component of that row.
func (n Name) may(row string) bool {
	column := columnOf(n)
	return column >= 0 && cells()[row][column].max > 0
}

// MayIdentify reports whether evidence of n may say how the recipient was
// identified. Where the recipient had no part in what happened, it may not.
// EN 319 522-2 §8.2 I12
func (n Name) MayIdentify() bool { return n.may("I12") }
