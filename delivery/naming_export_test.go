package delivery

// Naming lets a test break what naming stands on.
var Naming = (*Service).naming
