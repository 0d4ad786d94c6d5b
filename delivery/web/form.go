package web

// Fault is one thing wrong with a form. Field is the id of the field it is at, or
// "" when it is about the whole; Key is a key of the face's catalog, Args its
// placeholders as name-value pairs. Where, when not empty, is the key of what the
// summary says before it: which of several things of the same kind it is about.
type Fault struct {
	Field string
	Key   string
	Where string
	Args  []any
}

// Faults are what is wrong with a form, in the order of its fields. The data of a
// page embeds them; the layout shows them as a summary with links to the fields.
type Faults []Fault

func (f Faults) faults() Faults { return f }

// Add notes a fault.
func (f *Faults) Add(field, key string, args ...any) {
	*f = append(*f, Fault{Field: field, Key: key, Args: args})
}

// At is the first fault of a field, or nil.
func (f Faults) At(field string) *Fault {
	for i := range f {
		if f[i].Field == field {
			return &f[i]
		}
	}
	return nil
}

// Field is one field of a form, ready to be written by the parts "input", "area",
// "choice", "radios" and "check".
type Field struct {
	ID, Name, Type, Value string
	Label, Hint, Fault    string
	Autocomplete, Mode    string // autocomplete and inputmode attributes
	Width                 string // "s", "m", "l", or "" for the whole width
	Max                   int    // characters; 0: not bounded
	Rows                  int
	Optional              bool
	Checked               bool
	Lang                  string // of what is typed, when it differs from the page's
	Accept                string
	Multiple, Focus       bool
	Options               []Option
	OptionalWord          string
	FaultWord             string // "Error:", for those who do not see the colour
}

// Described is the value of aria-describedby.
func (f Field) Described() string {
	s := ""
	if f.Hint != "" {
		s = f.ID + "-hint"
	}
	if f.Fault != "" {
		if s != "" {
			s += " "
		}
		s += f.ID + "-fault"
	}
	return s
}

// Option is one thing to choose. Text is already in the reader's language.
type Option struct{ Value, Text, Hint string }

// Input makes a field of a form: its label is the text of "field."+name, its hint
// that of "hint."+name if there is one, its fault the one noted for it. settings
// are name-value pairs: id, key (another stem for the words), type,
// autocomplete, mode, width, max, rows, optional, checked, accept, multiple,
// focus, options (a []Option).
func (v *View) Input(name, value string, settings ...any) (Field, error) {
	f := Field{ID: name, Name: name, Type: "text", Value: value, Rows: 8}
	key := name
	for i := 0; i+1 < len(settings); i += 2 {
		x := settings[i+1]
		s, _ := x.(string)
		n, _ := x.(int)
		b, _ := x.(bool)
		switch settings[i] {
		case "id":
			f.ID = s
		case "key":
			key = s
		case "type":
			f.Type = s
		case "autocomplete":
			f.Autocomplete = s
		case "mode":
			f.Mode = s
		case "width":
			f.Width = s
		case "max":
			f.Max = n
		case "rows":
			f.Rows = n
		case "optional":
			f.Optional = b
		case "checked":
			f.Checked = b
		case "accept":
			f.Accept = s
		case "multiple":
			f.Multiple = b
		case "focus":
			f.Focus = b
		case "options":
			f.Options, _ = x.([]Option)
		}
	}
	var err error
	if f.Label, err = v.T("field." + key); err != nil {
		return f, err
	}
	if v.Has("hint." + key) {
		if f.Hint, err = v.T("hint." + key); err != nil {
			return f, err
		}
	}
	if bad := v.Faults.At(f.ID); bad != nil {
		if f.Fault, err = v.T(bad.Key, bad.Args...); err != nil {
			return f, err
		}
	}
	if f.OptionalWord, err = v.T("optional"); err != nil {
		return f, err
	}
	f.FaultWord, err = v.T("fault")
	return f, err
}

// FaultText is what the summary says of a fault.
func (v *View) FaultText(f Fault) (string, error) {
	text, err := v.T(f.Key, f.Args...)
	if f.Where == "" || err != nil {
		return text, err
	}
	where, err := v.T(f.Where, f.Args...)
	return where + " " + text, err
}
