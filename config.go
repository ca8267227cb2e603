package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
	"mcp-oauth-server/router/authorize"
	"mcp-oauth-server/router/oauth"
	"mcp-oauth-server/router/upstream"
)

// settings are the flags of `serve` and the environment variables behind them,
// as written. A flag wins over the environment, which wins over a .env file in
// the working directory. A variable that is set to nothing counts as not set.
// All are text here, so that one run reports every fault and not the first.
type settings struct {
	Dev bool `help:"Start the built-in development identity provider (users alice and bob) and log in with it."`

	Port      string `env:"PORT" default:"8080" help:"TCP port to listen on."`
	Host      string `env:"HOST" default:"localhost" help:"Address to listen on. localhost binds 127.0.0.1 and, where present, ::1."`
	ServerURL string `env:"SERVER_URL" help:"Issuer and public base URL without a trailing slash. https unless loopback. Default: http://localhost:$PORT."`

	OIDCIssuer       string `name:"oidc-issuer" env:"OIDC_ISSUER" help:"Issuer URL of the identity provider."`
	OIDCClientID     string `name:"oidc-client-id" env:"OIDC_CLIENT_ID" help:"This server's client id at the provider."`
	OIDCClientSecret string `name:"oidc-client-secret" env:"OIDC_CLIENT_SECRET" help:"This server's client secret at the provider; none makes it a public client there."`
	OIDCScopes       string `name:"oidc-scopes" env:"OIDC_SCOPES" default:"openid profile email" help:"Scopes to ask the provider for, separated by spaces."`
	OIDCAuthURL      string `name:"oidc-auth-url" env:"OIDC_AUTH_URL" help:"Authorization endpoint, if it is not the discovered one."`
	OIDCTokenURL     string `name:"oidc-token-url" env:"OIDC_TOKEN_URL" help:"Token endpoint, if it is not the discovered one."`
	OIDCUserURL      string `name:"oidc-user-url" env:"OIDC_USER_URL" help:"Userinfo endpoint, if it is not the discovered one."`
	OIDCJWKSURL      string `name:"oidc-jwks-url" env:"OIDC_JWKS_URL" help:"Key set of the provider, if it is not the discovered one."`

	Keys     string `env:"KEYS" help:"Key ring: 32-byte base64url secrets separated by commas or spaces. The first mints, all are accepted."`
	KeysFile string `env:"KEYS_FILE" help:"File with the key ring, one secret a line."`

	AllowedSubjects     string `env:"ALLOWED_SUBJECTS" help:"Provider subjects that may log in, separated by commas."`
	AllowedEmails       string `env:"ALLOWED_EMAILS" help:"Verified e-mail addresses that may log in, separated by commas."`
	AllowedEmailDomains string `env:"ALLOWED_EMAIL_DOMAINS" help:"Domains of verified e-mail addresses that may log in, separated by commas."`
	AllowAnyUser        string `env:"ALLOW_ANY_USER" default:"false" help:"true: everybody whom the provider logs in may use the tools."`

	DevOIDCAddr string `name:"dev-oidc-addr" env:"DEV_OIDC_ADDR" default:"127.0.0.1:9480" help:"Listen address of the development identity provider."`
	RedisURL    string `env:"REDIS_URL" help:"Redis that all replicas share: redis://, rediss:// or unix://. A code then works once over all of them, and their clients need no sticky load balancer."`
	AdminAddr   string `env:"ADMIN_ADDR" default:"127.0.0.1:9464" help:"Second listener for metrics, probes and profiles: /metrics, /healthz, /readyz, /debug/pprof/. Keep it off the network."`

	CodeTTL         string `name:"code-ttl" env:"CODE_TTL" default:"60s" help:"Lifetime of an authorization code, at most 10m."`
	AccessTokenTTL  string `name:"access-token-ttl" env:"ACCESS_TOKEN_TTL" default:"10m" help:"Lifetime of an access token, at most 24h."`
	RefreshTokenTTL string `name:"refresh-token-ttl" env:"REFRESH_TOKEN_TTL" default:"168h" help:"How long a refresh token may lie unused."`
	SessionTTL      string `name:"session-ttl" env:"SESSION_TTL" default:"720h" help:"Longest time between two logins, whatever is refreshed."`
	AccessTokenAlg  string `env:"ACCESS_TOKEN_ALG" default:"EdDSA" help:"Signature inside access tokens: EdDSA, ES256 or HS256."`
	TokenClaims     string `env:"TOKEN_CLAIMS" help:"What tools learn of a user besides the subject: email, name or both."`

	AllowedOrigins    string `env:"ALLOWED_ORIGINS" help:"Browser origins that may call /sse, separated by commas. On a loopback server loopback origins always may."`
	TrustedProxies    string `env:"TRUSTED_PROXIES" help:"CIDRs of the proxies whose X-Forwarded-For counts."`
	LegacySSE         string `name:"legacy-sse" env:"LEGACY_SSE" default:"on" help:"on or off: the HTTP+SSE transport of 2024-11-05."`
	MaxStreams        string `env:"MAX_STREAMS" default:"20000" help:"Open streams of this replica; 503 beyond."`
	MaxStreamsPerUser string `env:"MAX_STREAMS_PER_USER" default:"100" help:"Open streams of one user on this replica; 429 beyond."`

	LogLevel string `env:"LOG_LEVEL" default:"info" help:"debug, info, warn or error."`
}

