package e2e

import "testing"

// lifetime are the steps of a login and of a while after it.
func (a *app) lifetime() []step {
	return append(a.steps(), step{"tools/call", a.useTools}, step{"refresh", a.refresh}, step{"tools/call again", a.useTools})
}

// The replica that served a step is killed before the next one, at every step of one login: the other carries on.
func TestKillingTheReplicaOfThePreviousStepLosesNothing(t *testing.T) {
	t.Parallel()
	f := newFront(t, roundRobin)
	pair := startPair(t, f, startDevProvider(t, f.url()))
	a := newApp(f.url(), "alice")
	var dead *replica
	for _, step := range a.lifetime() {
		step.do(t)
		if dead != nil {
			dead.restart(t)
		}
		dead = pair[f.last.Load()]
		t.Logf("%s was served by the replica on port %d, which is killed", step.name, dead.port)
		dead.kill()
	}
	f.spread(t)
}

// The only replica is killed and started again between any two steps.
func TestRestartingTheOnlyReplicaLosesNothing(t *testing.T) {
	t.Parallel()
	f := newFront(t, roundRobin)
	settings := append(startDevProvider(t, f.url()), "SERVER_URL="+f.url())
	// No KEYS: the ring in the working directory must be found again.
	server := startReplica(t, settings)
	f.open(t, server)
	a := newApp(f.url(), "alice")
	for _, step := range a.lifetime() {
		step.do(t)
		server.restart(t)
	}
}

// An open legacy stream dies with its replica; its client reconnects to the other one and goes on.
func TestLegacyStreamMovesToTheOtherReplica(t *testing.T) {
	t.Parallel()
	needNode(t)
	f := newFront(t, sessionHash)
	pair := startPair(t, f, startIdP(t, f.url()))
	for _, client := range sseClients {
		t.Run(client.name, func(t *testing.T) {
			script, args := command(client.command, f.url())
			d := leadDriver(t, script, args...)
			for range 2 {
				d.step(t, "before")
				victim := pair[f.last.Load()]
				victim.kill()
				t.Logf("after the kill the call took %d tries", d.step(t, "after"))
				victim.restart(t)
			}
			if r := d.finish(t); r.Authorizations != 1 {
				t.Errorf("the user had to log in %d times", r.Authorizations)
			}
		})
	}
}
