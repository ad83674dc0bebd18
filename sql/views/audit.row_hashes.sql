-- The rows of the trail as sealing and verifying see them: the hash of every column, the values and their
-- salt as a hash of their own, which stays when erasure empties them. One definition for both. No text here
-- depends on a setting of the session. A column that is added later needs a new form, or old seals no
-- longer match.
create or replace view audit.row_hashes
with (security_invoker = true)
as
select
    l.agency_id,
    l.id,
    l.epoch,
    l.timeline,
    l.seq,
    l.xid,
    l.tableoid as partition,
    sha256(
        convert_to(
            json_build_array(
                l.agency_id,
                l.id,
                l.seq,
                extract(epoch from l.at),
                l.schema_name,
                l.table_name,
                l.record_id,
                l.op,
                l.changed,
                encode(coalesce(l.values_hash, v.computed), 'hex'),
                l.actor_kind,
                l.actor_user_id,
                l.actor_membership_id,
                l.on_behalf_of_id,
                l.api_key_id,
                l.agency_role,
                l.db_role,
                l.request_id,
                l.ip,
                l.xid::text,
                l.epoch,
                l.timeline
            )::text,
            'UTF8'
        )
    ) as row_hash,
    (l.salt is not null and l.values_hash is null)
    or (l.salt is null and l.old_values is null and l.new_values is null) as values_hold,
    l.salt is null and l.values_hash is not null as is_emptied
from audit.log as l
cross join lateral (
    values (audit.values_hash(l.salt, l.old_values, l.new_values))
) as v (computed);

revoke all on table audit.row_hashes from public;
grant select on table audit.row_hashes to
    authenticated,
    service_role,
    gardenos_auditor,
    gardenos_audit_sealer;

comment on view audit.row_hashes is 'The trail, as hashes of its rows.';
comment on column audit.row_hashes.agency_id is 'Of the row.';
comment on column audit.row_hashes.id is 'Of the row.';
comment on column audit.row_hashes.epoch is 'Of the row.';
comment on column audit.row_hashes.timeline is 'Of the row.';
comment on column audit.row_hashes.seq is 'Of the row.';
comment on column audit.row_hashes.xid is 'Of the row.';
comment on column audit.row_hashes.partition is 'The month that holds the row.';
comment on column audit.row_hashes.row_hash is 'sha256 of every column, and of the hash of the values.';
comment on column audit.row_hashes.values_hold is 'False when there are values that were not recorded.';
comment on column audit.row_hashes.is_emptied is 'True when the values were erased; a redaction must say so.';