// config is what the settings mean: parsed, validated and complete.
type config struct {
	Dev         bool
	DevOIDCAddr string

	Site      oauth.Site
	Listen    []string // addresses of the main listener; the first must work
	AdminAddr string

	Upstream upstream.Config
	Secrets  []jose.Secret
	KeysFile string // where the ring came from, for the log; "" for KEYS
	Policy   authorize.Policy
	Claims   authorize.Claims

	Lifetimes artifact.Lifetimes
	Algorithm jose.Algorithm

	Redis *redis.Options // nil without

	Origins           []string
	TrustedProxies    []netip.Prefix
	LegacySSE         bool
	MaxStreams        int
	MaxStreamsPerUser int
}

// faults collects what is wrong with the settings, a line each.
type faults []string

func (f *faults) add(setting, format string, args ...any) {
	*f = append(*f, setting+": "+fmt.Sprintf(format, args...))
}

// read validates all settings. It returns either a config or at least one
// fault. Its one side effect is the key ring file of a first start on loopback.
func (s settings) read() (config, faults) {
	var f faults
	c := config{Dev: s.Dev, DevOIDCAddr: s.DevOIDCAddr}
	s.readAddresses(&c, &f)
	s.readProvider(&c, &f)
	s.readUsers(&c, &f)
	s.readLifetimes(&c, &f)
	s.readResource(&c, &f)
	s.readRedis(&c, &f)
	if len(f) == 0 { // a run that fails must not leave a new key ring behind
		s.readKeys(&c, &f)
	}
	return c, f
}

// readRedis parses REDIS_URL. What is wrong with it is told without quoting it:
// it may hold a password.
func (s settings) readRedis(c *config, f *faults) {
	if s.RedisURL == "" {
		return
	}
	options, err := redis.ParseURL(s.RedisURL)
	if err != nil {
		f.add("REDIS_URL", "is not a URL like redis://user:password@host:6379/0, rediss://host or unix:///path/to/socket (it is not shown here, as it may hold a password)")
		return
	}
	c.Redis = options
}

func (s settings) readAddresses(c *config, f *faults) {
	port, err := strconv.ParseUint(s.Port, 10, 16)
	if err != nil || port == 0 {
		f.add("PORT", "%q is not a port between 1 and 65535", s.Port)
		port = 8080 // so that the faults below are of their own settings
	}
	c.Listen = []string{net.JoinHostPort(s.Host, s.Port)}
	if s.Host == "localhost" {
		c.Listen = []string{net.JoinHostPort("127.0.0.1", s.Port), net.JoinHostPort("::1", s.Port)}
	}
	if s.Host != "localhost" && net.ParseIP(s.Host) == nil {
		f.add("HOST", "%q is neither localhost nor an IP address to listen on", s.Host)
	}
	serverURL := s.ServerURL
	if serverURL == "" {
		serverURL = fmt.Sprintf("http://localhost:%d", port)
	}
	site, err := oauth.NewSite(serverURL)
	if err != nil {
		f.add("SERVER_URL", "%q %v", serverURL, err)
	}
	c.Site = site
	c.AdminAddr = s.AdminAddr
	if _, err := netip.ParseAddrPort(s.AdminAddr); err != nil {
		f.add("ADMIN_ADDR", "%q is not an address like 127.0.0.1:9464", s.AdminAddr)
	}
}

