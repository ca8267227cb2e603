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

// newZitadel is zitadel/oidc v3 `op` over the storage of its example, changed in
// two ways that both favour it: the key is ES256 instead of RS256, and deleting
// a code does not search all codes. A request costs it the AES opening of the
// code, look-ups, S256, two ES256 signatures (access token and ID token) and the
// storing of two tokens.
func newZitadel(base string) (peer, error) {
	key, err := newES256Key()
	if err != nil {
		return peer{}, err
	}
	client := storage.NativeClient(benchClient, benchRedirect)
	users := storage.NewUserStore(base)
	memory := &zitadelStorage{
		Storage: storage.NewStorageWithClients(users, map[string]*storage.Client{benchClient: client}),
		client:  zitadelClient{client}, key: zitadelKey{key},
		requests: make(map[string]string), codes: make(map[string]string),
	}
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
func zitadelCode(provider op.OpenIDProvider, memory *zitadelStorage) (string, error) {
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

// zitadelStorage is the example's storage with other keys, JWT access tokens and
// codes that are found by the id of their request.
type zitadelStorage struct {
	*storage.Storage
	client zitadelClient
	key    zitadelKey

	mu       sync.Mutex
	requests map[string]string // code to request
	codes    map[string]string // request to code
}

func (s *zitadelStorage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[code], s.codes[id] = id, code
	return nil
}

func (s *zitadelStorage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	id, ok := s.requests[code]
	s.mu.Unlock()
	if !ok {
		return nil, errors.New("code invalid or expired")
	}
	return s.AuthRequestByID(ctx, id)
}

func (s *zitadelStorage) DeleteAuthRequest(ctx context.Context, id string) error {
	s.mu.Lock()
	delete(s.requests, s.codes[id])
	delete(s.codes, id)
	s.mu.Unlock()
	return s.Storage.DeleteAuthRequest(ctx, id) // its own list of codes is empty
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
