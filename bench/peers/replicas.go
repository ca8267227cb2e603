package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mcp-oauth-server/crypto/jose"
)

// growReplicas puts one to four replicas behind nginx. All of them share the one
// core with it, so the rate cannot grow, and the more processes take turns on it,
// the more often it changes between them: what must stay flat is the processor time
// per request, nginx included, beside that of as many floors.
func (l *lab) growReplicas() (section, error) {
	s := section{
		title:  "More replicas",
		note:   "Replicas with one key ring behind nginx, which gives requests to them in turn. All share one core, so only the processor time of a request says something; nginx is in it. Beside it that of as many servers of the floor, behind nginx too; of three such rounds the one in the middle.",
		header: slices.Concat([]string{"request", "replicas"}, steadyHeader, pairHeader),
	}
	for _, loads := range [][2]load{{callLoad, callFloor}, {tokenLoad, tokenFloor}} {
		d, floor := loads[0], loads[1]
		for _, n := range growingReplicas {
			p, err := l.beside(
				func() (steady, error) { return l.replicated(d, n, l.startReplicas) },
				func() (steady, error) { return l.replicated(floor, n, l.startFloors) })
			if err != nil {
				return s, fmt.Errorf("%s, %d replicas: %w", d.name, n, err)
			}
			s.rows = append(s.rows, slices.Concat([]string{d.name, fmt.Sprint(n)}, p.cells()))
			l.progress("%s, %d replicas: %.0f/s, %.2f x floor", d.name, n, p.got.perSecond(), p.times())
		}
	}
	return s, nil
}

// starter starts n servers that are reached at front, and says how to prepare
// requests to all of them.
type starter func(d load, front netip.AddrPort, n int) (all []*process, prepare func(int) ([]string, error), err error)

func (l *lab) replicated(d load, n int, start starter) (steady, error) {
	defer l.stopAll()
	front, idle, err := freeAddresses()
	if err != nil {
		return steady{}, err
	}
	all, prepare, err := start(d, front, n)
	if err != nil {
		return steady{}, err
	}
	nginx, err := l.nginx(front, idle, all)
	if err != nil {
		return steady{}, err
	}
	t := &target{process: nginx, path: d.path, prepare: prepare}
	return l.once(d, t, l.conns, callTokens, func() (time.Duration, error) { return cpuOf(append(all, nginx)) })
}

// startReplicas starts the product.
func (l *lab) startReplicas(d load, front netip.AddrPort, n int) (all []*process, prepare func(int) ([]string, error), err error) {
	secret := jose.NewSecret()
	o := new(ours)
	if err := o.mintFor("http://"+front.String(), secret); err != nil {
		return nil, nil, err
	}
	for range n {
		addr, admin, err := freeAddresses()
		if err != nil {
			return nil, nil, err
		}
		p, err := l.launch("replica", addr, admin, oursEnv(front, addr, admin, secret), l.binary)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, p)
	}
	if d.once {
		return all, o.forms, nil
	}
	return all, o.bearers, nil
}

// startFloors starts servers that take any token or code.
func (l *lab) startFloors(d load, _ netip.AddrPort, n int) (all []*process, prepare func(int) ([]string, error), err error) {
	for range n {
		t, err := d.start(l)
		if err != nil {
			return nil, nil, err
		}
		all, prepare = append(all, t.process), t.prepare
	}
	return all, prepare, nil
}

func cpuOf(all []*process) (sum time.Duration, err error) {
	for _, p := range all {
		used, e := p.cpu()
		sum, err = sum+used, errors.Join(err, e)
	}
	return sum, err
}

// nginx runs one process of it, in the foreground, on loopback.
func (l *lab) nginx(front, idle netip.AddrPort, replicas []*process) (*process, error) {
	upstream := ""
	for _, r := range replicas {
		upstream += fmt.Sprintf("    server %v;\n", r.addr)
	}
	text := fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 10000000;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  upstream replicas {
%[2]s    keepalive 64;
    keepalive_requests 10000000;
  }
  server {
    listen %[3]v;
    listen %[4]v;
    location / {
      proxy_pass http://replicas;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
}
`, l.dir, upstream, front, idle)
	path := filepath.Join(l.dir, "nginx-"+port(front)+".conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return l.launch("nginx", front, idle, os.Environ(), "nginx", "-p", l.dir, "-e", "stderr", "-c", path)
}