func (s settings) loopbackHost() bool {
	ip := net.ParseIP(s.Host)
	return s.Host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s settings) readProvider(c *config, f *faults) {
	c.Upstream = upstream.Config{
		Issuer: s.OIDCIssuer, ClientID: s.OIDCClientID, ClientSecret: s.OIDCClientSecret,
		Scopes:  strings.Fields(s.OIDCScopes),
		AuthURL: s.OIDCAuthURL, TokenURL: s.OIDCTokenURL, UserURL: s.OIDCUserURL, JWKSURL: s.OIDCJWKSURL,
	}
	plain := s.OIDCAuthURL != "" && s.OIDCTokenURL != "" && s.OIDCUserURL != ""
	configured := s.OIDCIssuer != "" || plain
	switch {
	case s.Dev && (configured || s.OIDCClientID != ""):
		f.add("OIDC_ISSUER", "a provider is configured and --dev is given; choose one")
	case s.Dev:
		s.readDev(f)
		return
	case !configured && s.OIDCAuthURL+s.OIDCTokenURL+s.OIDCUserURL != "":
		f.add(strings.Join(s.missingEndpoints(), ", "), "not set; without OIDC_ISSUER all of OIDC_AUTH_URL, OIDC_TOKEN_URL and OIDC_USER_URL are needed")
		return
	case !configured:
		f.add("OIDC_ISSUER", "is not set; name your identity provider, or try the server with --dev")
		return
	}
	if s.OIDCClientID == "" {
		f.add("OIDC_CLIENT_ID", "is not set; register this server at the provider with the redirect URI %s/callback", c.Site.URL())
	}
	if _, err := upstream.New(c.Upstream); err != nil && s.OIDCClientID != "" {
		*f = append(*f, err.Error()) // it names the setting itself
	}
}

// missingEndpoints names what a provider without discovery still lacks.
func (s settings) missingEndpoints() []string {
	var missing []string
	for _, endpoint := range []struct{ setting, value string }{
		{"OIDC_AUTH_URL", s.OIDCAuthURL}, {"OIDC_TOKEN_URL", s.OIDCTokenURL}, {"OIDC_USER_URL", s.OIDCUserURL},
	} {
		if endpoint.value == "" {
			missing = append(missing, endpoint.setting)
		}
	}
	return missing
}

// readDev keeps a provider whose passwords everybody knows off any network.
func (s settings) readDev(f *faults) {
	if site, err := oauth.NewSite(s.ServerURL); s.ServerURL != "" && err == nil && !site.Loopback() {
		f.add("SERVER_URL", "%q is not loopback; --dev is for this machine only", s.ServerURL)
	}
	if !s.loopbackHost() {
		f.add("HOST", "%q is not loopback; --dev is for this machine only", s.Host)
	}
	addr, err := netip.ParseAddrPort(s.DevOIDCAddr)
	if err != nil || !addr.Addr().IsLoopback() {
		f.add("DEV_OIDC_ADDR", "%q is not a loopback address like 127.0.0.1:9480", s.DevOIDCAddr)
	}
}

func (s settings) readUsers(c *config, f *faults) {
	any, err := strconv.ParseBool(s.AllowAnyUser)
	if err != nil {
		f.add("ALLOW_ANY_USER", "%q is neither true nor false", s.AllowAnyUser)
	}
	c.Policy = authorize.Policy{
		Subjects: list(s.AllowedSubjects), Emails: list(s.AllowedEmails), EmailDomains: list(s.AllowedEmailDomains),
		AnyUser: any,
	}
	restricted := len(c.Policy.Subjects)+len(c.Policy.Emails)+len(c.Policy.EmailDomains) > 0
	switch {
	case any && restricted:
		f.add("ALLOW_ANY_USER", "is true, but ALLOWED_SUBJECTS, ALLOWED_EMAILS or ALLOWED_EMAIL_DOMAINS is set too; choose one")
	case !any && !restricted && c.Site != (oauth.Site{}) && !c.Site.Loopback():
		f.add("ALLOWED_EMAILS", "nobody is allowed yet: set ALLOWED_SUBJECTS, ALLOWED_EMAILS or ALLOWED_EMAIL_DOMAINS, or ALLOW_ANY_USER=true to let in everybody whom the provider logs in")
	case !restricted && c.Site.Loopback():
		c.Policy.AnyUser = true
	}
	for _, e := range c.Policy.Emails {
		if at := strings.LastIndexByte(e, '@'); at < 1 || at == len(e)-1 {
			f.add("ALLOWED_EMAILS", "%q is not an e-mail address", e)
		}
	}
	for _, d := range c.Policy.EmailDomains {
		if strings.ContainsAny(d, "@* ") || !strings.Contains(d, ".") {
			f.add("ALLOWED_EMAIL_DOMAINS", "%q is not a domain like example.com", d)
		}
	}
	for _, claim := range list(s.TokenClaims) {
		switch claim {
		case "email":
			c.Claims.Email = true
		case "name":
			c.Claims.Name = true
		default:
			f.add("TOKEN_CLAIMS", "%q is neither email nor name", claim)
		}
	}
}

