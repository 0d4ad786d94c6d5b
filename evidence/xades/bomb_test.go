package xades

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// bombs are documents of the greatest length that is read at all, each made to
// take as much memory or time as it can.
func bombs() map[string]func() string {
	fill := func(before, piece, after string) func() string {
		return func() string {
			return before + strings.Repeat(piece, (maxDocument-len(before)-len(after))/len(piece)) + after
		}
	}
	numbered := func(before, format, after string) func() string {
		return func() string {
			var b strings.Builder
			b.WriteString(before)
			for i := 0; b.Len() < maxDocument-len(after)-60; i++ {
				fmt.Fprintf(&b, format, i)
			}
			return b.String() + after
		}
	}
	short := func(s string) func() string { return func() string { return s } }
	const root = `<e:Evidence xmlns:e="http://uri.etsi.org/19522/v1#">`
	return map[string]func() string{
		"two gibibytes' beginning": fill("", "\x00", ""),
		"spaces":                   fill("", " ", ""),
		"depth":                    fill("", "<a>", ""),
		"elements":                 fill(root, "<a/>", "</e:Evidence>"),
		"text":                     fill(root, "&#13;", "</e:Evidence>"),
		"attributes":               numbered(root[:len(root)-1], ` a%x=""`, "></e:Evidence>"),
		"attribute":                fill(root[:len(root)-1]+` a="`, "&#9;", `"></e:Evidence>`),
		"prefixes":                 numbered(root[:len(root)-1], ` xmlns:p%x="u"`, "></e:Evidence>"),
		"copied prefixes":          fill(root[:len(root)-1]+strings.Repeat(` xmlns:p="u"`, 100_000)+">", `<a xmlns:q="v"/>`, "</e:Evidence>"),
		"long names":               fill("<"+strings.Repeat("a", maxDocument/2)+">", "<b/>", ""),
		"parties":                  fill(root+"<e:Extensions><e:Extension><b:Facts>", "<Party/>", "</b:Facts></e:Extension></e:Extensions></e:Evidence>"),
		"entities":                 short(`<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><a>&b;</a>`),
		"external":                 short(`<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><a>&a;</a>`),
		"document type":            fill("<!DOCTYPE a [", "<!ENTITY a 'b'>", "]><a></a>"),
		"comments":                 fill(root, "<!---->", "</e:Evidence>"),
		"comment":                  fill(root+"<!--", "x", "--></e:Evidence>"),
		"instructions":             fill(root, "<?a?>", "</e:Evidence>"),
		"CDATA":                    fill(root, "<![CDATA[x]]>", "</e:Evidence>"),
		"signatures":               fill(root, "<ds:Signature/>", "</e:Evidence>"),
		"never finished":           fill(root+"<a b='", "x", ""),
	}
}

// TestBombs refuses each in a process of its own, whose memory and processor
// time are measured: at most 256 MiB and 10 seconds.
func TestBombs(t *testing.T) {
	t.Parallel()
	if name := os.Getenv("BODE_BOMB"); name != "" {
		doc := []byte(bombs()[name]())
		if (Checker{}).Check(doc, evidence.Trust{}).OK() {
			t.Error("accepted")
		}
		if _, err := evidence.ReadXML(doc); err == nil {
			t.Error("read")
		}
		return
	}
	for name := range bombs() {
		cmd := exec.Command(os.Args[0], "-test.run=^TestBombs$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), "BODE_BOMB="+name)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
			continue
		}
		usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			t.Fatal("no usage")
		}
		spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		t.Logf("%s: %d MiB, %s", name, usage.Maxrss>>10, spent.Round(time.Millisecond))
		if raceDetector {
			continue // which takes time and memory of its own
		}
		if usage.Maxrss > 256<<10 || spent > 10*time.Second {
			t.Errorf("%s: %d MiB, %s", name, usage.Maxrss>>10, spent)
		}
	}
}
