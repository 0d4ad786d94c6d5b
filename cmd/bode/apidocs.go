package main

import (
	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/api"
	"github.com/bode-erds/bode/delivery/api/docs"
	"github.com/bode-erds/bode/delivery/web"
)

// documentation puts the pages about the API beside the others.
func (a *app) documentation(e *echo.Echo, pages *web.Web) error {
	contract, err := api.Document()
	if err != nil {
		return err
	}
	d, err := docs.New(docs.Config{Pages: pages, Contract: contract, Problems: api.ProblemTexts, BaseURL: a.out.baseURL})
	if err != nil {
		return err
	}
	d.Register(e)
	return nil
}
