package authorize

import (
	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/pages"
)

const startAgain = "Go back to the app and connect to this server again."

// The faults that are shown and not redirected: no client has proven to be the
// one to tell. None repeats what the request said.
var (
	foreignHost = pages.Fault{
		Status: fasthttp.StatusMisdirectedRequest,
		Title:  "This server does not answer to that name",
		Detail: "It is for this computer only and is reached as localhost, 127.0.0.1 or [::1].",
	}

	malformedRequest = pages.Fault{
		Status: fasthttp.StatusBadRequest,
		Title:  "The app's request cannot be read",
		Detail: "The parameters are longer than 8 KB or not valid application/x-www-form-urlencoded text.",
		Advice: []string{startAgain, "If it happens again, the app has a fault: tell its makers."},
	}
	incompleteRequest = pages.Fault{
		Status: fasthttp.StatusBadRequest,
		Title:  "The app's request is incomplete",
		Detail: "It must have client_id and redirect_uri, once each.",
		Advice: []string{"Connect from an MCP client; this address is not meant to be opened by hand.", "If a client brought you here, it has a fault: tell its makers."},
	}
	unknownClient = pages.Fault{
		Status: fasthttp.StatusBadRequest,
		Title:  "This server does not know the app",
		Detail: "The app has a registration (client_id) that is not, or no longer, valid here: from another server, or from before the server's keys were replaced.",
		Advice: []string{"Make the app forget its registration as shown below. It then registers again by itself when you connect."},
		Resets: true,
	}
	foreignRedirect = pages.Fault{
		Status: fasthttp.StatusBadRequest,
		Title:  "The app asks for an address it has not registered",
		Detail: "The redirect_uri of the request is none of those the app registered, so you are not sent there: it may be somebody else's.",
		Advice: []string{"If you came here by a link in a message or on a website, close this page.", "If you came here from your own app, make it forget its registration as shown below and connect again."},
		Resets: true,
	}
	twoCookies = pages.Fault{
		Status: fasthttp.StatusBadRequest,
		Title:  "Your browser sent contradictory cookies",
		Detail: "Two cookies of this server have the same name and different values. One of them was set by something else.",
		Advice: []string{"Delete the cookies of this address in your browser.", startAgain},
	}

	crossSite = pages.Fault{
		Status: fasthttp.StatusForbidden,
		Title:  "This answer did not come from this server's page",
		Detail: "Another website sent it. Nothing has been approved.",
		Advice: []string{"Close the page that brought you here.", startAgain},
	}
	malformedForm = pages.Fault{
		Status: fasthttp.StatusBadRequest,
		Title:  "The answer cannot be read",
		Detail: "It is no form of at most 64 KB with a ticket and the action approve or deny, once each.",
		Advice: []string{startAgain},
	}
	invalidTicket = pages.Fault{
		Status: fasthttp.StatusBadRequest,
		Title:  "This question is not valid",
		Detail: "Its ticket is not from this server, or the server's keys were replaced since. Nothing has been approved.",
		Advice: []string{startAgain},
	}
	expiredTicket = pages.Fault{
		Status: fasthttp.StatusBadRequest,
		Title:  "This question has expired",
		Detail: "An answer is accepted for 10 minutes. Nothing has been approved.",
		Advice: []string{startAgain},
	}
	otherBrowser = pages.Fault{
		Status: fasthttp.StatusForbidden,
		Title:  "This question was asked in another browser",
		Detail: "The cookie that belongs to the question is missing or another one. Nothing has been approved.",
		Advice: []string{"Allow cookies for this address.", startAgain},
	}

	malformedCallback = pages.Fault{
		Status: fasthttp.StatusBadRequest,
		Title:  "The identity provider's answer cannot be read",
		Detail: "Its parameters are too long, repeated or not valid application/x-www-form-urlencoded text.",
		Advice: []string{startAgain},
	}
	invalidState = pages.Fault{
		Status: fasthttp.StatusBadRequest,
		Title:  "This login did not start here",
		Detail: "Its state is not from this server. Nobody has been signed in.",
		Advice: []string{"If you came here by a link in a message or on a website, close this page.", startAgain},
	}
	expiredState = pages.Fault{
		Status: fasthttp.StatusBadRequest,
		Title:  "This login took too long",
		Detail: "It has to be finished within 10 minutes. Nobody has been signed in.",
		Advice: []string{startAgain},
	}
	otherFlow = pages.Fault{
		Status: fasthttp.StatusBadRequest,
		Title:  "This login was not started in this browser, or is already over",
		Detail: "The cookie that belongs to it is missing. Nobody has been signed in.",
		Advice: []string{"If somebody sent you this link, close this page: finishing it would sign you in to their app.", "Otherwise: " + startAgain},
	}
)
