package emulator

import "time"

// Client and secret of the services that are emulated by name. They are not
// secret.
const (
	PresetClient = "9b0d6f0a-5a0e-4c55-8f2e-3b7b1c2d4e5f"
	PresetSecret = "5f4dcc3b5aa765d61d8327deb882cf99" //nolint:gosec // of an emulator
	PresetUser   = "integracao"
	PresetHeader = "0a1b2c3d4e5f60718293a4b5c6d7e8f9" // the value of a service's own header
)

// Preset returns the settings of a service by the name of its preset, and whether
// it is known. They are written from the services' pages, not from the presets.
func Preset(name string) (Settings, bool) {
	login := func(auth string, life, refresh time.Duration) Settings {
		return Settings{Clients: []Client{{ID: PresetClient, Secret: PresetSecret, Auth: auth}}, Lifetime: life, RefreshLifetime: refresh}
	}
	bank := func(auth string, life time.Duration) Settings {
		return Settings{
			Clients:  []Client{{ID: PresetClient, Secret: PresetSecret, Auth: auth, Certificate: "any", Grants: []string{"client_credentials"}}},
			Lifetime: life,
		}
	}
	const hour, day = time.Hour, 24 * time.Hour
	switch name {
	case "mercado-livre":
		return login("body", 6*hour, 180*day), true
	case "bling":
		return login("basic", 6*hour, 30*day), true
	case "conta-azul":
		return login("basic", hour, 0), true
	case "tiny":
		return login("body", 4*hour, day), true
	case "ifood":
		s := login("body", 6*hour, 0)
		s.Clients[0].Grants = []string{"client_credentials", "refresh_token"}
		s.Names = map[string]string{
			"grant_type": "grantType", "client_id": "clientId", "client_secret": "clientSecret", "refresh_token": "refreshToken",
			"access_token": "accessToken", "token_type": "type", "expires_in": "expiresIn",
		}
		return s, true
	case "banco-do-brasil":
		s := bank("basic", 10*time.Minute)
		s.Clients[0].Certificate = ""
		return s, true
	case "sicoob":
		s := bank("none", 5*time.Minute)
		s.Clients[0].Secret = ""
		return s, true
	case "itau":
		return bank("body", 5*time.Minute), true
	case "bradesco", "inter":
		return bank("body", hour), true
	case "sicredi":
		return Settings{
			Clients: []Client{{Auth: "none", Grants: []string{"password", "refresh_token"}}}, Users: []User{{PresetUser, PresetSecret}},
			Headers:  map[string]string{"x-api-key": PresetHeader, "context": "COBRANCA"},
			Lifetime: 5 * time.Minute, RefreshLifetime: 30 * time.Minute,
		}, true
	case "serpro":
		s := login("basic", hour, 0)
		s.Clients[0].RawBasic, s.Clients[0].Grants = true, []string{"client_credentials"}
		return s, true
	case "sankhya":
		s := login("body", 5*time.Minute, 0)
		s.Clients[0].Grants, s.Headers = []string{"client_credentials"}, map[string]string{"X-Token": PresetHeader}
		return s, true
	case "protheus":
		return Settings{
			Clients: []Client{{Auth: "none", Grants: []string{"password", "refresh_token"}}}, Users: []User{{PresetUser, PresetSecret}},
			Send: "headers", GrantInQuery: true, Lifetime: hour,
		}, true
	}
	return Settings{}, false
}
