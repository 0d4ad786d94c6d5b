package evidence

func buildXML(d Document) []byte { return nil }
