// Nocgo is a program without cgo that asks for a key in a device and says
// whether it is told why it cannot have it.
package main

import (
	"errors"
	"fmt"

	"github.com/bode-erds/bode/evidence/seal"
)

func main() {
	_, err := seal.New(seal.Config{Token: &seal.TokenConfig{}})
	fmt.Println(errors.Is(err, seal.ErrNoPKCS11), err)
}
