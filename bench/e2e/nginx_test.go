package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The nginx configuration that is shipped, before two replicas: a login whose requests go anywhere, and a legacy
// stream whose messages find the replica that holds it.
func TestLoginBehindTheShippedNginxConfiguration(t *testing.T) {
	t.Parallel()
	need(t, "nginx")
	port := freePort(t)
	base := fmt.Sprintf("https://%s:%d", publicName, port)
	env := append(startIdP(t, base), "SERVER_URL="+base, "HOST=127.0.0.1", "KEYS="+newKeys(),
		"ALLOW_ANY_USER=true", "TRUSTED_PROXIES=127.0.0.1/32")
	cert, transport := publicSite(t)
	startNginx(t, port, cert, startReplica(t, env), startReplica(t, env))

	a := newApp(base, "alice")
	a.client.Transport, a.browser.client.Transport = transport, transport
	eventually(t, startTimeout, "nginx answers", func() error {
		response, err := a.client.Get(base + "/healthz")
		if err == nil {
			response.Body.Close()
		}
		return err
	})
	a.login(t)
	a.useTools(t)
	a.refresh(t)
	a.useTools(t)

	// With several streams, each with several messages, chance alone does not find the right replica.
	for range 4 {
		s := a.openStreamVia(t, transport)
		for id := range 4 {
			message := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping"}`, id)
			if status := a.postTo(t, base+s.endpoint, message); status != http.StatusAccepted {
				t.Errorf("a message to the stream answers %d", status)
			}
			s.waitFor(t, fmt.Sprintf(`"id":%d`, id))
		}
		s.close()
	}

	long := `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"long":"` + strings.Repeat("x", 4<<20-100) + `"}}}`
	if status := a.postTo(t, base+"/sse", long); status != http.StatusOK {
		t.Errorf("a message of %d bytes answers %d", len(long), status)
	}
}

// startNginx runs nginx in the foreground with the shipped configuration, with our port, certificate and replicas.
func startNginx(t *testing.T, port int, cert tls.Certificate, a, b *replica) {
	t.Helper()
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})))
	writeFile(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	shipped, err := os.ReadFile("../../deploy/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	site := string(shipped)
	for old, replacement := range map[string]string{
		"listen      443 ssl;":                 fmt.Sprintf("listen 127.0.0.1:%d ssl;", port),
		"server_name mcp.example.com;":         "server_name " + publicName + ";",
		"/etc/ssl/certs/mcp.example.com.pem":   dir + "/cert.pem",
		"/etc/ssl/private/mcp.example.com.key": dir + "/key.pem",
		"/var/log/nginx/mcp-oauth-server.":     dir + "/",
		"server 127.0.0.1:8081":                "server " + a.addr(),
		"server 127.0.0.1:8082":                "server " + b.addr(),
	} {
		if !strings.Contains(site, old) {
			t.Fatalf("deploy/nginx.conf holds no %q", old)
		}
		site = strings.ReplaceAll(site, old, replacement)
	}
	writeFile(t, dir, "site.conf", site)
	conf := writeFile(t, dir, "nginx.conf", fmt.Sprintf(`daemon off; master_process off; worker_processes 1;
pid %[1]s/nginx.pid; error_log stderr crit;
events { worker_connections 256; }
http {
    client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
    include %[1]s/site.conf;
}
`, dir))
	p := spawn(t, dir, nil, "nginx", "-p", dir, "-e", "stderr", "-c", conf)
	t.Cleanup(func() {
		p.kill()
		log, _ := os.ReadFile(filepath.Join(dir, "access.log"))
		checkLog(t, string(log))
		if !strings.Contains(string(log), "/callback") {
			t.Errorf("nginx wrote no access log: %s", p.output.String())
		}
	})
}

func writeFile(t *testing.T, dir, name, content string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
