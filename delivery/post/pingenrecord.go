package post

type remote struct{}
