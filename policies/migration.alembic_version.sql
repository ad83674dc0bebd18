-- Sealing notes at which revision it found the machinery that records.
grant select on table migration.alembic_version to gardenos_audit_sealer;
