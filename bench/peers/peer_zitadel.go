package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// newZitadel is zitadel/oidc v3 `op` over the storage of its example, with a key
// for ES256 instead of RS256, which favours it. A request costs it the AES
// opening of the code, look-ups, S256, two ES256 signatures (access token and ID
// token) and the storing of two tokens. To delete a code, that storage searches
// all codes that wait: the more of them a bench prepares, the slower it is.
func newZitadel(base string) (peer, error) {
	return newZitadelOver(base, func(s zitadelStorage) zitadelSite { return &s })
}

// newZitadelMap is the same with a storage that finds a code by its key, as a
// database would.
func newZitadelMap(base string) (peer, error) {
	return newZitadelOver(base, func(s zitadelStorage) zitadelSite {
		return &zitadelMap{zitadelStorage: s, requests: make(map[string]string), codes: make(map[string]string)}
	})
}

// zitadelSite is a storage that can be told that a login is done.
type zitadelSite interface {
	op.Storage
	AuthRequestDone(id string) error
}

func newZitadelOver(base string, over func(zitadelStorage) zitadelSite) (peer, error) {
	key, err := newES256Key()
	if err != nil {
		return peer{}, err
	}
	client := storage.NativeClient(benchClient, benchRedirect)
	users := storage.NewUserStore(base)
	memory := over(zitadelStorage{
		Storage: storage.NewStorageWithClients(users, map[string]*storage.Client{benchClient: client}),
		client:  zitadelClient{client}, key: zitadelKey{key},
	})
	provider, err := op.NewProvider(&op.Config{
		CryptoKey: sha256.Sum256([]byte("bench")), CodeMethodS256: true, GrantTypeRefreshToken: true,
	}, memory, op.StaticIssuer(base), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return peer{}, err
	}
	return peer{
		handler: provider,
		prepare: func(n int) ([]string, error) {
			return repeat(n, func(int) (string, error) { return zitadelCode(provider, memory) })
		},
	}, nil
}

// zitadelCode does what its authorization endpoint and the login of its example
// do.
func zitadelCode(provider op.OpenIDProvider, memory zitadelSite) (string, error) {
	ctx := context.Background()
	request, err := memory.CreateAuthRequest(ctx, &oidc.AuthRequest{
		ClientID: benchClient, RedirectURI: benchRedirect, ResponseType: oidc.ResponseTypeCode,
		Scopes:        oidc.SpaceDelimitedArray{"openid", "offline_access"},
		CodeChallenge: benchChallenge(), CodeChallengeMethod: oidc.CodeChallengeMethodS256,
	}, "id1")
	if err != nil {
		return "", err
	}
	if err := memory.AuthRequestDone(request.GetID()); err != nil {
		return "", err
	}
	code, err := op.CreateAuthRequestCode(ctx, request, memory, provider.Crypto())
	if err != nil {
		return "", err
	}
	return codeForm(benchClient, code), nil
}

// zitadelStorage is the example's storage with another key and JWT access tokens.
type zitadelStorage struct {
	*storage.Storage
	client zitadelClient
	key    zitadelKey
}

func (s *zitadelStorage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != benchClient {
		return nil, errors.New("unknown client")
	}
	return s.client, nil
}

func (s *zitadelStorage) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }

func (s *zitadelStorage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

func (s *zitadelStorage) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{zitadelPublicKey{s.key}}, nil
}

// zitadelMap keeps the codes itself; the list of the example's storage stays
// empty.
type zitadelMap struct {
	zitadelStorage
	mu       sync.Mutex
	requests map[string]string // code to request
	codes    map[string]string // request to code
}

func (s *zitadelMap) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[code], s.codes[id] = id, code
	return nil
}

func (s *zitadelMap) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	id, ok := s.requests[code]
	s.mu.Unlock()
	if !ok {
		return nil, errors.New("code invalid or expired")
	}
	return s.AuthRequestByID(ctx, id)
}

func (s *zitadelMap) DeleteAuthRequest(ctx context.Context, id string) error {
	s.mu.Lock()
	delete(s.requests, s.codes[id])
	delete(s.codes, id)
	s.mu.Unlock()
	return s.Storage.DeleteAuthRequest(ctx, id)
}

// zitadelClient gets JWT access tokens.
type zitadelClient struct{ *storage.Client }

func (zitadelClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

type zitadelKey struct{ private *ecdsa.PrivateKey }

func (zitadelKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (zitadelKey) ID() string                                  { return "bench" }
func (k zitadelKey) Key() any                                  { return k.private }

type zitadelPublicKey struct{ zitadelKey }

func (zitadelPublicKey) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (zitadelPublicKey) Use() string                        { return "sig" }
func (k zitadelPublicKey) Key() any                         { return &k.private.PublicKey }
