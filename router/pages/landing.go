package pages

import "github.com/valyala/fasthttp"

// Landing answers GET / with the front page. It is a request handler.
func (s *Set) Landing(ctx *fasthttp.RequestCtx) {
	base, ok := s.Site.Base(string(ctx.Host()))
	if !ok {
		ctx.Error("", fasthttp.StatusMisdirectedRequest)
		return
	}
	write(ctx, fasthttp.StatusOK, textPage, landingTemplate, view{Title: "MCP server", Wide: true, Page: struct{ Base string }{base}})
}
