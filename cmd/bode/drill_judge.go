package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// How drills end beside well and badly.
var (
	// errNotHere: the machine lacks what the drill needs; exit status 3.
	errNotHere = errors.New("this drill cannot be had here")
	// errInside: the drill ran in a process with mounts of its own, whose exit
	// status is ours.
	errInside = errors.New("drill")
	// errNothingShown: the fault was not real, or the negative control found
	// nothing: the drill proves nothing.
	errNothingShown = errors.New("the drill shows nothing")
	errSlow         = errors.New("it took longer than it may")
	errRefusedBadly = errors.New("refusals were not clear")
)

// verdict is what a drill found against what clients were told.
type verdict struct{ acknowledged, lost, double, other int }

func (v verdict) String() string {
	return fmt.Sprintf("%d acknowledged, lost %d, double %d, under another number %d", v.acknowledged, v.lost, v.double, v.other)
}

// fault is errLost unless all is well.
func (v verdict) fault(seed uint64) error {
	if v.lost+v.double+v.other == 0 {
		return nil
	}
	return fmt.Errorf("%w, or double: %s; seed %d", errLost, v, seed)
}

const sqlStored = `SELECT reference, array_agg(number ORDER BY number) FROM message WHERE reference LIKE $1 || '-%' GROUP BY reference`

// stored are the numbers of the messages of a drill, by reference.
func stored(ctx context.Context, address, prefix string) (map[string][]string, error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, sqlStored, prefix)
	if err != nil {
		return nil, err
	}
	there := map[string][]string{}
	var reference string
	var numbers []string
	_, err = pgx.ForEachRow(rows, []any{&reference, &numbers}, func() error {
		there[reference] = append([]string(nil), numbers...)
		return nil
	})
	return there, err
}

// compare holds what clients were told against what is there. A message whose
// answer was lost may be there, once.
func compare(told map[string]string, there map[string][]string) (v verdict) {
	v.acknowledged = len(told)
	for reference, number := range told {
		switch got := there[reference]; {
		case len(got) == 0:
			v.lost++
		case len(got) == 1 && number != "" && got[0] != number:
			v.other++
		}
	}
	for _, numbers := range there {
		if len(numbers) > 1 {
			v.double++
		}
	}
	return v
}