func (s settings) readLifetimes(c *config, f *faults) {
	c.Lifetimes = artifact.Lifetimes{
		Code:    duration("CODE_TTL", s.CodeTTL, 10*time.Minute, f),
		Access:  duration("ACCESS_TOKEN_TTL", s.AccessTokenTTL, 24*time.Hour, f),
		Idle:    duration("REFRESH_TOKEN_TTL", s.RefreshTokenTTL, 366*24*time.Hour, f),
		Session: duration("SESSION_TTL", s.SessionTTL, 366*24*time.Hour, f),
	}
	c.Algorithm = jose.Algorithm(s.AccessTokenAlg)
	if !slices.Contains([]jose.Algorithm{jose.EdDSA, jose.ES256, jose.HS256}, c.Algorithm) {
		f.add("ACCESS_TOKEN_ALG", "%q is none of EdDSA, ES256, HS256", s.AccessTokenAlg)
	}
}

// duration reads a lifetime of at least a second, which is the resolution of
// the times inside tokens.
func duration(setting, value string, most time.Duration, f *faults) time.Duration {
	d, err := time.ParseDuration(value)
	if err != nil || d < time.Second || d > most {
		f.add(setting, "%q is not a duration between 1s and %s, like 90s or 12h", value, most)
	}
	return d.Truncate(time.Second)
}

func (s settings) readResource(c *config, f *faults) {
	for _, origin := range list(s.AllowedOrigins) {
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != origin {
			f.add("ALLOWED_ORIGINS", "%q is not an origin like https://app.example.com", origin)
		}
		c.Origins = append(c.Origins, origin)
	}
	for _, cidr := range list(s.TrustedProxies) {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			f.add("TRUSTED_PROXIES", "%q is not a CIDR like 10.0.0.0/8", cidr)
		}
		c.TrustedProxies = append(c.TrustedProxies, prefix)
	}
	if s.LegacySSE != "on" && s.LegacySSE != "off" {
		f.add("LEGACY_SSE", "%q is neither on nor off", s.LegacySSE)
	}
	c.LegacySSE = s.LegacySSE == "on"
	c.MaxStreams = count("MAX_STREAMS", s.MaxStreams, f)
	c.MaxStreamsPerUser = count("MAX_STREAMS_PER_USER", s.MaxStreamsPerUser, f)
}

func count(setting, value string, f *faults) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		f.add(setting, "%q is not a whole number above zero", value)
	}
	return n
}

// list splits a setting at commas and white space.
func list(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
}

// localKeys is where a server that is for this machine only keeps the key ring
// it made for itself.
var localKeys = filepath.Join(".mcp-oauth-server", "keys")

func (s settings) readKeys(c *config, f *faults) {
	setting, text := "KEYS", s.Keys
	switch {
	case s.Keys != "" && s.KeysFile != "":
		f.add("KEYS", "is set, and KEYS_FILE is too; choose one")
		return
	case s.Keys == "" && s.KeysFile == "" && (!c.Site.Loopback() || !s.loopbackHost()):
		f.add("KEYS", "is not set; every replica needs the same key ring. Make one with `mcp-oauth-server keys new` and pass it as KEYS or KEYS_FILE")
		return
	case s.Keys == "":
		setting, c.KeysFile = "KEYS_FILE", s.KeysFile
		var err error
		if text, err = readKeysFile(&c.KeysFile); err != nil {
			f.add(setting, "%v", err)
			return
		}
	}
	secrets, err := jose.ParseSecrets(text)
	if err != nil {
		f.add(setting, "%v", err)
	}
	c.Secrets = secrets
}

// readKeysFile reads the ring, or the local one when no file is named, which is
// made on the first start.
func readKeysFile(name *string) (string, error) {
	if *name == "" {
		*name = localKeys
		if err := makeLocalKeys(); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("making the local key ring: %w", err)
		}
	}
	text, err := os.ReadFile(*name)
	return string(text), err
}

func makeLocalKeys() error {
	if err := os.MkdirAll(filepath.Dir(localKeys), 0o700); err != nil {
		return err
	}
	// Written aside and then linked: a second replica that starts at the same
	// moment finds no ring or a whole one. CreateTemp makes the file 0600.
	file, err := os.CreateTemp(filepath.Dir(localKeys), "new-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // a leftover is a secret nobody uses
	_, err = file.WriteString(jose.NewSecret() + "\n")
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Link(file.Name(), localKeys)
}
