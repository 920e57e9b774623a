-- What an agent was registered for (`charter`) and where it stands (`life`), as documents.
-- `status` follows from the stage and is kept for people who look.
-- Agents from before run on as they were: certified when they were registered, switched off by a person if they were.

ALTER TABLE agents ADD COLUMN charter TEXT NOT NULL DEFAULT '{}';
ALTER TABLE agents ADD COLUMN life TEXT NOT NULL DEFAULT '{}';

UPDATE agents SET life = json_object(
    'stage', 'active', 'since_us', registered_us, 'certified_us', registered_us, 'recorded', json('true')
) WHERE status = 'active';

UPDATE agents SET life = json_object(
    'stage', 'suspended', 'cause', 'operator', 'since_us', registered_us, 'certified_us', registered_us,
    'recorded', json('true')
) WHERE status = 'revoked';
