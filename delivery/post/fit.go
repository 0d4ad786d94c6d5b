package post

import (
	"fmt"
	"math"
)

// A4 in points.
const a4W, a4H = 210 * 72 / 25.4, 297 * 72 / 25.4

// matrix is a PDF transformation: x' = ax+cy+e, y' = bx+dy+f.
type matrix [6]float64

// then gives the transformation that does m first and n after it.
func (m matrix) then(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

// at transforms a point.
func (m matrix) at(x, y float64) (float64, float64) {
	return m[0]*x + m[2]*y + m[4], m[1]*x + m[3]*y + m[5]
}

func (m matrix) String() string {
	return fmt.Sprintf("%s %s %s %s %s %s", num(m[0]), num(m[1]), num(m[2]), num(m[3]), num(m[4]), num(m[5]))
}

// rect is a rectangle in points, lower left and upper right corner.
type rect struct{ x1, y1, x2, y2 float64 }

func (r rect) String() string {
	return fmt.Sprintf("[%s %s %s %s]", num(r.x1), num(r.y1), num(r.x2), num(r.y2))
}

// turn rotates a page of w × h clockwise into the first quadrant, and gives its
// new width and height.
func turn(w, h float64, degrees int) (m matrix, tw, th float64) {
	switch degrees {
	case 90:
		return matrix{0, -1, 1, 0, 0, w}, h, w
	case 180:
		return matrix{-1, 0, 0, -1, w, h}, w, h
	case 270:
		return matrix{0, 1, -1, 0, h, 0}, h, w
	}
	return matrix{1, 0, 0, 1, 0, 0}, w, h
}

// minScale: below it print is not readable. One half is A2 on A4.
const minScale = 0.5

// a4Slack is how far from A4 a page may be and stay at its own size: 2 mm.
const a4Slack = 2 * 72 / 25.4

// fit places a page's visible box, turned by its own rotation, on A4 portrait:
// landscape with its head to the left, shrunk when too large, in the middle. It
// says which of [Scaled] and [Turned] that took.
func fit(box rect, rotate int, unit float64) (m matrix, changed []Note, err error) {
	w, h := box.x2-box.x1, box.y2-box.y1
	if !(w > 1 && h > 1) || !(unit > 0) || math.IsInf(w*h*unit, 0) {
		return matrix{}, nil, refuse(Broken, "page box %v", box)
	}
	m = matrix{1, 0, 0, 1, -box.x1, -box.y1}
	r, w, h := turn(w, h, ((rotate%360)+360)%360)
	m = m.then(r)
	if w > h {
		r, w, h = turn(w, h, 270)
		m, changed = m.then(r), append(changed, Turned)
	}
	w, h = w*unit, h*unit
	s := 1.0
	if w > a4W+a4Slack || h > a4H+a4Slack {
		s, changed = min(a4W/w, a4H/h), append(changed, Scaled)
	}
	if s < minScale-0.01 {
		return matrix{}, nil, refuse(PageTooLarge, "%.0f × %.0f points", w, h)
	}
	return m.then(matrix{s * unit, 0, 0, s * unit, (a4W - w*s) / 2, (a4H - h*s) / 2}), changed, nil
}
