-- What recorded the trail, as sealing found it. No row-level security: it is nobody's data.
grant select, insert on table migration.machinery to gardenos_audit_sealer;
