package main

import (
	"bytes"
	"fmt"

	"github.com/signintech/gopdf"
	"golang.org/x/image/font/gofont/goregular"
)

// playDocuments makes the two attachments of the play: plain PDF files that
// anybody could have written.
func playDocuments() (map[string][]byte, error) {
	out := map[string][]byte{}
	for name, pages := range map[string][][]string{
		"opzegging.pdf": {{
			"Opzegging van een huurovereenkomst", "",
			"Verhuurder: Immo Zilverlinde bv", "Huurgoed: Vlasmarkt 7 bus 3, 9000 Gent", "",
			"De verhuurder zegt de huurovereenkomst van 1 september 2023 op.",
			"De opzeggingstermijn bedraagt drie maanden en begint op de eerste dag",
			"van de maand na deze kennisgeving.",
		}},
		"plaatsbeschrijving.pdf": {
			{"Plaatsbeschrijving", "", "Leefruimte: parket, twee krassen bij het raam.", "Keuken: werkblad in goede staat.", "Badkamer: voegen vernieuwd in 2024."},
			{"Plaatsbeschrijving, bladzijde 2", "", "Meterstanden", "Elektriciteit 48 211 kWh", "Water 612 m3"},
		},
	} {
		b, err := playDocument(pages)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = b
	}
	return out, nil
}

func playDocument(pages [][]string) ([]byte, error) {
	var pdf gopdf.GoPdf
	pdf.Start(gopdf.Config{PageSize: *gopdf.PageSizeA4})
	if err := pdf.AddTTFFontData("go", goregular.TTF); err != nil {
		return nil, err
	}
	for _, lines := range pages {
		pdf.AddPage()
		for i, line := range lines {
			size := 12
			if i == 0 {
				size = 18
			}
			if err := pdf.SetFont("go", "", size); err != nil {
				return nil, err
			}
			pdf.SetXY(70, 80+float64(i)*20)
			if err := pdf.Cell(nil, line); err != nil {
				return nil, err
			}
		}
	}
	var b bytes.Buffer
	_, err := pdf.WriteTo(&b)
	return b.Bytes(), err
}
