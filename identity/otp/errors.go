package otp

import (
	"errors"
	"fmt"
)

// Errors of issuing.
var (
	ErrTooManyCodes = errors.New("otp: too many codes asked for") // come back within the hour
)

// Errors of checking. None of them changes the caller's transaction.
var (
	ErrCodeWrong    = errors.New("otp: wrong code") // as *WrongCode
	ErrCodeExpired  = errors.New("otp: code is too old")
	ErrCodeUsed     = errors.New("otp: code was used")
	ErrTooManyTries = errors.New("otp: too many wrong codes") // ask for a new one
	ErrNoCode       = errors.New("otp: no code was asked for")
)

// WrongCode is ErrCodeWrong with how many tries are left; after zero only a new
// code helps.
type WrongCode struct{ Left int }

func (e *WrongCode) Error() string { return fmt.Sprintf("%v: %d tries left", ErrCodeWrong, e.Left) }
func (e *WrongCode) Unwrap() error { return ErrCodeWrong }
