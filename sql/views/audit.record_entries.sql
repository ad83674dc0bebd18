-- The life of the records that the caller can read now. The one view with the rights of its owner: the trail
-- itself is for owners and admins, and who reads a record may know what became of it. Tables are read as the
-- owner of the view, functions run as the caller. So app.can_read asks the policies of the record for the
-- very person who is asking, and nothing here repeats a rule of access.
--
-- Why it tells nobody more than the record does:
-- 1. a record out of reach, or gone for good, has no entry here; clients and agents have none at all;
-- 2. what was private left no values in the trail;
-- 3. is_before: a record that was shared otherwise before may have held what its readers of today must not
--    know. So values up to the last change of visibility, and up to the last time that it was private, are
--    left out. Owner and team may change: a record is handed over with its history;
-- 4. is_of_another: clients choose ids. Who makes a record with the id of one that is gone reads the life of
--    the new one only: what is older than the latest insert is left out;
-- 5. addresses and request ids of colleagues stay with owners and admins;
-- 6. security_barrier: no condition of the caller's runs before those of the view.
set local role gardenos_audit_sealer;

create or replace view audit.record_entries
with (security_barrier = true)
as
select
    e.agency_id,
    e.schema_name,
    e.table_name,
    e.record_id,
    e.id,
    e.epoch,
    e.timeline,
    e.seq,
    e.at,
    e.actor_kind,
    e.actor_membership_id,
    e.actor_user_id,
    e.on_behalf_of_id,
    e.op,
    e.changed,
    e.is_before,
    case when not e.is_before then e.old_values end as old_values,
    case when not e.is_before then e.new_values end as new_values,
    e.salt is null and e.values_hash is not null as is_redacted
from (
    select
        l.*,
        bool_or(
            'visibility' = any(l.changed)
            or (l.op in ('insert', 'update') and l.salt is null and l.values_hash is null)
        ) over life as is_before,
        count(*) filter (where l.op = 'insert') over (
            life rows between unbounded preceding and 1 preceding
        ) > 0 as is_of_another
    from audit.log as l
    window life as (
        partition by l.agency_id, l.schema_name, l.table_name, l.record_id
        order by l.epoch desc, l.timeline desc, l.seq desc
    )
) as e
where
    e.agency_id = (select app.agency_id())
    and not e.is_of_another
    and (select app.may('audit.log:select', 'owner', 'admin', 'manager', 'member', 'viewer'))
    and app.can_read(e.schema_name, e.table_name, e.record_id);

revoke all on table audit.record_entries from public;
grant select on table audit.record_entries to authenticated;

comment on view audit.record_entries is 'What became of the records that the caller can read now.';
comment on column audit.record_entries.agency_id is 'Of the record.';
comment on column audit.record_entries.schema_name is 'Of the table of the record.';
comment on column audit.record_entries.table_name is 'The table of the record.';
comment on column audit.record_entries.record_id is 'The record.';
comment on column audit.record_entries.id is 'Of the entry.';
comment on column audit.record_entries.epoch is 'First part of the order.';
comment on column audit.record_entries.timeline is 'Second part of the order.';
comment on column audit.record_entries.seq is 'Third part of the order.';
comment on column audit.record_entries.at is 'When the statement began; for people, never an order.';
comment on column audit.record_entries.actor_kind is 'A user, an agent, a key or the system.';
comment on column audit.record_entries.actor_membership_id is 'Who did it, as a member.';
comment on column audit.record_entries.actor_user_id is 'Who did it.';
comment on column audit.record_entries.on_behalf_of_id is 'For whom an agent did it.';
comment on column audit.record_entries.op is 'What was done.';
comment on column audit.record_entries.changed is 'Which columns changed.';
comment on column audit.record_entries.old_values is 'Values before; null when they are not for the caller.';
comment on column audit.record_entries.new_values is 'Values after; null when they are not for the caller.';
comment on column audit.record_entries.is_redacted is 'True when the values were erased.';
comment on column audit.record_entries.is_before is 'True when the record was shared otherwise after this.';

set local role gardenos_owner;
