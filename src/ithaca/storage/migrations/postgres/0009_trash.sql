-- Less to write for what goes into the trash: each index here is written to when one message is cut or edited.

-- Of what is removed, only a version is looked for by the ids of its messages.
ALTER TABLE trashed_messages ADD COLUMN aside BOOLEAN NOT NULL DEFAULT FALSE; -- in an entry of the kind 'version'
UPDATE trashed_messages SET aside = TRUE WHERE EXISTS (SELECT 1 FROM trash t
    WHERE t.owner = trashed_messages.owner AND t.id = trashed_messages.trash_id AND t.kind = 'version');
DROP INDEX trashed_messages_by_session;
CREATE INDEX trashed_messages_aside ON trashed_messages (owner, session_id, id) WHERE aside;

-- In the order in which they are undone.
DROP INDEX trash_by_session;
CREATE INDEX trash_by_session ON trash (owner, session_id, revision);

-- Versions are listed nowhere.
DROP INDEX trash_by_time;
DROP INDEX trash_by_time_of_all;
DROP INDEX trash_by_id;
CREATE INDEX trash_by_time ON trash (owner, created_at, id) WHERE kind <> 'version';
CREATE INDEX trash_by_time_of_all ON trash (created_at, owner, id) WHERE kind <> 'version';
CREATE INDEX trash_by_id ON trash (id) WHERE kind <> 'version';
