package post

import (
	"bytes"
	"compress/zlib"
	"maps"
	"slices"
	"strings"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// graft copies pages of one document into another as form XObjects, with
// everything they use and nothing else: no scripts, no links, no outlines, no
// attachments. Streams are copied as they are, without decoding.
type graft struct {
	src  *model.Context
	out  *pdfWriter
	ids  map[int]int // source object → ours
	todo []int       // source objects still to be written
	seen map[Note]bool
	keep rect // of the sheet, must stay free for its code; zero: nothing
}

// noted lists in what the pages so far differ from their source.
func (g *graft) noted() (notes []Note) {
	for _, n := range Notes {
		if g.seen[n] {
			notes = append(notes, n)
		}
	}
	return notes
}

func newGraft(src *model.Context, out *pdfWriter, keep rect) *graft {
	return &graft{keep: keep, src: src, out: out, ids: map[int]int{}, seen: map[Note]bool{}}
}

// dropped are keys that lead out of the page, or to something that prints
// differently from what the page shows.
var dropped = []string{"Parent", "StructParent", "StructParents", "PieceInfo", "Metadata", "AF", "Alternates", "OPI", "Ref"}

// value writes o in PDF syntax; objects it refers to are queued.
func (g *graft) value(b *strings.Builder, o types.Object) error {
	switch o := o.(type) {
	case nil:
		b.WriteString("null")
	case types.IndirectRef:
		b.WriteString(ref(g.id(int(o.ObjectNumber))))
	case types.Dict:
		b.WriteString("<<")
		if err := g.entries(b, o); err != nil {
			return err
		}
		b.WriteString(">>")
	case types.Array:
		b.WriteByte('[')
		for i, v := range o {
			if i > 0 {
				b.WriteByte(' ')
			}
			if err := g.value(b, v); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case types.Name, types.StringLiteral, types.HexLiteral, types.Integer, types.Float, types.Boolean:
		b.WriteString(o.PDFString())
	default:
		return refuse(Broken, "object of type %T", o)
	}
	return nil
}

func (g *graft) entries(b *strings.Builder, d types.Dict) error {
	if err := g.font(d); err != nil {
		return err
	}
	for _, k := range slices.Sorted(maps.Keys(d)) {
		if slices.Contains(dropped, k) {
			continue
		}
		b.WriteString("/" + types.EncodeName(k) + " ")
		if err := g.value(b, d[k]); err != nil {
			return err
		}
	}
	return nil
}

// id gives our number of a source object and queues it the first time.
func (g *graft) id(n int) int {
	id, ok := g.ids[n]
	if !ok {
		id = g.out.reserve()
		g.ids[n] = id
		g.todo = append(g.todo, n)
	}
	return id
}

// drain writes what is queued, and what that queues.
func (g *graft) drain() error {
	for len(g.todo) > 0 {
		n := g.todo[0]
		g.todo = g.todo[1:]
		o, err := g.src.Dereference(*types.NewIndirectRef(n, 0))
		if err != nil {
			return refuse(Broken, "object %d: %w", n, err)
		}
		if err := g.write(g.ids[n], o); err != nil {
			return err
		}
	}
	return nil
}

func (g *graft) write(id int, o types.Object) error {
	var b strings.Builder
	switch o := o.(type) {
	case types.StreamDict:
		return g.stream(id, "", &o)
	case types.Dict:
		// A resource that refers back to a page would bring in the whole tree.
		if t := o.Type(); t != nil && (*t == "Page" || *t == "Pages" || *t == "Catalog") {
			g.out.object(id, "null")
			return nil
		}
	}
	if err := g.value(&b, o); err != nil {
		return err
	}
	g.out.object(id, b.String())
	return nil
}

// stream copies one stream undecoded, with entries put before its own.
func (g *graft) stream(id int, extra string, sd *types.StreamDict) error {
	d := sd.Dict.Clone().(types.Dict)
	if _, ok := d.Find("F"); ok || sd.Raw == nil && sd.Content == nil {
		return refuse(Broken, "stream without its data")
	}
	d.Delete("Length")
	var b strings.Builder
	b.WriteString(extra)
	if err := g.entries(&b, d); err != nil {
		return err
	}
	g.out.stream(id, b.String(), sd.Raw)
	return nil
}

// leaf is a grafted page: what to draw, in coordinates of an A4 page.
type leaf struct {
	resources string
	content   string
}

// page copies page n and says how to draw it on A4 portrait.
func (g *graft) page(n int) (leaf, error) {
	d, _, inherited, err := g.src.PageDict(n, false)
	if err != nil || d == nil {
		return leaf{}, refuse(Broken, "page %d: %v", n, err)
	}
	box, err := visible(g.src, d, inherited)
	if err != nil {
		return leaf{}, err
	}
	unit := 1.0
	if u, err := g.src.DereferenceNumber(d["UserUnit"]); err == nil && d["UserUnit"] != nil {
		unit = u
	}
	m, changed, err := fit(box, inherited.Rotate, unit)
	if err != nil {
		return leaf{}, err
	}
	for _, n := range changed {
		g.seen[n] = true
	}
	form, streams, err := g.form(d, inherited.Resources, box)
	if err != nil {
		return leaf{}, err
	}
	if g.inMargin(d, inherited.Resources, streams, m) {
		g.seen[Margin] = true
		m = m.then(beside(g.keep))
	}
	l := leaf{resources: "/P " + ref(form), content: "q " + m.String() + " cm\n/P Do\n"}
	if err := g.annotations(d, &l); err != nil {
		return leaf{}, err
	}
	l.content += "Q\n"
	l.resources = "<</XObject<<" + l.resources + ">>>>"
	return l, g.drain()
}

// form turns the page's content into a form XObject. One content stream is
// copied as it is; several are joined, because what one begins another may end.
func (g *graft) form(page types.Dict, resources types.Dict, box rect) (int, []*types.StreamDict, error) {
	head, err := g.formHead(page, resources, box)
	if err != nil {
		return 0, nil, err
	}
	streams, err := g.contents(page["Contents"])
	if err != nil {
		return 0, nil, err
	}
	id := g.out.reserve()
	if len(streams) == 1 {
		only := *streams[0]
		only.Dict = types.Dict{}
		for _, k := range []string{"Filter", "DecodeParms"} {
			if v, ok := streams[0].Find(k); ok {
				only.Dict[k] = v
			}
		}
		return id, streams, g.stream(id, head, &only)
	}
	var joined bytes.Buffer
	z := zlib.NewWriter(&joined)
	for _, sd := range streams {
		z.Write(sd.Content)
		z.Write([]byte("\n"))
	}
	z.Close()
	g.out.stream(id, head+"/Filter/FlateDecode", joined.Bytes())
	return id, streams, nil
}

func (g *graft) formHead(page, resources types.Dict, box rect) (string, error) {
	var b strings.Builder
	b.WriteString("/Type/XObject/Subtype/Form/BBox " + box.String() + "/Resources ")
	if resources == nil {
		resources = types.Dict{}
	}
	if err := g.value(&b, resources); err != nil {
		return "", err
	}
	if group, ok := page.Find("Group"); ok {
		b.WriteString("/Group ")
		if err := g.value(&b, group); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// contents finds a page's content streams and proves that each can be decoded.
func (g *graft) contents(o types.Object) ([]*types.StreamDict, error) {
	o, err := g.src.Dereference(o)
	if err != nil {
		return nil, refuse(Broken, "content: %w", err)
	}
	list := types.Array{o}
	if a, ok := o.(types.Array); ok {
		list = a
	}
	var all []*types.StreamDict
	total := 0
	for _, o := range list {
		if o == nil {
			continue
		}
		o, err := g.src.Dereference(o)
		sd, ok := o.(types.StreamDict)
		if err != nil || !ok {
			return nil, refuse(Broken, "content is %T: %v", o, err)
		}
		if err := sd.DecodeWithLimit(maxDecode); err != nil {
			return nil, refuse(Broken, "content: %w", err)
		}
		if total += len(sd.Content); total > maxDecode {
			return nil, refuse(Broken, "content of more than %d octets", maxDecode)
		}
		all = append(all, &sd)
	}
	return all, nil
}
