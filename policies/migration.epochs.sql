-- The epoch stands in every row of the trail, in every seal and in every event. No row-level security: it is
-- nobody's data, and the restore procedure writes it as the owner.
grant select on table migration.epochs to
    gardenos_audit_writer,
    gardenos_audit_sealer,
    gardenos_audit_redactor,
    gardenos_publisher,
    gardenos_eraser;
