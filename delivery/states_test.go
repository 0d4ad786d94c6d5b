package delivery_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// states renders what the rules answer in every situation.
func states(t testing.TB, all []situation, list []verb) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(`# States of a delivery

Made by ` + "`go test ./delivery -run TestMoves -update`" + ` from the rules themselves; a test keeps it true.

` + "```mermaid\nstateDiagram-v2\n    [*] --> submitted: SubmissionAcceptance\n")
	edges := map[string]bool{}
	for _, s := range all {
		for _, v := range list {
			m, err := v.do(s.Delivery, s.LastAt.Add(time.Minute))
			if err != nil || m.After.State == s.State {
				continue
			}
			if edge := fmt.Sprintf("    %s --> %s: %s\n", s.State, m.After.State, m.Event.Name); !edges[edge] {
				edges[edge] = true
				b.WriteString(edge)
			}
		}
	}
	for _, s := range delivery.States {
		if s.Final(delivery.DefaultPolicy()) {
			fmt.Fprintf(&b, "    %s --> [*]\n", s)
		}
	}
	b.WriteString("```\n\nWithout a fallback to paper `expired` is final too.\n\n## What each rule answers\n\n" +
		"A bold state is where the move leads; `=` records its event and leaves the state as it is; an error means that nothing happened.\n")
	for _, s := range all {
		fmt.Fprintf(&b, "\n### %s\n\n| rule | leads to | event | tells | then |\n| --- | --- | --- | --- | --- |\n", s.name)
		refused := map[string][]string{}
		var order []string
		for _, v := range list {
			m, err := v.do(s.Delivery, s.LastAt.Add(time.Minute))
			if err != nil {
				why := refusal(t, err)
				if refused[why] == nil {
					order = append(order, why)
				}
				refused[why] = append(refused[why], v.name)
				continue
			}
			to := "="
			if m.After.State != s.State {
				to = "**" + string(m.After.State) + "**"
			}
			var tells, then []string
			for _, n := range m.Notices {
				tells = append(tells, string(n.Kind))
			}
			if m.Job != delivery.NoJob {
				then = append(then, string(m.Job))
			}
			for _, d := range m.Deadlines {
				then = append(then, string(d.Kind))
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", v.name, to, m.Event.Name, strings.Join(tells, ", "), strings.Join(then, ", "))
		}
		b.WriteString("\n")
		for _, why := range order {
			fmt.Fprintf(&b, "- `%s`: %s\n", why, strings.Join(refused[why], "; "))
		}
	}
	return b.Bytes()
}
