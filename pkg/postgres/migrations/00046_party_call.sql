-- Which call at the PBX a party of the registrars' queue is: whoever talks to a registrar while the service dies is found again.

-- +goose Up
ALTER TABLE inbound_party ADD COLUMN call_key text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE inbound_party DROP COLUMN call_key;
